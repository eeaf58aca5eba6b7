-- Dense: activation(x kernel + bias) over the last axis. Source: keras.layers.Dense.
local activations = require "moongate.activations"
local class = require "moongate.class"
local constraints = require "moongate.constraints"
local fields = require "moongate.fields"
local initializers = require "moongate.initializers"
local Layer = require "moongate.layers.layer"
local older = require "moongate.layers.older"
local ops = require "moongate.ops"
local regularizers = require "moongate.regularizers"

--- A densely connected layer: (..., F) -> (..., units).
--- Options: activation, use_bias = true, kernel_initializer = "glorot_uniform", bias_initializer = "zeros", kernel_regularizer,
--- bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, name, dtype, trainable.
---@param units integer size of the output
---@param options? table
---@example local layer = mg.layers.Dense(10, { activation = "softmax" })
local Dense = class("Dense", Layer)
Dense.rows_apart = true
Layer.declare(Dense, {
  { "units", required = true, codec = fields.positive_integer },
  { "activation", codec = activations.codec },
  { "use_bias", default = true, codec = fields.boolean },
  { "kernel_initializer", default = "glorot_uniform", codec = initializers.codec },
  { "bias_initializer", default = "zeros", codec = initializers.codec },
  { "kernel_regularizer", codec = regularizers.codec },
  { "bias_regularizer", codec = regularizers.codec },
  { "activity_regularizer", codec = regularizers.codec, hidden = true, tf2 = { hidden = false } },
  { "kernel_constraint", codec = constraints.codec },
  { "bias_constraint", codec = constraints.codec },
  { "quantization_config", codec = fields.unused, tf2 = { hidden = true } },
  older = older.dense,
}, { "units", "activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer",
  "activity_regularizer", "kernel_constraint", "bias_constraint" })

Dense.supports_masking = true

--- Makes the weights.
---@param shape integer[]
function Dense:build(shape)
  local features = self:known_features(shape)
  self.kernel = self:add_weight { name = "kernel", shape = { features, self.units }, initializer = self.kernel_initializer,
    regularizer = self.kernel_regularizer, constraint = self.kernel_constraint }
  if self.use_bias then
    self.bias = self:add_weight { name = "bias", shape = { self.units }, initializer = self.bias_initializer,
      regularizer = self.bias_regularizer, constraint = self.bias_constraint }
  end
  self.input_spec = { min_ndim = 2, last = features }
  Layer.build(self, shape)
end

Dense.input_spec = { min_ndim = 2 }

--- The layer's output.
---@param x Tensor
---@return Tensor
function Dense:call(x)
  return self.activation(ops.linear(x, self.kernel, self.bias))
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function Dense:compute_output_shape(shape)
  self:checked_shape(shape)
  local out = {}
  for i = 1, #shape do out[i] = shape[i] end
  out[#out] = self.units
  return out
end

return Dense
