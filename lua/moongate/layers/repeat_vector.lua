-- RepeatVector. Source: keras.layers.RepeatVector.
local class = require "moongate.class"
local fields = require "moongate.fields"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"

--- Each example n times, as steps: (B, F) -> (B, n, F).
---@param n integer
---@param options? table name, dtype
---@example local layer = mg.layers.RepeatVector(10)
local RepeatVector = class("RepeatVector", Layer)
RepeatVector.rows_apart = true
Layer.declare(RepeatVector, { { "n", required = true, codec = fields.positive_integer } }, { "n" })

RepeatVector.keeps_integers = true
RepeatVector.input_spec = { ndim = 2, what = "batch, features" }

--- The layer's output.
---@param x Tensor
---@return Tensor
function RepeatVector:call(x)
  self:check_input(inputs.tensor(self, x).shape)
  return ops.contiguous(ops.broadcast_to(ops.expand_dims(x, 2), { x.shape[1], self.n, x.shape[2] }))
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function RepeatVector:compute_output_shape(shape)
  self:check_input(self:checked_shape(shape))
  return { shape[1], self.n, shape[2] }
end

return RepeatVector
