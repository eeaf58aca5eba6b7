-- tf.compat.v1.keras.layers.GRU of TensorFlow 2.3: its signature and defaults.
local class = require "moongate.class"
local CompatGRU = require "moongate.compat.gru"
local gru_fields = require "moongate.compat.gru_fields"
local GRUCell = require "moongate.compat.v1.gru_cell"
local RNN = require "moongate.layers.rnn"

--- tf.compat.v1.keras.layers.GRU (TensorFlow 2.3) over (B, T, F), with time_major over (T, B, F).
--- Arguments in order: units, activation = "tanh", recurrent_activation = "hard_sigmoid", use_bias = true, kernel_initializer =
--- "glorot_uniform", recurrent_initializer = "orthogonal", bias_initializer = "zeros", kernel_regularizer,
--- recurrent_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, recurrent_constraint, bias_constraint,
--- dropout = 0, recurrent_dropout = 0, implementation = 1, return_sequences = false, return_state = false, go_backwards =
--- false, stateful = false, unroll = false, reset_after = false; or by name in a table, with time_major, zero_output_for_mask,
--- seed, name, dtype, trainable. nil leaves the default, mg.null is Python's None.
---@param units integer
---@param ... any
---@example local sequence = mg.compat.v1.layers.GRU(4, { return_sequences = true, time_major = true })(x)
local GRU = class("GRU", CompatGRU)
RNN.declare(GRU, gru_fields.through(gru_fields.declared("hard_sigmoid", 1, false)), {
  "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer", "recurrent_initializer",
  "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "activity_regularizer",
  "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "implementation",
  "return_sequences", "return_state", "go_backwards", "stateful", "unroll", "reset_after",
})

GRU.cell_class, GRU.dialect = GRUCell, "compat.v1"

return GRU
