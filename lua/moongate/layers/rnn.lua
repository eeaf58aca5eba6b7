-- What all recurrent layers share: masks, initial and stored states, the flags, the time loop. Source: keras.layers.RNN.
-- A class with a whole-sequence operation (GRU) writes `run`; otherwise the cell is called step by step.
local check = require "moongate.check"
local class = require "moongate.class"
local create = require "moongate.tensor_create"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local loop = require "moongate.layers.rnn_loop"
local null = require "moongate.null"
local ops = require "moongate.ops"
local tensor = require "moongate.tensor"

local cell_codec = { decode = function(value, where)
  if value == nil or value == null then return nil end
  if type(value) == "table" and value.class_name then
    value = require("moongate.layers").deserialize(value, where.path and where or nil)
  end
  if type(value) ~= "table" or not value.call or not value.state_size then
    check.fail("%s: argument cell is %s, expected a layer with `call` and `state_size`", where.op, check.describe(value))
  end
  return value
end, encode = function(cell, where)
  if not cell.serialize then
    check.fail("get_config: the cell is a plain table, which no config can tell; make it a class with mg.layers.Layer.extend")
  end
  return cell:serialize(where.dialect)
end }

--- Runs a cell over the steps of (B, T, F): any layer with call(x, states, options) -> output, list of new states, and
--- state_size; a plain table with these two will do where there are no weights.
--- Options: return_sequences = false, return_state = false, go_backwards = false, stateful = false, unroll = false,
--- zero_output_for_mask = false, time_major = false (true, as in TensorFlow 2: inputs, masks and sequences are (T, B, ...)).
---@param cell table
---@param options? table
---@example local layer = mg.layers.RNN(mg.layers.GRUCell(4), { return_sequences = true })
local RNN = class("RNN", Layer)
Layer.declare(RNN, {
  { "return_sequences", default = false, codec = fields.boolean },
  { "return_state", default = false, codec = fields.boolean },
  { "go_backwards", default = false, codec = fields.boolean },
  { "stateful", default = false, codec = fields.boolean },
  { "unroll", default = false, codec = fields.boolean },
  { "time_major", default = false, codec = fields.boolean, hidden = true, tf2 = { hidden = false } },
  { "zero_output_for_mask", default = false, codec = fields.boolean, tf2 = { when = function(_, value) return value end } },
  { "cell", required = true, codec = cell_codec, own = true },
}, { "cell" })

RNN.supports_masking = true
RNN.takes_states = true
function RNN.takes_value(value) return type(value.call) == "function" end
RNN.input_spec = { ndim = 3, what = "(batch, time, features)" }

--- Inner objects that a file holds in groups of their own.
---@package
function RNN:children()
  local cell = rawget(self, "cell")
  return cell and { { "cell", cell } } or {}
end

--- The batch size out of an input's shape: (B, T, F), or with time_major (T, B, F).
---@param shape integer[]
---@return integer
---@package
function RNN:batch_of(shape) return shape[self.time_major and 2 or 1] end

--- Makes the weights.
---@param shape integer[]
function RNN:build(shape)
  local F = self:known_features(shape)
  if self.cell.ensure_built then self.cell:ensure_built { self:batch_of(shape), F } end
  self.input_spec = { ndim = 3, last = F, what = RNN.input_spec.what }
  Layer.build(self, shape)
end

-- The sizes of the cell's states as a list.
local function state_sizes(self)
  local size = self.cell.state_size
  return type(size) == "number" and { size } or size
end

-- Shapes, masks --------------------------------------------------------------------------------------------------------------

--- (B, T, U) or (B, U), and with return_state (B, size) for every state.
---@param shape integer[]
---@return integer[]
function RNN:compute_output_shape(shape)
  check.type(self:title() .. ".compute_output_shape", "shape", shape, "table")
  local units = self.cell.output_size or state_sizes(self)[1]
  local batch = self:batch_of(shape)
  local output = self.return_sequences and { shape[1], shape[2], units } or { batch, units }
  if not self.return_state then return output end
  local states = {}
  for i, size in ipairs(state_sizes(self)) do states[i] = { batch, size } end
  return output, unpack(states)
end

-- (B,T) out of (B,T) or (B,T,1); with time_major (T,B) out of (T,B) or (T,B,1).
local function time_mask(self, mask, shape)
  if mask == nil then return nil end
  local s = mask.shape
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
function RNN:compute_mask(_, mask) return self.return_sequences and time_mask(self, mask) or nil end

-- States ---------------------------------------------------------------------------------------------------------------------

local function listed(states)
  return tensor.is(states) and { states } or states
end

