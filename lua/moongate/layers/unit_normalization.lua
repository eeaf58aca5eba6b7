-- UnitNormalization: x divided by its Euclidean norm. Source: keras.layers.UnitNormalization.
local axes = require "moongate.layers.axes"
local class = require "moongate.class"
local fields = require "moongate.fields"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"

--- Divides by the Euclidean norm over `axis`; any shape.
---@param options? table axis = -1 (or a list), name, dtype
---@example local layer = mg.layers.UnitNormalization()
local UnitNormalization = class("UnitNormalization", Layer)
UnitNormalization.rows_apart, UnitNormalization.built_at_once = true, true
Layer.declare(UnitNormalization, { { "axis", default = -1, codec = fields.axes } }, { "axis" })

UnitNormalization.supports_masking = true

-- The sum of squares counts as this at least, so that the inverse norm is at most 1e12, as in Keras: zeros stay zeros.
local LEAST = 1e-24

--- The layer's output.
---@param x Tensor
---@return Tensor
function UnitNormalization:call(x)
  local squares = ops.sum(ops.square(x), axes.dims(self, self.axis, inputs.tensor(self, x).shape), true)
  return x * ops.rsqrt(ops.maximum(squares, LEAST))
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function UnitNormalization:compute_output_shape(shape)
  axes.dims(self, self.axis, self:checked_shape(shape))
  return shape
end

return UnitNormalization
