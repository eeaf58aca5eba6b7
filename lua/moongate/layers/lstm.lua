-- LSTM over whole sequences. Source: Hochreiter and Schmidhuber 1997; keras.layers.LSTM.
local class = require "moongate.class"
local LSTMCell = require "moongate.layers.lstm_cell"
local older = require "moongate.layers.older"
local ops = require "moongate.ops"
local RNN = require "moongate.layers.rnn"
local through = require "moongate.layers.rnn_through"

--- Long short-term memory over (B, T, F): the last output (B, units) or with return_sequences all (B, T, units).
--- Calls take mask (B, T) (true: use the step), training, initial_state { h, c } of (B, units).
--- Options: activation = "tanh", recurrent_activation = "sigmoid", use_bias = true, kernel_initializer = "glorot_uniform",
--- recurrent_initializer = "orthogonal", bias_initializer = "zeros", unit_forget_bias = true, kernel_regularizer,
--- recurrent_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, recurrent_constraint, bias_constraint,
--- dropout = 0, recurrent_dropout = 0, seed, return_sequences = false, return_state = false, go_backwards = false,
--- stateful = false, unroll = false, zero_output_for_mask = false, time_major = false, implementation = 2, use_cudnn = "auto",
--- name, dtype, trainable; not in the config: recompute = false, see GRU.
---@param units integer
---@param options? table
---@example local sequence, h, c = mg.layers.LSTM(4, { return_sequences = true, return_state = true })(x)
local LSTM = class("LSTM", RNN)
LSTM.rows_apart = true
local list = through.fields(LSTMCell, { "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer",
  "recurrent_initializer", "bias_initializer", "unit_forget_bias", "kernel_regularizer", "recurrent_regularizer",
  "bias_regularizer", "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "seed",
  "implementation" })
list.older, list[#list + 1] = older.recurrent, through.use_cudnn
list[#list + 1] = through.recompute
RNN.declare(LSTM, list, { "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer",
  "recurrent_initializer", "bias_initializer", "unit_forget_bias", "kernel_regularizer", "recurrent_regularizer",
  "bias_regularizer", "activity_regularizer", "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout",
  "recurrent_dropout", "seed", "return_sequences", "return_state", "go_backwards", "stateful", "unroll", "use_cudnn" })

LSTM.input_spec = { ndim = 3, what = "(batch, time, features)" }

through.own_cell(LSTM, LSTMCell, "lstm_cell", ops.lstm_packed)

--- The arguments of ops.lstm for an input, states and mask.
---@param x Tensor
---@param states Tensor[]|nil
---@param mask Tensor|nil
---@param training boolean
---@return table
---@package
function LSTM:operation(x, states, mask, training)
  local arguments = through.operation(self, x, mask, training)
  arguments.initial_states, arguments.recurrent_activation = states, self.recurrent_activation.spec
  return arguments
end

--- Output and list of states for checked input, states and mask.
---@param x Tensor
---@param states Tensor[]|nil
---@param mask Tensor|nil
---@param training boolean
---@package
function LSTM:run(x, states, mask, training)
  through.refuse_cudnn(self, x, mask)
  if not self.cell:is_fused() then return RNN.run(self, x, states, mask, training) end
  local output, h, c = ops.lstm(self:operation(x, states, mask, training))
  return output, { h, c }
end

--- Says how a call would be computed: cuDNN's requirements, each met or not, the kernel here, what threads share, and the
--- estimated time on this processor. Prints as text.
---@param x? Tensor (B, T, F)
---@param options? table mask (B, T), training (true: a training step's time, too, without dropout); or the mask
---@return table
function LSTM:explain(x, options) return through.explain(self, ops.lstm_explain, x, options) end

return LSTM