-- Checks given states against the cell's sizes; batch nil: the first one's. Returns a list in the layer's dtype, and the batch.
local function checked_states(self, what, states, batch)
  states = listed(states)
  check.type(self:title(), what, states, "table")
  local sizes, out = state_sizes(self), {}
  if #states ~= #sizes then
    check.fail("%s: %s has %d states, expected %d", self:title(), what, #states, #sizes)
  end
  for i, size in ipairs(sizes) do
    local state = create.as_tensor(states[i], self.dtype)
    batch = batch or state.shape[1]
    if #state.shape ~= 2 or state.shape[1] ~= batch or state.shape[2] ~= size then
      check.fail("%s: %s has shape %s, expected %s", self:title(), what, self.shape_text(state.shape),
        self.shape_text { batch, size })
    end
    out[i] = ops.cast(state, self.dtype)
  end
  return out, batch
end

--- The list of zero states for a batch.
---@param batch_size integer
---@return Tensor[]
function RNN:get_initial_state(batch_size)
  if self.cell.get_initial_state then return listed(self.cell:get_initial_state(batch_size)) end
  local states = {}
  for i, size in ipairs(state_sizes(self)) do states[i] = create.zeros({ batch_size, size }, { dtype = self.dtype }) end
  return states
end

-- The states to begin with: given, stored, or nil for zeros.
local function first_states(self, batch, given)
  if given ~= nil and given ~= null then return (checked_states(self, "initial_state", given, batch)) end
  if not self.stateful or not rawget(self, "state_batch") then return nil end
  if self.state_batch ~= batch then
    check.fail("%s: this batch has %d rows and the stored state %d; call reset_state() before a batch of another size",
      self:title(), batch, self.state_batch)
  end
  return self.states
end

-- Keeps states beyond the step that made them, without their history.
local function store(self, states, batch)
  local kept = {}
  for i, state in ipairs(states) do kept[i] = (self.return_state and state:copy() or state):detach():keep() end
  self.states, self.state_batch = kept, batch
end

local function zero_rows(self, rows)
  check.type(self:title() .. ": reset_state", "rows", rows, "table")
  if not rawget(self, "state_batch") then return end
  local keep = {}
  for i = 1, self.state_batch do keep[i] = { 1 } end
  for _, row in ipairs(rows) do
    keep[check.integer(self:title() .. ": reset_state", "rows", row, 1, self.state_batch)] = { 0 }
  end
  local factor = create.tensor(keep, { dtype = "uint8" })
  local states = {}
  for i, state in ipairs(self.states) do states[i] = ops.where(factor, state, 0) end
  store(self, states, self.state_batch)
end

--- Forgets the stored state: zeros, and the next batch may have any size. With states, sets them; with { rows = { 2, 5 } }, zeroes
--- single rows. An error on a layer that is not stateful.
---@param states? Tensor|Tensor[]|table
function RNN:reset_state(states)
  if not self.stateful then
    check.fail("%s: reset_state on a layer that is not stateful; make it with stateful = true", self:title())
  end
  if type(states) == "table" and not tensor.is(states) and states ~= null and states.rows then
    return zero_rows(self, check.options(self:title() .. ": reset_state", states, { "rows" }).rows)
  end
  if states ~= nil and states ~= null then return store(self, checked_states(self, "states", states)) end
  if rawget(self, "states") then
    store(self, self:get_initial_state(self.state_batch or self.states[1].shape[1]))
  end
  self.state_batch = nil
end

--- The older name of reset_state.
---@param states Tensor[]|Tensor|nil
function RNN:reset_states(states) return self:reset_state(states) end

-- Calling --------------------------------------------------------------------------------------------------------------------

--- The sequence or the last output, and the list of last states. x (B,T,F), states a list or nil, mask (B,T) or nil; with
--- time_major x, mask and sequence are (T,B,...).
---@param x Tensor
---@param states Tensor[]|Tensor|nil
---@param mask Tensor|nil
---@param training boolean
---@package
function RNN:run(x, states, mask, training)
  states = states or self:get_initial_state(self:batch_of(x.shape))
  if not self.time_major then return loop(self, x, states, mask, training) end
  local output, new = loop(self, ops.transpose(x, 1, 2), states, mask and ops.transpose(mask, 1, 2), training)
  return self.return_sequences and ops.transpose(output, 1, 2) or output, new
end

local function forget_masks(cell)
  if cell.reset_dropout_mask then cell:reset_dropout_mask() end
  if cell.reset_recurrent_dropout_mask then cell:reset_recurrent_dropout_mask() end
end

--- Does f(self, x, states, mask, training) for the options of a call: states checked, given, stored or nil for zeros; dropout
--- masks of the cell made anew.
---@param x Tensor (B, T, F)
---@param options table mask, training, initial_state
---@param f function
---@return any what f returns, up to three values
---@package
function RNN:with_batch(x, options, f)
  local mask = time_mask(self, options.mask, x.shape)
  local states = first_states(self, self:batch_of(x.shape), options.initial_state)
  if self.keeps_dropout_masks then forget_masks(self.cell) end
  local a, b, c = f(self, x, states, mask, options.training)
  if not self.keeps_dropout_masks then forget_masks(self.cell) end
  return a, b, c
end

--- The output, and with return_state every state.
---@param x Tensor (B, T, F)
---@param options table mask, training, initial_state
---@return Tensor, Tensor
function RNN:call(x, options)
  tensor.expect(self:title(), "x", x)
  self:check_input(x.shape)
  local output, states = self:with_batch(x, options or {}, self.run)
  if self.stateful then store(self, states, self:batch_of(x.shape)) end
  if self.return_state then return output, unpack(states) end
  return output
end

return RNN
