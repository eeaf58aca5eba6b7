-- tf.compat.v1.keras.layers.GRUCell of TensorFlow 2.3: its signature and defaults.
local class = require "moongate.class"
local CompatCell = require "moongate.compat.gru_cell"
local gru_fields = require "moongate.compat.gru_fields"
local Layer = require "moongate.layers.layer"

--- One step of tf.compat.v1.keras.layers.GRUCell (TensorFlow 2.3): (B, F), state (B, U) -> (B, U), list with the new state.
--- Arguments in order: units, activation = "tanh", recurrent_activation = "hard_sigmoid", use_bias = true, kernel_initializer =
--- "glorot_uniform", recurrent_initializer = "orthogonal", bias_initializer = "zeros", kernel_regularizer,
--- recurrent_regularizer, bias_regularizer, kernel_constraint, recurrent_constraint, bias_constraint, dropout = 0,
--- recurrent_dropout = 0, implementation = 1, reset_after = false; or by name in a table, with seed, name, dtype, trainable.
--- nil leaves the default, mg.null is Python's None.
---@param units integer
---@param ... any
---@example local output, states = mg.compat.v1.layers.GRUCell(4)(x, { state })
local GRUCell = class("GRUCell", CompatCell)
Layer.declare(GRUCell, gru_fields.declared("hard_sigmoid", 1, false), {
  "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer", "recurrent_initializer",
  "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "kernel_constraint",
  "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "implementation", "reset_after",
})

GRUCell.dialect = "compat.v1"

return GRUCell
