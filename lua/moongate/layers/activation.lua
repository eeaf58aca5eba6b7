-- Activation as a layer. Source: keras.layers.Activation.
local activations = require "moongate.activations"
local class = require "moongate.class"
local Layer = require "moongate.layers.layer"

--- Applies an activation to its input, of any shape.
---@param activation string|function Keras's name, an activation of mg.activations, or a function of a tensor
---@example local layer = mg.layers.Activation("relu")
local Activation = class("Activation", Layer)
Activation.rows_apart, Activation.built_at_once = true, true
Layer.declare(Activation, { { "activation", required = true, codec = activations.codec } }, { "activation" })

Activation.supports_masking = true

--- The layer's output.
---@param x Tensor
---@return Tensor
function Activation:call(x) return self.activation(x) end

return Activation
