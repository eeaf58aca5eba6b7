-- A SimpleRNN over a whole sequence, one kind of ops/rnn.lua.
local rnn = require "moongate.ops.rnn"

local M = {}

local SIMPLE_RNN = rnn.kind { name = "simple_rnn", gates = 1, carry = false, options = { "initial_state" } }

--- A handle for packed weights, to be given to every call of one layer: weights are packed again only when they have changed.
function M.simple_rnn_packed() return rnn.packed() end

--- A fully connected recurrent layer over a sequence: h = activation(x kernel + bias + h recurrent_kernel)
--- x (B,T,F), kernel (F,U), recurrent_kernel (U,U), bias (U), initial_state (B,U), mask uint8 (B,T), dropout_masks: { (B,F) },
--- recurrent_dropout_masks: { (B,U) }, activation: a spec as in activation, packed: from simple_rnn_packed(); go_backwards,
--- return_sequences, zero_output_for_mask, time_major, recompute and gates are switches.
---@param o table
---@return Tensor output (B,T,U) with return_sequences, else (B,U)
---@return Tensor state (B,U)
---@return Tensor|nil gates (B,T,U): the state after every valid step, when asked for
function M.simple_rnn(o) return rnn.run(SIMPLE_RNN, o) end

--- What a call with these arguments would do: kernel, the fastest one that it cannot take (or nil), and why not
---@param o table as of simple_rnn
---@param training? boolean
---@return table { kernel =, faster =, reason = }
function M.simple_rnn_explain(o, training) return rnn.explain(SIMPLE_RNN, o, training) end

return M
