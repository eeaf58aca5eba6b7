-- Flatten. Source: keras.layers.Flatten.
local class = require "moongate.class"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local ops = require "moongate.ops"

--- All axes but the batch in one: (B, ...) -> (B, N).
---@param options? table data_format = "channels_last" | "channels_first", name
---@example local layer = mg.layers.Flatten()
local Flatten = class("Flatten", Layer)
Flatten.rows_apart = true
Layer.declare(Flatten, {
  { "data_format", default = "channels_last", codec = fields.choice("channels_last", "channels_first") },
}, { "data_format" })

Flatten.keeps_integers = true
Flatten.input_spec = { min_ndim = 1 }

--- The layer's output.
---@param x Tensor
---@return Tensor
function Flatten:call(x)
  local n = #x.shape
  if self.data_format == "channels_first" and n > 2 then
    local dims = { 1 }
    for i = 3, n do dims[#dims + 1] = i end
    dims[#dims + 1] = 2
    x = ops.permute(x, dims)
  end
  return ops.reshape(x, self:compute_output_shape(x.shape))
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function Flatten.compute_output_shape(_, shape)
  local size = 1
  for i = 2, #shape do
    if shape[i] == null or size == null then size = null else size = size * shape[i] end
  end
  return { shape[1], size }
end

return Flatten
