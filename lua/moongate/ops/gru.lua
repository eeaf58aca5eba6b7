-- A GRU over a whole sequence, one kind of ops/rnn.lua.
local rnn = require "moongate.ops.rnn"

local M = {}

local GRU = rnn.kind { name = "gru", gates = 3, carry = false,
  options = { "initial_state", "recurrent_activation", "reset_after" } }

--- A handle for packed weights, to be given to every call of one layer: weights are packed again only when they have changed.
function M.gru_packed() return rnn.packed() end

--- A GRU over a sequence
--- x (B,T,F), kernel (F,3U), recurrent_kernel (U,3U), bias (2,3U) with reset_after else (3U), initial_state (B,U), mask uint8
--- (B,T), dropout_masks: one or three (B,F), recurrent_dropout_masks: three (B,U), activation and recurrent_activation: specs as in
--- activation, packed: from gru_packed(); reset_after, go_backwards, return_sequences, zero_output_for_mask, time_major, recompute
--- and gates are switches.
---@param o table
---@return Tensor output (B,T,U) with return_sequences, else (B,U)
---@return Tensor state (B,U)
---@return Tensor|nil gates (B,T,3U), when asked for
function M.gru(o) return rnn.run(GRU, o) end

--- What a call with these arguments would do: kernel, the fastest one that it cannot take (or nil), and why not
---@param o table as of gru
---@param training? boolean
---@return table { kernel =, faster =, reason = }
function M.gru_explain(o, training) return rnn.explain(GRU, o, training) end

return M
