-- One step of a plain recurrent network: h' = a(x K + b + h R). Source: Elman 1990; keras.layers.SimpleRNNCell. B batch,
-- F features, U units.
local activations = require "moongate.activations"
local class = require "moongate.class"
local dropout_mask = require "moongate.dropout_mask"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"
local rnn_cell = require "moongate.layers.rnn_cell"
local tensor = require "moongate.tensor"

--- A cell that does one step: (B, F) and the state (B, U) -> (B, U) and the new state.
--- Options: activation = "tanh", use_bias = true, kernel_initializer = "glorot_uniform", recurrent_initializer = "orthogonal",
--- bias_initializer = "zeros", regularizer and constraint of kernel, recurrent and bias, dropout = 0, recurrent_dropout = 0, seed.
---@param units integer
---@param options? table
---@example local output, state = mg.layers.SimpleRNNCell(4)(x, state)
local SimpleRNNCell = class("SimpleRNNCell", Layer)
SimpleRNNCell.rows_apart = true
local list = rnn_cell.fields({
  { "units", required = true, codec = fields.positive_integer },
  { "activation", default = "tanh", codec = activations.codec },
  { "use_bias", default = true, codec = fields.boolean },
}, {
  { "seed", codec = fields.seed, tf2 = { hidden = true } },
})
Layer.declare(SimpleRNNCell, list, { "units", "activation", "use_bias", "kernel_initializer", "recurrent_initializer",
  "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "kernel_constraint",
  "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "seed" })

dropout_mask.mixin(SimpleRNNCell)
SimpleRNNCell.input_spec = { ndim = 2, what = "(batch, features)" }

--- Sets the fields and what follows from them.
---@param options table
---@package
function SimpleRNNCell:setup(options)
  Layer.setup(self, options)
  rnn_cell.setup_masks(self)
  self.state_size, self.output_size = self.units, self.units
end

--- Makes the weights.
---@param shape integer[]
function SimpleRNNCell:build(shape)
  local F = self:known_features(shape)
  rnn_cell.add_weights(self, F, self.units, self.bias_initializer)
  self.input_spec = { ndim = 2, last = F, what = SimpleRNNCell.input_spec.what }
  Layer.build(self, shape)
end

--- How many dropout masks a step uses: one.
function SimpleRNNCell.mask_count() return 1 end

--- A list with the zero state (batch_size, units).
---@param batch_size integer
---@return Tensor[]
function SimpleRNNCell:get_initial_state(batch_size) return rnn_cell.zero_states(self, batch_size, 1) end

--- Whether the fused kernel knows the activation; softmax and other functions of a vector, and Lua functions, run step by step.
---@return boolean
function SimpleRNNCell:is_fused() return rnn_cell.is_elementwise(self.activation) end

--- One step: the output (B, U) and the new state, in a list where `states` was one.
---@param x Tensor (B, F)
---@param states Tensor|Tensor[] (B, U)
---@param options? table training
---@return Tensor, Tensor|Tensor[]
function SimpleRNNCell:call(x, states, options)
  local given, input_masks, recurrent_masks = rnn_cell.begin_step(self, x, states, 1, options)
  local h = recurrent_masks and ops.mul(given[1], recurrent_masks[1]) or given[1]
  local from_x = ops.linear(input_masks and ops.mul(x, input_masks[1]) or x, self.kernel, self.bias)
  local output = self.activation(ops.add(from_x, ops.matmul(h, self.recurrent_kernel)))
  return output, tensor.is(states) and output or { output }
end

rnn_cell.callable(SimpleRNNCell)

--- The shapes of output and new state.
---@param shape integer[]
---@return integer[]
function SimpleRNNCell:compute_output_shape(shape) return rnn_cell.step_shapes(self, shape, 1) end

return SimpleRNNCell
