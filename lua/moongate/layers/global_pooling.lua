-- The parent of the layers that pool all steps. Source: keras.src.layers.pooling.base_global_pooling.
local class = require "moongate.class"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local windows = require "moongate.layers.windows"

local GlobalPooling = class("GlobalPooling", Layer)

--- A class of layers that pool all steps.
---@param name string
---@return table
---@package
function GlobalPooling.make(name)
  local C = class(name, GlobalPooling)
  Layer.declare(C, { windows.data_format, { "keepdims", default = false, codec = fields.boolean } }, { "data_format", "keepdims" })
  C.input_spec = { ndim = 3, what = "batch, steps, features" }
  return C
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function GlobalPooling:compute_output_shape(shape)
  self:check_input(self:checked_shape(shape))
  local steps, features = windows.axes(self)
  if not self.keepdims then return { shape[1], shape[features] } end
  local out = { shape[1] }
  out[steps], out[features] = 1, shape[features]
  return out
end

return GlobalPooling
