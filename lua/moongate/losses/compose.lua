-- What losses made of tensor operations share: targets brought into the predictions' shape, rows of weight 0 kept out, weights.
local check = require "moongate.check"
local ops = require "moongate.ops"
local reduction = require "moongate.losses.reduction"
local shapes = require "moongate.shape"

local compose = { EPSILON = 1e-7 } -- keras.config.epsilon()

--- Targets in the predictions' dtype and shape; the cross-entropies take no targets of another shape (`exact`), as in Keras.
---@return Tensor y_true, Tensor y_pred
---@package
function compose.match(op, y_true, y_pred, exact)
  y_true, y_pred = reduction.same_rank(y_true, y_pred)
  y_true = ops.cast(y_true, y_pred.dtype)
  local a, b = y_true.shape, y_pred.shape
  local equal, fits, missing = #a == #b, #a <= #b, #b - #a
  for i, size in ipairs(a) do
    if size ~= b[i + missing] then equal, fits = false, fits and size == 1 end
  end
  if not fits or (exact and not equal) then
    check.fail("%s: y_true %s does not fit y_pred %s; likely fix: the last layer's units, or a sparse_ loss for class ids", op,
      shapes.text(a), shapes.text(b))
  end
  return equal and y_true or ops.broadcast_to(y_true, b), y_pred
end

--- Keras's axis as a dimension of the predictions, from 1; 0 for a scalar.
---@return integer
---@package
function compose.axis_of(self, y_pred)
  local n, axis = #y_pred.shape, self.axis or -1
  local dim = axis < 0 and n + axis + 1 or axis + 1
  if n > 0 and (dim < 1 or dim > n) then
    check.fail("%s: axis = %d for predictions %s, expected %d..%d", self.name, axis, tostring(y_pred.shape), -n, n - 1)
  end
  return dim
end

--- Shape of the unreduced losses: predictions without their class axis.
---@return integer[]
---@package
function compose.rows_along_axis(self, y_pred)
  local axis, rows = compose.axis_of(self, y_pred), {}
  for i, size in ipairs(y_pred.shape) do
    if i ~= axis then rows[#rows + 1] = size end
  end
  return rows
end

--- x with its class axis at the end.
---@return Tensor
---@package
function compose.classes_last(self, x)
  local axis, n = compose.axis_of(self, x), #x.shape
  if axis == n then return x end
  local order = {}
  for i = 1, n do
    if i ~= axis then order[#order + 1] = i end
  end
  order[n] = axis
  return ops.permute(x, order)
end

--- Label smoothing: y (1 - s) + s / classes.
---@return Tensor
---@package
function compose.smooth(y_true, amount, classes)
  if amount == 0 then return y_true end
  return ops.add(ops.mul(y_true, 1 - amount), amount / classes)
end

--- x (..., C) with 0.5 in the rows of weight 0, so that nothing there, NaN included, reaches a value or a gradient.
---@return Tensor
---@package
function compose.shield(x, weights)
  if not weights or #x.shape ~= #weights.shape + 1 then return x end
  return ops.where(ops.expand_dims(ops.ne(weights, 0), -1), x, 0.5)
end

--- Losses of shape `rows` times their weights.
---@return Tensor
---@package
function compose.weigh(values, rows, weights)
  if not shapes.equal(values.shape, rows) then values = ops.reshape(values, rows) end
  return weights and ops.mul(values, ops.cast(weights, values.dtype)) or values
end

--- A loss from value(self, y_true, y_pred), which takes both with the class axis last and reduces that; prepare(y_true) changes all
--- targets first. `options.exact`: see match.
---@param value function
---@param options? table { exact =, prepare = }
---@return function
---@package
function compose.loss(value, options)
  options = options or {}
  return function(self, y_true, y_pred, rows, weights)
    y_true, y_pred = compose.match(self.name, y_true, y_pred, options.exact)
    y_true, y_pred = compose.classes_last(self, y_true), compose.classes_last(self, y_pred)
    if options.prepare then y_true = options.prepare(y_true) end
    y_true, y_pred = compose.shield(y_true, weights), compose.shield(y_pred, weights)
    return compose.weigh(value(self, y_true, y_pred), rows, weights)
  end
end

return compose
