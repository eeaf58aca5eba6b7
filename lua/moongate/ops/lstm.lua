-- An LSTM over a whole sequence, one kind of ops/rnn.lua.
local rnn = require "moongate.ops.rnn"

local M = {}

local LSTM = rnn.kind { name = "lstm", gates = 4, carry = true, options = { "initial_states", "recurrent_activation" } }

--- A handle for packed weights, to be given to every call of one layer: weights are packed again only when they have changed.
function M.lstm_packed() return rnn.packed() end

--- An LSTM over a sequence; gate order i, f, c, o
--- x (B,T,F), kernel (F,4U), recurrent_kernel (U,4U), bias (4U), initial_states: { h (B,U), c (B,U) }, mask uint8 (B,T),
--- dropout_masks: one or four (B,F), recurrent_dropout_masks: one or four (B,U), activation and recurrent_activation: specs as in
--- activation, packed: from lstm_packed(); go_backwards, return_sequences, zero_output_for_mask, time_major, recompute and gates
--- are switches.
---@param o table
---@return Tensor output (B,T,U) with return_sequences, else (B,U)
---@return Tensor state h (B,U)
---@return Tensor carry c (B,U)
---@return Tensor|nil gates (B,T,4U), when asked for
function M.lstm(o) return rnn.run(LSTM, o) end

--- What a call with these arguments would do: kernel, the fastest one that it cannot take (or nil), and why not
---@param o table as of lstm
---@param training? boolean
---@return table { kernel =, faster =, reason = }
function M.lstm_explain(o, training) return rnn.explain(LSTM, o, training) end

return M
