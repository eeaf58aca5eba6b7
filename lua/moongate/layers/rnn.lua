-- What all recurrent layers share: masks, initial and stored states, the flags, the time loop. Source: keras.layers.RNN.
-- A class with a whole-sequence operation (GRU, LSTM, SimpleRNN) writes `run`; otherwise the cell is called step by step.
local check = require "moongate.check"
local class = require "moongate.class"
local create = require "moongate.tensor_create"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local loop = require "moongate.layers.rnn_loop"
local null = require "moongate.null"
local ops = require "moongate.ops"
local rnn_cell = require "moongate.layers.rnn_cell"
local shapes = require "moongate.shape"
local states_of = require "moongate.layers.rnn_states"
local tensor = require "moongate.tensor"
local watch = require "moongate.watch"

--- Runs a cell, or a list of cells as StackedRNNCells, over the steps of (B, T, ...). A cell is a layer with
--- call(x, states, options) -> output, list of new states, and state_size, a number or a list; output_size, get_initial_state(B),
--- reset_dropout_mask() and reset_recurrent_dropout_mask() are used where it has them. A plain table with these will do where there
--- are no weights. Calls take mask (B, T), training, initial_state (a state, or a list), or a list of inputs { x, state, ... }.
--- Options: return_sequences = false, return_state = false, go_backwards = false, stateful = false, unroll = false,
--- zero_output_for_mask = false, time_major = false (true, as in TensorFlow 2: inputs, masks and sequences are (T, B, ...)).
---@param cell table
---@param options? table
---@example local layer = mg.layers.RNN(mg.layers.GRUCell(4), { return_sequences = true })
local RNN = class("RNN", Layer)
RNN.records_training, RNN.records_mask = true, true
Layer.declare(RNN, {
  { "return_sequences", default = false, codec = fields.boolean },
  { "return_state", default = false, codec = fields.boolean },
  { "go_backwards", default = false, codec = fields.boolean },
  { "stateful", default = false, codec = fields.boolean },
  { "unroll", default = false, codec = fields.boolean },
  { "time_major", default = false, codec = fields.boolean, keras3 = { when = rnn_cell.refuse_time_major } },
  { "zero_output_for_mask", default = false, codec = fields.boolean, tf2 = { when = function(_, value) return value end } },
  { "cell", required = true, codec = rnn_cell.codec, own = true },
}, { "cell", "return_sequences", "return_state", "go_backwards", "stateful", "unroll", "zero_output_for_mask" })

RNN.supports_masking = true
RNN.takes_states = true
--- Whether truncated backpropagation (rnn_carry.lua) carries this layer's states.
RNN.carries_state = true
function RNN.takes_value(value) return type(value.call) == "function" end
RNN.input_spec = { min_ndim = 3, what = "(batch, time, features)" }

--- Inner objects that a file holds in groups of their own.
---@package
function RNN:children()
  local cell = rawget(self, "cell")
  return cell and { { "cell", cell } } or {}
end

-- Shapes, masks --------------------------------------------------------------------------------------------------------------

-- The first of a list of shapes, tensors or masks; a single one is itself.
local function first_shape(shape) return shapes.is_list(shape) and shape[1] or shape end

--- The batch size out of an input's shape: (B, T, ...), or with time_major (T, B, ...).
---@param shape integer[]
---@return integer
---@package
function RNN:batch_of(shape)
  if type(shape) ~= "table" then check.type(self:title(), "shape", shape, "table") end
  return shape[self.time_major and 2 or 1]
end

--- Makes the weights.
---@param shape integer[]
function RNN:build(shape)
  check.type(self:title() .. ": build", "shape", shape, "table")
  shape = first_shape(shape)
  local spec = getmetatable(self).class.input_spec
  local F, step = self:known_features(shape), { self:batch_of(shape) }
  if #shape < 3 then self:check_input(shape) end
  for i = 3, #shape do step[i - 1] = shape[i] end
  if self.cell.ensure_built then self.cell:ensure_built(step) end
  self.input_spec = { ndim = spec.ndim, min_ndim = spec.min_ndim, last = F, what = spec.what }
  Layer.build(self, shape)
end

--- The size of a step's output.
---@return integer
---@package
function RNN:output_size() return self.cell.output_size or states_of.sizes(self.cell.state_size)[1] end

