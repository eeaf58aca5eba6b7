-- The formulas of losses/init.lua. Each takes the loss (its options), targets, predictions, the shape `rows` of the unreduced
-- losses and their weights (or nil), and returns the weighted losses of shape `rows`. The fused kernels skip rows of weight 0.
local check = require "moongate.check"
local ops = require "moongate.ops"
local reduction = require "moongate.losses.reduction"
local shapes = require "moongate.shape"

local functions = {}

local EPSILON = 1e-7 -- keras.config.epsilon()

local function flat_weights(weights, n, dtype)
  return weights and ops.reshape(ops.cast(weights, dtype), { n })
end

-- Targets in the predictions' dtype and shape; the cross-entropies take no targets of another shape (`exact`), as in Keras.
local function match(op, y_true, y_pred, exact)
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

local function pointwise(kind, op, y_true, y_pred, rows, weights, delta)
  y_true, y_pred = match(op, y_true, y_pred)
  local n = shapes.count(rows)
  local columns = y_pred.shape[#y_pred.shape] or 1
  local values = ops.pointwise_loss(kind, ops.reshape(y_pred, { n, columns }), ops.reshape(y_true, { n, columns }),
    flat_weights(weights, n, y_pred.dtype), delta)
  return ops.reshape(values, rows)
end

function functions.mean_squared_error(self, y_true, y_pred, rows, weights)
  return pointwise("squared", self.name, y_true, y_pred, rows, weights)
end

function functions.mean_absolute_error(self, y_true, y_pred, rows, weights)
  return pointwise("absolute", self.name, y_true, y_pred, rows, weights)
end

function functions.huber(self, y_true, y_pred, rows, weights)
  return pointwise("huber", self.name, y_true, y_pred, rows, weights, self.delta)
end

-- y (1 - s) + s / classes
local function smooth(y_true, amount, classes)
  if amount == 0 then return y_true end
  return ops.add(ops.mul(y_true, 1 - amount), amount / classes)
end

-- Keras's axis as a dimension of the predictions, from 1; 0 for a scalar.
local function axis_of(self, y_pred)
  local n = #y_pred.shape
  local dim = self.axis < 0 and n + self.axis + 1 or self.axis + 1
  if n > 0 and (dim < 1 or dim > n) then
    check.fail("%s: axis = %d for predictions %s, expected %d..%d", self.name, self.axis, tostring(y_pred.shape), -n, n - 1)
  end
  return dim
end

--- Shape of the unreduced losses: predictions without their class axis.
---@package
function functions.rows_along_axis(self, y_pred)
  local axis, rows = axis_of(self, y_pred), {}
  for i, size in ipairs(y_pred.shape) do
    if i ~= axis then rows[#rows + 1] = size end
  end
  return rows
end

local function classes_last(self, x)
  local axis, n = axis_of(self, x), #x.shape
  if axis == n then return x end
  local order = {}
  for i = 1, n do
    if i ~= axis then order[#order + 1] = i end
  end
  order[n] = axis
  return ops.permute(x, order)
end

function functions.binary_crossentropy(self, y_true, y_pred, rows, weights)
  y_true, y_pred = match(self.name, y_true, y_pred, true)
  y_true, y_pred = smooth(classes_last(self, y_true), self.label_smoothing, 2), classes_last(self, y_pred)
  if self.from_logits then return pointwise("binary_logits", self.name, y_true, y_pred, rows, weights) end
  local p = ops.clip(y_pred, EPSILON, 1 - EPSILON)
  local positive = ops.mul(y_true, ops.log(p))
  local negative = ops.mul(ops.sub(1, y_true), ops.log(ops.sub(1, p)))
  local values = ops.reshape(ops.neg(ops.mean(ops.add(positive, negative), #y_pred.shape > 0 and -1 or nil)), rows)
  return weights and ops.mul(values, ops.cast(weights, values.dtype)) or values
end

-- Logits (N, C) whose softmax is `p` normalized and clipped to EPSILON.
local function logits_of(p, normalize)
  if normalize then p = ops.div(p, ops.sum(p, { -1 }, true)) end
  return ops.log(ops.clip(p, EPSILON, 1 - EPSILON))
end

function functions.categorical_crossentropy(self, y_true, y_pred, rows, weights)
  y_true, y_pred = match(self.name, y_true, y_pred, true)
  y_true, y_pred = classes_last(self, y_true), classes_last(self, y_pred)
  local n, classes = shapes.count(rows), y_pred.shape[#y_pred.shape]
  y_true = ops.reshape(smooth(y_true, self.label_smoothing, classes), { n, classes })
  y_pred = ops.reshape(y_pred, { n, classes })
  local flat = flat_weights(weights, n, y_pred.dtype)
  if self.from_logits then return ops.reshape(ops.cross_entropy(y_pred, y_true, flat), rows) end
  local values = ops.neg(ops.sum(ops.mul(y_true, logits_of(y_pred, true)), { -1 }))
  return ops.reshape(flat and ops.mul(values, flat) or values, rows)
end

local function class_ids(self, y_true, rows)
  if #y_true.shape == #rows + 1 and y_true.shape[#y_true.shape] == 1 then y_true = ops.squeeze(y_true, -1) end
  if not shapes.equal(y_true.shape, rows) then
    check.fail("%s: y_true %s does not fit predictions of %s rows, expected one class id for each; likely fix: "
      .. "categorical_crossentropy for one-hot targets", self.name, shapes.text(y_true.shape), shapes.text(rows))
  end
  return y_true
end

--- The mask of `ignore_class`: 1 where the target is another class; nil without that option.
function functions.ignored_classes(self, y_true, rows)
  if not self.ignore_class then return nil end
  return ops.ne(class_ids(self, y_true, rows), self.ignore_class)
end

function functions.sparse_categorical_crossentropy(self, y_true, y_pred, rows, weights)
  y_true = class_ids(self, y_true, rows)
  y_pred = classes_last(self, y_pred)
  local n, classes = shapes.count(rows), y_pred.shape[#y_pred.shape]
  local logits = ops.reshape(y_pred, { n, classes })
  if not self.from_logits then logits = logits_of(logits) end
  return ops.reshape(ops.cross_entropy(logits, ops.reshape(y_true, { n }), flat_weights(weights, n, y_pred.dtype)), rows)
end

return functions
