-- Softmax as a layer. Source: keras.layers.Softmax.
local axes = require "moongate.layers.axes"
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"

--- e^x over its sum along `axis`. With a mask, which broadcasts against the input, masked elements take no part and become 0.
---@param axis? integer|integer[] default -1
---@param options? table name, dtype
---@example local y = mg.layers.Softmax()(scores, { mask = mask })
local Softmax = class("Softmax", Layer)
Softmax.rows_apart, Softmax.built_at_once, Softmax.records_mask = true, true, true
Layer.declare(Softmax, { { "axis", default = -1, codec = fields.axes } }, { "axis" })

Softmax.supports_masking = true

-- What stands for a masked element before the exponential.
local FAR = -1e9

-- The mask broadcasts against x: sizes aligned at the end, equal or 1.
local function check_mask(self, mask, x)
  local m, n = #mask.shape, #x.shape
  local fits = m <= n
  for i = 1, fits and m or 0 do fits = fits and (mask.shape[i] == 1 or mask.shape[i] == x.shape[n - m + i]) end
  if fits then return end
  check.fail("%s: mask %s for the input %s, expected sizes that are equal or 1, aligned at the end", self:title(),
    self.shape_text(mask.shape), self.shape_text(x.shape))
end

local function softmax(x, dims)
  if #dims == 1 then return ops.softmax(x, dims[1]) end
  local powers = ops.exp(x - ops.max(x, dims, true):detach())
  return powers / ops.sum(powers, dims, true)
end

--- The layer's output.
---@param x Tensor
---@param options? table mask
---@return Tensor
function Softmax:call(x, options)
  local dims = axes.dims(self, self.axis, inputs.tensor(self, x).shape)
  local mask = self:convert_mask(inputs.options(self, options).mask)
  if not mask then return softmax(x, dims) end
  check_mask(self, mask, x)
  return ops.where(mask, softmax(ops.where(mask, x, FAR), dims), 0)
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function Softmax:compute_output_shape(shape)
  axes.dims(self, self.axis, self:checked_shape(shape))
  return shape
end

return Softmax
