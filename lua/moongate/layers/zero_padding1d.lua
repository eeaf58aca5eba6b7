-- ZeroPadding1D. Source: keras.layers.ZeroPadding1D.
local class = require "moongate.class"
local fields = require "moongate.fields"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local ops = require "moongate.ops"
local windows = require "moongate.layers.windows"

--- Steps of zeros in front and behind: (B, T, F) -> (B, T + padding[1] + padding[2], F).
---@param padding? integer|integer[] default 1; one number for both ends
---@param options? table data_format = "channels_last", name, dtype
---@example local layer = mg.layers.ZeroPadding1D({ 1, 2 })
local ZeroPadding1D = class("ZeroPadding1D", Layer)
ZeroPadding1D.rows_apart = true
Layer.declare(ZeroPadding1D, {
  { "padding", default = 1, codec = fields.tuple(2, 0) },
  windows.data_format,
  order = { tf2 = { "name", "trainable", "dtype", "padding" } },
}, { "padding", "data_format" })

ZeroPadding1D.keeps_integers = true
ZeroPadding1D.input_spec = { ndim = 3, what = "batch, steps, features" }

--- The layer's output.
---@param x Tensor
---@return Tensor
function ZeroPadding1D:call(x)
  self:check_input(inputs.tensor(self, x).shape)
  local widths = { { 0, 0 }, { 0, 0 }, { 0, 0 } }
  widths[windows.axes(self)] = self.padding
  return ops.pad(x, widths)
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function ZeroPadding1D:compute_output_shape(shape)
  self:check_input(self:checked_shape(shape))
  local out, steps = { unpack(shape) }, windows.axes(self)
  if out[steps] ~= null then out[steps] = out[steps] + self.padding[1] + self.padding[2] end
  return out
end

return ZeroPadding1D
