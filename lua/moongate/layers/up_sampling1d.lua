-- UpSampling1D. Source: keras.layers.UpSampling1D.
local class = require "moongate.class"
local fields = require "moongate.fields"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local ops = require "moongate.ops"

--- Each step `size` times: (B, T, F) -> (B, T size, F).
---@param size? integer default 2
---@param options? table name, dtype
---@example local layer = mg.layers.UpSampling1D(3)
local UpSampling1D = class("UpSampling1D", Layer)
UpSampling1D.rows_apart = true
Layer.declare(UpSampling1D, { { "size", default = 2, codec = fields.positive_integer } }, { "size" })

UpSampling1D.keeps_integers = true
UpSampling1D.input_spec = { ndim = 3, what = "batch, steps, features" }

--- The layer's output.
---@param x Tensor
---@return Tensor
function UpSampling1D:call(x)
  self:check_input(inputs.tensor(self, x).shape)
  local batch, steps, features = x.shape[1], x.shape[2], x.shape[3]
  local repeated = ops.broadcast_to(ops.expand_dims(x, 3), { batch, steps, self.size, features })
  return ops.reshape(repeated, { batch, steps * self.size, features })
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function UpSampling1D:compute_output_shape(shape)
  self:check_input(self:checked_shape(shape))
  return { shape[1], shape[2] == null and null or shape[2] * self.size, shape[3] }
end

return UpSampling1D
