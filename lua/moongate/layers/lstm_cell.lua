-- One step of an LSTM. Source: Hochreiter and Schmidhuber 1997; keras.layers.LSTMCell. Gate order i (input), f (forget),
-- c (candidate), o (output); B batch, F features, U units.
--   i, f, c, o = split(x K + h R + b);  c' = s(f) c + s(i) a(c);  h' = s(o) a(c')
local activations = require "moongate.activations"
local class = require "moongate.class"
local create = require "moongate.tensor_create"
local defaults = require "moongate.compat.defaults"
local dropout_mask = require "moongate.dropout_mask"
local fields = require "moongate.fields"
local initializers = require "moongate.initializers"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"
local rnn_cell = require "moongate.layers.rnn_cell"

--- A cell that does one step: (B, F) and the states h and c (B, U) -> (B, U) and the new states.
--- Options: activation = "tanh", recurrent_activation = "sigmoid", use_bias = true, kernel_initializer = "glorot_uniform",
--- recurrent_initializer = "orthogonal", bias_initializer = "zeros", unit_forget_bias = true (the forget gate's bias starts at 1),
--- and regularizer and constraint of kernel, recurrent and bias, dropout = 0, recurrent_dropout = 0, seed, implementation = 2.
---@param units integer
---@param options? table
---@example local output, states = mg.layers.LSTMCell(4)(x, { h, c })
local LSTMCell = class("LSTMCell", Layer)
LSTMCell.rows_apart = true
local list = rnn_cell.fields({
  { "units", required = true, codec = fields.positive_integer },
  { "activation", default = "tanh", codec = activations.codec },
  { "recurrent_activation", default = defaults.of "recurrent_activation", codec = activations.codec },
  { "use_bias", default = true, codec = fields.boolean },
  { "unit_forget_bias", default = true, codec = fields.boolean },
}, {
  { "seed", codec = fields.seed, tf2 = { hidden = true } },
  { "implementation", default = defaults.of "implementation", codec = fields.choice(0, 1, 2), hidden = true,
    tf2 = { hidden = false } },
})
list.order = { tf2 = { "name", "trainable", "dtype", "batch_input_shape", "units", "activation", "recurrent_activation", "use_bias",
  "kernel_initializer", "recurrent_initializer", "bias_initializer", "unit_forget_bias", "kernel_regularizer",
  "recurrent_regularizer", "bias_regularizer", "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout",
  "recurrent_dropout", "implementation" } }
Layer.declare(LSTMCell, list, { "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer",
  "recurrent_initializer", "bias_initializer", "unit_forget_bias", "kernel_regularizer", "recurrent_regularizer",
  "bias_regularizer", "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "seed" })

dropout_mask.mixin(LSTMCell)
LSTMCell.input_spec = { ndim = 2, what = "(batch, features)" }

--- Sets the fields and what follows from them.
---@param options table
---@package
function LSTMCell:setup(options)
  Layer.setup(self, options)
  rnn_cell.setup_masks(self)
  -- With recurrent dropout every version computes in separate products, whatever was asked for.
  if self.recurrent_dropout > 0 then self.implementation = 1 end
  self.state_size, self.output_size = { self.units, self.units }, self.units
end

-- Zeros, ones for the forget gate, zeros, where the initializer gives the zeros.
local function forget_bias(initializer, U)
  initializer = initializer or initializers.get "glorot_uniform"
  return function(_, dtype)
    return ops.concat({ initializer({ U }, dtype), create.ones({ U }, { dtype = dtype }), initializer({ 2 * U }, dtype) }, 1)
  end
end

--- Makes the weights.
---@param shape integer[]
function LSTMCell:build(shape)
  local F, U = self:known_features(shape), self.units
  local bias = self.unit_forget_bias and forget_bias(self.bias_initializer, U) or self.bias_initializer
  rnn_cell.add_weights(self, F, 4 * U, bias)
  self.input_spec = { ndim = 2, last = F, what = LSTMCell.input_spec.what }
  Layer.build(self, shape)
end

--- How many dropout masks a step uses: four in implementation 1 (which recurrent dropout needs), else one.
function LSTMCell:mask_count()
  return self.implementation == 1 and 4 or 1
end

--- A list with the zero states h and c (batch_size, units).
---@param batch_size integer
---@return Tensor[]
function LSTMCell:get_initial_state(batch_size) return rnn_cell.zero_states(self, batch_size, 2) end

--- Whether the fused kernel knows both activations; softmax and other functions of a vector, and Lua functions, run step by step.
---@return boolean
function LSTMCell:is_fused()
  return rnn_cell.is_elementwise(self.activation) and rnn_cell.is_elementwise(self.recurrent_activation)
end

-- Columns of gate block g of U.
local function block(weight, U, g) return ops.slice(weight, -1, (g - 1) * U + 1, g * U) end

-- The products x_g W_g + b_g of the four gates, x_g = x * masks[g].
local function project(x, weight, bias, masks, U)
  local out = {}
  if not masks or #masks == 1 then
    local all = ops.linear(masks and ops.mul(x, masks[1]) or x, weight, bias)
    for g = 1, 4 do out[g] = block(all, U, g) end
    return out
  end
  for g = 1, 4 do out[g] = ops.linear(ops.mul(x, masks[g]), block(weight, U, g), bias and block(bias, U, g)) end
  return out
end

--- One step on the tape. x (B,F), h and c (B,U) -> new h and c (B,U).
---@param x Tensor
---@param h Tensor
---@param c Tensor
---@param input_masks Tensor[]|nil
---@param recurrent_masks Tensor[]|nil
---@return Tensor, Tensor
function LSTMCell:plain_step(x, h, c, input_masks, recurrent_masks)
  local U, s, a = self.units, self.recurrent_activation, self.activation
  local from_x = project(x, self.kernel, self.bias, input_masks, U)
  local from_h = project(h, self.recurrent_kernel, nil, recurrent_masks, U)
  local function gate(g) return ops.add(from_x[g], from_h[g]) end
  local kept = ops.add(ops.mul(s(gate(2)), c), ops.mul(s(gate(1)), a(gate(3))))
  return ops.mul(s(gate(4)), a(kept)), kept
end

--- One step: the output (B, U) and the list of new states h and c.
---@param x Tensor (B, F)
---@param states Tensor[] h and c (B, U)
---@param options? table training
---@return Tensor, Tensor[]
function LSTMCell:call(x, states, options)
  local given, input_masks, recurrent_masks = rnn_cell.begin_step(self, x, states, 2, options)
  local h, c = self:plain_step(x, given[1], given[2], input_masks, recurrent_masks)
  return h, { h, c }
end

rnn_cell.callable(LSTMCell)

--- The shapes of output and new states.
---@param shape integer[]
---@return integer[]
function LSTMCell:compute_output_shape(shape) return rnn_cell.step_shapes(self, shape, 2) end

return LSTMCell