--- How many states there are.
---@return integer
---@package
function RNN:state_count() return #states_of.sizes(self.cell.state_size) end

--- The dtype that the cell computes in.
---@return string
---@package
function RNN:state_dtype() return rnn_cell.dtype(self.cell) or self.dtype end

--- (B, T, U) or (B, U), and with return_state (B, size) for every state.
---@param shape integer[]
---@param options? table of a call on symbolic tensors, whose initial_state and mask have to fit
---@return integer[]
function RNN:compute_output_shape(shape, options)
  check.type(self:title() .. ".compute_output_shape", "shape", shape, "table")
  shape = first_shape(shape)
  if options ~= nil then states_of.check_symbolic(self, shape, options) end
  local batch, units = self:batch_of(shape), self:output_size()
  local output = self.return_sequences and { shape[1], shape[2], units } or { batch, units }
  if not self.return_state then return output end
  local list = {}
  for i, size in ipairs(states_of.sizes(self.cell.state_size)) do list[i] = { batch, size } end
  return output, unpack(list)
end

--- (B,T) out of (B,T) or (B,T,1), or the first of a list of masks; with time_major (T,B) out of (T,B) or (T,B,1).
---@param mask Tensor|Tensor[]|nil
---@param shape? integer[] of the input
---@return Tensor|nil
---@package
function RNN:time_mask(mask, shape)
  if type(mask) == "table" and not mask.shape then mask = mask[1] or nil end
  if mask == nil then return nil end
  if shape ~= nil then check.type(self:title(), "shape", shape, "table") end
  local s = tensor.expect(self:title(), "mask", mask).shape
  local n = #s
  local fits = (n == 2 or (n == 3 and s[3] == 1)) and (not shape or (s[1] == shape[1] and s[2] == shape[2]))
  if not fits then
    check.fail("%s: mask has shape %s, expected %s: one value for every step", self:title(), self.shape_text(s),
      shape and self.shape_text { shape[1], shape[2] } or self.time_major and "(time, batch)" or "(batch, time)")
  end
  return n == 3 and ops.squeeze(mask, 3) or mask
end

--- The mask goes on when the output is a sequence.
---@param mask Tensor|nil
---@return Tensor|nil
function RNN:compute_mask(_, mask) return self.return_sequences and self:time_mask(mask) or nil end

-- States ---------------------------------------------------------------------------------------------------------------------

--- The states to begin with for a batch, as the cell gives them: zeros where it gives none.
---@param batch_size integer
---@return table a list, for stacked cells of lists
function RNN:get_initial_state(batch_size)
  check.integer(self:title() .. ": get_initial_state", "batch_size", batch_size, 0)
  if not self.cell.get_initial_state then return states_of.zeros(self.cell.state_size, batch_size, self:state_dtype()) end
  local list = self.cell:get_initial_state(batch_size)
  return tensor.is(list) and { list } or list
end

require "moongate.layers.rnn_stored" (RNN)

--- A stream: the layer one step of time at a call, with states of its own and nothing allocated in a step. All streams of a layer
--- share its packed weights. Stored states of a stateful layer are neither used nor changed, and dropout does nothing.
---@param options? table batch = 1 (rows that step together), with (another stream of the layer)
---@return Stream
---@example local stream = gru:stream(); local y = stream:step(x)
function RNN:stream(options) return require "moongate.stream" (self, options) end

-- Calling --------------------------------------------------------------------------------------------------------------------

-- x, mask or sequence with its first two axes exchanged.
local function swapped(t) return t and ops.transpose(t, 1, 2) end

-- The cell, step by step: the last output, the sequence or nil, the flat list of states.
local function step_through(self, x, states, mask, training)
  states = states and states_of.flat(states) or states_of.flat(self:get_initial_state(self:batch_of(x.shape)))
  x = ops.cast(x, self:state_dtype())
  if not self.time_major then return loop(self, x, states, mask, training) end
  local last, sequence, new = loop(self, swapped(x), states, swapped(mask), training)
  return last, swapped(sequence), new
end

