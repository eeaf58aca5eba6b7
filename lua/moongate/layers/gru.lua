-- GRU over whole sequences: one operation forward, one back. Source: Cho et al. 2014; keras.layers.GRU.
local check = require "moongate.check"
local class = require "moongate.class"
local explain = require "moongate.layers.gru_explain"
local fields = require "moongate.fields"
local gates = require "moongate.layers.gru_gates"
local GRUCell = require "moongate.layers.gru_cell"
local null = require "moongate.null"
local older = require "moongate.layers.older"
local ops = require "moongate.ops"
local regularizers = require "moongate.regularizers"
local RNN = require "moongate.layers.rnn"
local tensor = require "moongate.tensor"

-- The cell's fields, kept by the cell; activity_regularizer stands where Keras writes it when it is null.
local list = {}
for _, field in ipairs(GRUCell.field_list) do
  local through = { of = "cell" }
  for key, value in pairs(field) do through[key] = value end
  list[#list + 1] = through
  if field[1] == "bias_regularizer" then list[#list + 1] = { "activity_regularizer", codec = regularizers.codec } end
end
list.older = older.recurrent
list[#list + 1] = { "use_cudnn", default = "auto", hidden = true, codec = { decode = function(value, where)
  if type(value) == "boolean" then return value end
  return check.one_of(where.op, where.name, value, { "auto", true, false })
end } }

--- Gated recurrent unit over (B, T, F): the last output (B, units) or with return_sequences all (B, T, units).
--- Calls take mask (B, T) (true: use the step), training, initial_state (B, units).
--- Options: activation = "tanh", recurrent_activation = "sigmoid", use_bias = true, kernel_initializer = "glorot_uniform",
--- recurrent_initializer = "orthogonal", bias_initializer = "zeros", kernel_regularizer, recurrent_regularizer, bias_regularizer,
--- activity_regularizer, kernel_constraint, recurrent_constraint, bias_constraint, dropout = 0, recurrent_dropout = 0, seed,
--- return_sequences = false, return_state = false, go_backwards = false, stateful = false, unroll = false, zero_output_for_mask =
--- false, time_major = false, reset_after = true, implementation = 2, use_cudnn = "auto", name, dtype, trainable.
---@param units integer
---@param options? table
---@example local sequence, state = mg.layers.GRU(4, { return_sequences = true, return_state = true })(x)
local GRU = class("GRU", RNN)
GRU.rows_apart = true
RNN.declare(GRU, list, { "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer", "recurrent_initializer",
  "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "activity_regularizer",
  "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "seed", "return_sequences",
  "return_state", "go_backwards", "stateful", "unroll", "reset_after", "use_cudnn" })

-- A config in a positional place is a value, not the options.
function GRU.takes_value(value) return value.class_name ~= nil end

GRU.input_spec = { ndim = 3, what = "(batch, time, features)" }
--- The class of the cell that a layer makes.
GRU.cell_class = GRUCell

--- Sets the fields and what follows from them.
---@param options table
---@package
function GRU:setup(options)
  local C = getmetatable(self).class
  local inner = fields.of(C, options, "cell")
  inner.name, inner.dtype, inner.trainable = "gru_cell", options.dtype, options.trainable
  self.cell = C.cell_class(inner)
  RNN.setup(self, options)
end

--- Makes the weights.
---@param shape integer[]
function GRU:build(shape)
  RNN.build(self, shape)
  self.kernel, self.recurrent_kernel, self.bias = self.cell.kernel, self.cell.recurrent_kernel, self.cell.bias
  self.packed = ops.gru_packed()
end

--- The arguments of ops.gru for an input, state and mask.
---@param x Tensor
---@param states Tensor[]|Tensor|nil
---@param mask Tensor|nil
---@param training boolean
---@return table
---@package
function GRU:operation(x, states, mask, training)
  local input_masks, recurrent_masks = self.cell:step_masks(self:batch_of(x.shape), x.shape[3], x.dtype, training)
  local arguments = self.cell:fused_arguments(input_masks, recurrent_masks)
  arguments.x, arguments.initial_state, arguments.mask = x, states and states[1], mask
  arguments.go_backwards, arguments.return_sequences = self.go_backwards, self.return_sequences
  arguments.zero_output_for_mask, arguments.time_major, arguments.packed = self.zero_output_for_mask, self.time_major, self.packed
  return arguments
end

--- Output and list of states for checked input, states and mask.
---@param x Tensor
---@param states Tensor[]|Tensor|nil
---@param mask Tensor|nil
---@param training boolean
---@package
function GRU:run(x, states, mask, training)
  explain.refuse_cudnn(self, x, mask)
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
--- kernel that it takes and why not a faster one. Prints as text.
---@param x? Tensor (B, T, F)
---@param mask? Tensor (B, T)
---@return table
function GRU:explain(x, mask)
  if x ~= nil then tensor.expect(self:title() .. ".explain", "x", x) end
  if mask ~= nil then tensor.expect(self:title() .. ".explain", "mask", mask) end
  if x ~= nil then self:check_input(x.shape) end
  return explain.call(self, x, mask)
end

return GRU
