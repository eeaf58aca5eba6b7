-- RMSNormalization: x / sqrt(mean(x^2) + epsilon) * scale. Source: Zhang and Sennrich 2019; keras.layers.RMSNormalization.
local axes = require "moongate.layers.axes"
local class = require "moongate.class"
local fields = require "moongate.fields"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"

--- Divides by the root of the mean square over `axis`, and multiplies by a learned scale; any shape.
---@param options? table axis = -1 (or a list), epsilon = 1e-6, name, dtype, trainable
---@example local layer = mg.layers.RMSNormalization()
local RMSNormalization = class("RMSNormalization", Layer)
RMSNormalization.rows_apart = true
Layer.declare(RMSNormalization, {
  { "axis", default = -1, codec = fields.axes },
  { "epsilon", default = 1e-6, codec = fields.float },
}, { "axis", "epsilon" })

--- Makes the weights. From here on axis is a list, as Keras keeps it.
---@param shape integer[]
function RMSNormalization:build(shape)
  self:checked_shape(shape)
  local list = type(self.axis) == "table" and { unpack(self.axis) } or { self.axis }
  table.sort(list)
  local sizes = {}
  for i, dim in ipairs(axes.dims(self, list, shape)) do sizes[i] = axes.size(self, shape, dim) end
  self.axis = list
  self.scale = self:add_weight { name = "scale", shape = sizes, initializer = "ones" }
  Layer.build(self, shape)
end

--- The layer's output.
---@param x Tensor
---@return Tensor
function RMSNormalization:call(x)
  local dims = axes.dims(self, self.axis, inputs.tensor(self, x).shape)
  local root = ops.rsqrt(ops.mean(ops.square(x), dims, true) + self.epsilon)
  return x * root * ops.reshape(self.scale, axes.broadcast_shape(x.shape, dims))
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function RMSNormalization:compute_output_shape(shape)
  axes.dims(self, self.axis, self:checked_shape(shape))
  return shape
end

return RMSNormalization