--- The sequence or the last output, and the flat list of last states. x (B,T,F), states a list or nil, mask (B,T) or nil; with
--- time_major x, mask and sequence are (T,B,...).
---@param x Tensor
---@param states Tensor[]|nil
---@param mask Tensor|nil
---@param training boolean
---@return Tensor, Tensor[]
---@package
function RNN:run(x, states, mask, training)
  local last, sequence, new = step_through(self, x, states, mask, training)
  return ops.cast(self.return_sequences and sequence or last, self.dtype), new
end

--- Records a call on symbolic tensors, see Layer; with unroll the number of steps has to be known.
---@param x table
---@param options? table
---@return table
function RNN:symbolic_call(x, options)
  local first = type(x) == "table" and not x.shape and x[1] or x
  local shape = type(first) == "table" and first.shape
  if self.unroll and shape and shape[self.time_major and 1 or 2] == null then
    check.fail("%s: unroll = true needs a known number of steps, and the input is %s; likely fix: the size in mg.Input { shape = }",
      self:title(), self.shape_text(shape))
  end
  return Layer.symbolic_call(self, x, options)
end

-- The output at the last valid step out of a sequence (B,T,U) in processing order, zeros where there is none.
local function last_valid(self, sequence, mask)
  local T = sequence.shape[2]
  if T == 0 then return create.zeros({ sequence.shape[1], sequence.shape[3] }, { dtype = sequence.dtype }) end
  if not mask or not self.zero_output_for_mask then return ops.squeeze(ops.slice(sequence, 2, T, T), 2) end
  local last = 0
  for t = 1, T do
    local at = self.go_backwards and T + 1 - t or t
    last = ops.where(ops.slice(mask, 2, at, at), ops.squeeze(ops.slice(sequence, 2, t, t), 2), last)
  end
  return last
end

--- The time loop alone, without stored states: the last output (B, U), the outputs (B, T, U) when the layer returns sequences, else
--- (B, 1, U), and the list of last states.
---@param sequences Tensor (B, T, F)
---@param initial_state Tensor|Tensor[]|nil
---@param mask? Tensor (B, T)
---@param training? boolean
---@return Tensor, Tensor, Tensor[]
function RNN:inner_loop(sequences, initial_state, mask, training)
  tensor.expect(self:title() .. ": inner_loop", "sequences", sequences)
  self:ensure_built(sequences.shape)
  self:check_input(sequences.shape)
  local given = initial_state ~= nil and initial_state ~= null
  local states = given and states_of.checked(self, "initial_state", initial_state, self:batch_of(sequences.shape)) or nil
  mask = self:time_mask(self:convert_mask(mask), sequences.shape)
  local output, new = self:run(sequences, states, mask, training == true)
  if not self.return_sequences then return output, ops.expand_dims(output, self.time_major and 1 or 2), new end
  if self.time_major then return last_valid(self, swapped(output), swapped(mask)), output, new end
  return last_valid(self, output, mask), output, new
end

local function forget_masks(cell)
  if cell.reset_dropout_mask then cell:reset_dropout_mask() end
  if cell.reset_recurrent_dropout_mask then cell:reset_recurrent_dropout_mask() end
end

--- Does f(self, x, states, mask, training) for the options of a call: states checked, given, stored or nil for zeros; dropout
--- masks of the cell made anew.
---@param x Tensor (B, T, ...)
---@param options table mask, training, initial_state
---@param f function
---@return any what f returns, up to three values
---@package
function RNN:with_batch(x, options, f)
  check.type(self:title(), "options", options, "table")
  tensor.expect(self:title(), "x", x)
  self:check_input(x.shape)
  local mask = self:time_mask(options.mask, x.shape)
  local states = self:first_states(self:batch_of(x.shape), options.initial_state)
  if self.keeps_dropout_masks then forget_masks(self.cell) end
  local a, b, c = f(self, x, states, mask, options.training)
  if watch.sequence then watch.sequence(self, x, states, mask, options.training, { a, b, c }) end
  if not self.keeps_dropout_masks then forget_masks(self.cell) end
  return a, b, c
end

--- The output, and with return_state every state.
---@param x Tensor (B, T, ...)
---@param options table mask, training, initial_state
---@return Tensor, Tensor
function RNN:call(x, options)
  local output, states = self:with_batch(x, options or {}, self.run)
  if self.stateful or rawget(self, "carrying") then self:store_states(states, self:batch_of(x.shape)) end
  if self.return_state then return output, unpack(states) end
  return output
end

return RNN
