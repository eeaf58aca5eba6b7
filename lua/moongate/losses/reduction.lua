-- How losses of single samples become one number: masks, sample weights, reductions. Rules: keras/src/losses/loss.py.
local create = require "moongate.tensor_create"
local check = require "moongate.check"
local ops = require "moongate.ops"
local shapes = require "moongate.shape"
local tensor = require "moongate.tensor"

local reduction = {}

--- Both as tensors; numbers of y_true that are not class ids take y_pred's dtype.
---@return Tensor y_pred, Tensor y_true
function reduction.tensors(op, y_true, y_pred)
  tensor.expect(op, "y_pred", y_pred)
  return y_pred, create.as_tensor(y_true, y_pred.dtype)
end

--- Shapes whose ranks differ by one are brought together where the longer one ends in 1.
---@return Tensor a, Tensor b
function reduction.same_rank(a, b)
  local n, m = #a.shape, #b.shape
  if n == m + 1 and a.shape[n] == 1 then
    if m == 1 then return a, ops.expand_dims(b, -1) end
    return ops.squeeze(a, -1), b
  elseif m == n + 1 and b.shape[m] == 1 then
    local y, x = reduction.same_rank(b, a)
    return x, y
  end
  return a, b
end

--- Shape of the unreduced losses: predictions without their last axis.
---@return integer[]
---@package
function reduction.rows_without_last(_, y_pred)
  local rows = {}
  for i = 1, #y_pred.shape - 1 do rows[i] = y_pred.shape[i] end
  return rows
end

--- The steps that both masks allow; either may be nil.
function reduction.and_masks(a, b)
  if a and b then return ops.logical_and(a, b) end
  return a or b
end

-- Weights of a mask. For means every valid entry counts total/valid, so that the mean runs over valid entries; none valid: 0.
local function mask_weights(mask, dtype, kind)
  local weights = ops.cast(mask, dtype)
  if kind ~= "mean" and kind ~= "sum_over_batch_size" and kind ~= "auto" then return weights end
  local valid = ops.sum(weights):item()
  return valid > 0 and ops.mul(weights, mask.count / valid) or weights
end

local function fit(op, weights, rows)
  local shape = weights.shape
  if #shape == #rows + 1 and shape[#shape] == 1 then
    weights = ops.squeeze(weights, -1)
  elseif #shape == 1 and #rows > 1 then
    if rows[#rows] ~= 1 then
      check.fail("%s: sample_weight %s does not fit losses %s; likely fix: reshape it to (%d%s)", op, shapes.text(shape),
        shapes.text(rows), shape[1], (", 1"):rep(#rows - 1))
    end
    weights = ops.expand_dims(weights, -1)
  end
  if shapes.equal(weights.shape, rows) then return weights end
  for i = 0, math.max(#weights.shape, #rows) - 1 do
    local size, wanted = weights.shape[#weights.shape - i], rows[#rows - i]
    if not wanted or (size and size ~= 1 and size ~= wanted) then
      check.fail("%s: sample_weight %s does not fit losses %s; likely fix: one weight for each sample (%d)", op,
        shapes.text(shape), shapes.text(rows), rows[1] or 1)
    end
  end
  return ops.broadcast_to(weights, rows)
end

--- Mask and sample weights merged: as weights of the losses' shape `rows`, and as they were before that; or nil.
---@return Tensor|nil, Tensor|nil
function reduction.weights(op, rows, sample_weight, mask, kind, dtype)
  if not mask and not sample_weight then return nil end
  dtype = dtype or "float32"
  local weights = sample_weight and ops.cast(create.as_tensor(sample_weight, dtype), dtype)
  if mask then
    local masked = mask_weights(mask, dtype, kind)
    if weights then
      masked, weights = reduction.same_rank(masked, weights)
      weights = ops.mul(weights, masked)
    else
      weights = masked
    end
  end
  return fit(op, weights, rows), weights
end

--- Weighted losses `values` (of shape `rows`) to one number, or as they are with "none". `weights` are those that
--- "mean_with_sample_weight" divides by the sum of, in the shape in which they were given.
---@return Tensor
function reduction.reduce(values, rows, weights, kind)
  if kind == nil or kind == "none" or #rows == 0 then return values end
  local total = ops.sum(values)
  if kind == "sum" then return total end
  local divisor = shapes.count(rows)
  if kind == "mean_with_sample_weight" and weights then divisor = ops.sum(weights):item() end
  if divisor == 0 then return ops.mul(total, 0) end
  return ops.div(total, divisor)
end

return reduction
