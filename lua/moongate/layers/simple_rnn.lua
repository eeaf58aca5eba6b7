-- A plain recurrent network over whole sequences: h' = a(x K + b + h R). Source: Elman 1990; keras.layers.SimpleRNN.
local class = require "moongate.class"
local older = require "moongate.layers.older"
local ops = require "moongate.ops"
local RNN = require "moongate.layers.rnn"
local SimpleRNNCell = require "moongate.layers.simple_rnn_cell"
local through = require "moongate.layers.rnn_through"

--- A plain recurrent layer over (B, T, F): the last output (B, units) or with return_sequences all (B, T, units).
--- Calls take mask (B, T) (true: use the step), training, initial_state (B, units).
--- Options: activation = "tanh", use_bias = true, kernel_initializer = "glorot_uniform", recurrent_initializer = "orthogonal",
--- bias_initializer = "zeros", kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer,
--- kernel_constraint, recurrent_constraint, bias_constraint, dropout = 0, recurrent_dropout = 0, seed, return_sequences = false,
--- return_state = false, go_backwards = false, stateful = false, unroll = false, zero_output_for_mask = false, time_major = false,
--- name, dtype, trainable; not in the config: recompute = false, see GRU.
---@param units integer
---@param options? table
---@example local sequence = mg.layers.SimpleRNN(4, { return_sequences = true })(x)
local SimpleRNN = class("SimpleRNN", RNN)
SimpleRNN.rows_apart = true
-- Keras does not write the seed of this one.
local list = through.fields(SimpleRNNCell, through.names(SimpleRNNCell), { seed = { hidden = true } })
list.older, list[#list + 1] = older.simple_rnn, through.recompute
RNN.declare(SimpleRNN, list, { "units", "activation", "use_bias", "kernel_initializer", "recurrent_initializer",
  "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "activity_regularizer",
  "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "return_sequences",
  "return_state", "go_backwards", "stateful", "unroll", "seed" })

SimpleRNN.input_spec = { ndim = 3, what = "(batch, time, features)" }

through.own_cell(SimpleRNN, SimpleRNNCell, "simple_rnn_cell", ops.simple_rnn_packed)

--- The arguments of ops.simple_rnn for an input, states and mask.
---@param x Tensor
---@param states Tensor[]|nil
---@param mask Tensor|nil
---@param training boolean
---@return table
---@package
function SimpleRNN:operation(x, states, mask, training)
  local arguments = through.operation(self, x, mask, training)
  arguments.initial_state = states and states[1]
  return arguments
end

--- Output and list of states for checked input, states and mask.
---@param x Tensor
---@param states Tensor[]|nil
---@param mask Tensor|nil
---@param training boolean
---@package
function SimpleRNN:run(x, states, mask, training)
  if not self.cell:is_fused() then return RNN.run(self, x, states, mask, training) end
  local output, state = ops.simple_rnn(self:operation(x, states, mask, training))
  return output, { state }
end

--- Says how a call would be computed: the kernel here and why not a faster one, what threads share, and the estimated time on this
--- processor. Prints as text.
---@param x? Tensor (B, T, F)
---@param options? table mask (B, T), training (true: a training step's time, too, without dropout); or the mask
---@return table
function SimpleRNN:explain(x, options) return through.explain(self, ops.simple_rnn_explain, x, options) end

return SimpleRNN
