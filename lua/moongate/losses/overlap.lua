-- Losses of overlap (segmentation): one number for the sums over `axis`, all axes where it is null.
-- Source: keras/src/losses/losses.py.
local compose = require "moongate.losses.compose"
local ops = require "moongate.ops"

local overlap = {}

-- Keras's axis or axes as dimensions from 1; nil for all.
local function dims_of(self)
  if self.axis == nil then return nil end
  local dims = {}
  for i, axis in ipairs(type(self.axis) == "table" and self.axis or { self.axis }) do dims[i] = axis < 0 and axis or axis + 1 end
  return dims
end

--- Shape of the unreduced losses: what the sums leave.
---@return integer[]
---@package
function overlap.rows(self, y_pred)
  local dims, gone, rows = dims_of(self), {}, {}
  for _, dim in ipairs(dims or {}) do gone[dim < 0 and #y_pred.shape + dim + 1 or dim] = true end
  for i, size in ipairs(y_pred.shape) do
    if dims and not gone[i] then rows[#rows + 1] = size end
  end
  return rows
end

local function loss(value)
  return function(self, y_true, y_pred, rows, weights)
    y_true, y_pred = compose.match(self.name, y_true, y_pred)
    local dims = dims_of(self)
    local function sum(x) return ops.sum(x, dims) end
    return compose.weigh(ops.sub(1, value(self, y_true, y_pred, sum)), rows, weights)
  end
end

-- 2 sum(y p) / (sum y + sum p)
overlap.dice = loss(function(_, y_true, y_pred, sum)
  local both = ops.mul(sum(ops.mul(y_true, y_pred)), 2)
  return ops.div(both, ops.add(ops.add(sum(y_true), sum(y_pred)), compose.EPSILON))
end)

-- sum(y p) / (sum(y p) + alpha sum(y (1 - p)) + beta sum((1 - y) p))
overlap.tversky = loss(function(self, y_true, y_pred, sum)
  local both = sum(ops.mul(y_true, y_pred))
  local missed = ops.mul(sum(ops.mul(ops.sub(1, y_pred), y_true)), self.alpha)
  local wrong = ops.mul(sum(ops.mul(y_pred, ops.sub(1, y_true))), self.beta)
  return ops.div(both, ops.add(ops.add(ops.add(both, missed), wrong), compose.EPSILON))
end)

return overlap
