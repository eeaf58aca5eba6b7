-- ELU. Source: Clevert, Unterthiner and Hochreiter 2016; keras.layers.ELU.
local class = require "moongate.class"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"
local tensor = require "moongate.tensor"

-- Keras writes what was passed first, and a dtype that is not the usual one was passed.
local function keys(self)
  if self.dtype ~= tensor.floatx then return { "name", "alpha", "dtype", "trainable" } end
  return { "name", "alpha", "trainable", "dtype" }
end

--- x where it is positive, else alpha * (e^x - 1). Any shape.
---@param alpha? number default 1
---@param options? table name, dtype
---@example local layer = mg.layers.ELU(0.5)
local ELU = class("ELU", Layer)
ELU.rows_apart, ELU.built_at_once = true, true
Layer.declare(ELU, {
  { "alpha", default = 1, codec = fields.float, tf2 = { codec = fields.rounded } },
  order = { keras3 = keys },
}, { "alpha" })

ELU.supports_masking = true

--- The layer's output.
---@param x Tensor
---@return Tensor
function ELU:call(x) return ops.activation(x, { kind = "elu", a = self.alpha }) end

return ELU
