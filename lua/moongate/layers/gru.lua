-- GRU over whole sequences: one operation forward, one back. Source: Cho et al. 2014; keras.layers.GRU.
local check = require "moongate.check"
local class = require "moongate.class"
local gates = require "moongate.layers.gru_gates"
local GRUCell = require "moongate.layers.gru_cell"
local null = require "moongate.null"
local older = require "moongate.layers.older"
local ops = require "moongate.ops"
local RNN = require "moongate.layers.rnn"
local through = require "moongate.layers.rnn_through"

--- Gated recurrent unit over (B, T, F): the last output (B, units) or with return_sequences all (B, T, units).
--- Calls take mask (B, T) (true: use the step), training, initial_state (B, units).
--- Options: activation = "tanh", recurrent_activation = "sigmoid", use_bias = true, kernel_initializer = "glorot_uniform",
--- recurrent_initializer = "orthogonal", bias_initializer = "zeros", kernel_regularizer, recurrent_regularizer, bias_regularizer,
--- activity_regularizer, kernel_constraint, recurrent_constraint, bias_constraint, dropout = 0, recurrent_dropout = 0, seed,
--- return_sequences = false, return_state = false, go_backwards = false, stateful = false, unroll = false, zero_output_for_mask =
--- false, time_major = false, reset_after = true, implementation = 2, use_cudnn = "auto", name, dtype, trainable; and in no config:
--- recompute = false (true: long sequences train in the memory of about sqrt(T) steps, for one more forward's time; up to three
--- rows train slower still, without the kernels of few rows; inference, under mg.no_grad or predict, ignores it).
---@param units integer
---@param options? table
---@example local sequence, state = mg.layers.GRU(4, { return_sequences = true, return_state = true })(x)
local GRU = class("GRU", RNN)
GRU.rows_apart = true
local list = through.fields(GRUCell, through.names(GRUCell))
list.older, list[#list + 1] = older.recurrent, through.use_cudnn
list[#list + 1] = through.recompute
RNN.declare(GRU, list, { "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer", "recurrent_initializer",
  "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "activity_regularizer",
  "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "seed", "return_sequences",
  "return_state", "go_backwards", "stateful", "unroll", "reset_after", "use_cudnn" })

GRU.input_spec = { ndim = 3, what = "(batch, time, features)" }
through.own_cell(GRU, GRUCell, "gru_cell", ops.gru_packed)

--- The arguments of ops.gru for an input, state and mask.
---@param x Tensor
---@param states Tensor[]|Tensor|nil
---@param mask Tensor|nil
---@param training boolean
---@return table
---@package
function GRU:operation(x, states, mask, training)
  local arguments, cell = through.operation(self, x, mask, training), self.cell
  arguments.initial_state, arguments.reset_after = states and states[1], cell.reset_after
  arguments.recurrent_activation = cell.recurrent_activation.spec
  return arguments
end

--- Output and list of states for checked input, states and mask.
---@param x Tensor
---@param states Tensor[]|Tensor|nil
---@param mask Tensor|nil
---@param training boolean
---@package
function GRU:run(x, states, mask, training)
  through.refuse_cudnn(self, x, mask)
  if not self.cell:is_fused() then return RNN.run(self, x, states, mask, training) end
  local output, state = ops.gru(self:operation(x, states, mask, training))
  return output, { state }
end

--- What the gates did in a call: update gate z, reset gate r and candidate of every step, each (B, T, units), in processing order
--- and 0 at masked steps; without gradients. Stored states are used and not changed.
---@param x Tensor (B, T, F)
---@param options? table mask, training, initial_state
---@return Tensor z
---@return Tensor r
---@return Tensor candidate
---@example local z, r, candidate = gru:gates(x); mg.plot.heatmap(z[1])
function GRU:gates(x, options)
  local call = {}
  for name, value in pairs(check.options(self:title() .. ".gates", options, self.call_options)) do call[name] = value end
  x = self:convert(x)
  self:ensure_built(x.shape)
  self:check_input(x.shape)
  if call.mask == nil then call.mask = x.keras_mask end
  if call.mask == null then call.mask = nil end
  if call.mask ~= nil then call.mask = self:convert_mask(call.mask) end
  call.training = call.training == true
  return self:with_batch(x, call, gates)
end

--- Says how a call would be computed: cuDNN's eight requirements, each met or not, what keeps the call from cuDNN's kernel, the
--- kernel that it takes and why not a faster one, what threads share, and the estimated time on this processor. Prints as text.
---@param x? Tensor (B, T, F)
---@param options? table mask (B, T), training (true: a training step's time, too, without dropout); or the mask
---@return table
---@example print(gru:explain(x, { training = true }))
function GRU:explain(x, options) return through.explain(self, ops.gru_explain, x, options) end

return GRU
