-- Cropping1D. Source: keras.layers.Cropping1D.
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local ops = require "moongate.ops"

--- Without the first and last steps: (B, T, F) -> (B, T - cropping[1] - cropping[2], F).
---@param cropping? integer|integer[] default { 1, 1 }; one number for both ends
---@param options? table name, dtype
---@example local layer = mg.layers.Cropping1D({ 1, 2 })
local Cropping1D = class("Cropping1D", Layer)
Cropping1D.rows_apart = true
Layer.declare(Cropping1D, { { "cropping", default = 1, codec = fields.tuple(2, 0) } }, { "cropping" })

Cropping1D.keeps_integers = true
Cropping1D.input_spec = { ndim = 3, what = "batch, steps, features" }

--- The layer's output.
---@param x Tensor
---@return Tensor
function Cropping1D:call(x)
  local shape = self:compute_output_shape(inputs.tensor(self, x).shape)
  return ops.slice(x, 2, self.cropping[1] + 1, self.cropping[1] + shape[2])
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function Cropping1D:compute_output_shape(shape)
  self:check_input(self:checked_shape(shape))
  local out = { unpack(shape) }
  if out[2] == null then return out end
  out[2] = out[2] - self.cropping[1] - self.cropping[2]
  if out[2] <= 0 then
    check.fail("%s: cropping takes %d and %d steps off the input %s, which leaves none; expected fewer", self:title(),
      self.cropping[1], self.cropping[2], self.shape_text(shape))
  end
  return out
end

return Cropping1D
