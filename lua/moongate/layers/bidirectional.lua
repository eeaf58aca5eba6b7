-- A recurrent layer in both directions of time. Source: Schuster and Paliwal 1997; keras.layers.Bidirectional.
local check = require "moongate.check"
local class = require "moongate.class"
local clone = require "moongate.layers.clone"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local ops = require "moongate.ops"
local shapes = require "moongate.shape"
local wrapped = require "moongate.layers.wrapped"

local MODES = { "concat", "sum", "mul", "ave", null }

local mode_codec = { decode = function(value, where)
  if value == nil or value == null then return nil end
  return check.one_of(where.op, where.name, value, MODES)
end }

-- TensorFlow 2 writes a backward layer as it was before zero_output_for_mask was forced.
local as_given = { decode = wrapped.codec.decode, encode = function(layer, where)
  local object = layer:serialize(where.dialect)
  if rawget(layer, "zeroes_by_force") then object.config.zero_output_for_mask = nil end
  return object
end }

--- Runs a recurrent layer forward and backward over (B, T, F) and merges the outputs: merge_mode "concat", "sum", "mul", "ave", or
--- mg.null for both. Both directions are made anew from the layer's options, under the names forward_<name> and backward_<name>; a
--- backward_layer of your own is used as it is. Calls take mask, training, initial_state (a list: the forward states, then the
--- backward ones). With return_state the forward states follow the output, then the backward ones.
---@param layer table a recurrent layer
---@param options? table merge_mode = "concat", weights, backward_layer, name, dtype, trainable
---@example local layer = mg.layers.Bidirectional(mg.layers.GRU(4), { merge_mode = "sum" })
local Bidirectional = class("Bidirectional", Layer)
Bidirectional.rows_apart, Bidirectional.records_mask = "inner", true
Layer.declare(Bidirectional, {
  { "merge_mode", default = "concat", codec = mode_codec, nullable = true },
  { "layer", required = true, codec = wrapped.codec, show = function(self) return self.forward_layer end,
    tf2 = { show = false } },
  { "backward_layer", codec = wrapped.codec, tf2 = { when = function(self) return self.is_custom end, codec = as_given } },
  { "weights", codec = fields.any, hidden = true, once = true },
  order = { tf2 = { "name", "trainable", "dtype", "batch_input_shape", "layer", "merge_mode", "backward_layer" } },
}, { "layer", "merge_mode", "weights", "backward_layer" })

Bidirectional.supports_masking, Bidirectional.takes_states = true, true

-- The attributes that both directions must have alike.
local COMMON = { "stateful", "return_sequences", "return_state" }

local function check_recurrent(name, layer)
  if layer.go_backwards ~= nil and layer.return_sequences ~= nil then return end
  check.fail("Bidirectional: argument %s is %s, expected a recurrent layer, which has go_backwards and return_sequences", name,
    check.describe(layer))
end

local function check_directions(self)
  local forward, backward = self.forward_layer, self.backward_layer
  if forward.go_backwards == backward.go_backwards then
    check.fail("Bidirectional: both layers have go_backwards = %s, expected one that runs forward and one that runs backward; "
      .. "likely fix: go_backwards = true for the backward_layer alone", tostring(forward.go_backwards))
  end
  for _, name in ipairs(COMMON) do
    if forward[name] ~= backward[name] then
      check.fail("Bidirectional: the forward layer has %s = %s and the backward layer %s, expected the same for both", name,
        tostring(forward[name]), tostring(backward[name]))
    end
  end
end

local function check_sizes(self)
  local mode, forward, backward = self.merge_mode, self.forward_layer, self.backward_layer
  if mode == nil or mode == "concat" or not forward.output_size or not backward.output_size then return end
  local a, b = forward:output_size(), backward:output_size()
  if a ~= b and a ~= 1 and b ~= 1 then
    check.fail('%s: merge_mode %q needs outputs of one size, and the layers give %d and %d; likely fix: merge_mode = "concat"',
      self:title(), mode, a, b)
  end
end

-- "gru" -> "forward_gru", which stays as it is.
local function directed(direction, name)
  return direction .. (name:sub(1, #direction) == direction and name:sub(#direction + 1) or name)
end

--- Sets the fields and makes the two directions.
---@param options table
---@package
function Bidirectional:setup(options)
  local own = {}
  for name, value in pairs(options) do own[name] = value end
  self.first_weights, own.weights = options.weights, nil
  Layer.setup(self, own)
  local layer = self.layer
  check_recurrent("layer", layer)
  if self.backward_layer then check_recurrent("backward_layer", self.backward_layer) end
  self.is_custom = self.backward_layer ~= nil
  self.forward_layer = clone(layer, { name = directed("forward_", layer.name) })
  if not self.is_custom then
    self.backward_layer = clone(layer, { name = directed("backward_", layer.name), go_backwards = true })
  end
  check_directions(self)
  for _, each in ipairs { self.forward_layer, self.backward_layer } do
    if each.zero_output_for_mask ~= nil then
      each.zeroes_by_force = each.return_sequences and not each.zero_output_for_mask
      each.zero_output_for_mask = each.return_sequences
    end
    if not self.trainable then each.trainable = false end
  end
  for _, name in ipairs(COMMON) do self[name] = layer[name] end
  self.input_spec = layer.input_spec
end

--- Inner objects that a file holds in groups of their own.
---@package
function Bidirectional:children()
  if not rawget(self, "forward_layer") then return {} end
  return { { "forward_layer", self.forward_layer }, { "backward_layer", self.backward_layer } }
end

--- Makes the weights.
---@param shape integer[]
function Bidirectional:build(shape)
  check.type(self:title() .. ": build", "shape", shape, "table")
  if shapes.is_list(shape) then shape = shape[1] end
  check_sizes(self)
  self.forward_layer:ensure_built(shape)
  self.backward_layer:ensure_built(shape)
  Layer.build(self, shape)
  self.input_spec = self.forward_layer.input_spec
  local weights = rawget(self, "first_weights")
  if weights ~= nil and weights ~= null then self:set_weights(weights) end
  self.first_weights = nil
end

-- Shapes, masks --------------------------------------------------------------------------------------------------------------

-- The first half of a list, and the second.
local function halves(list)
  local first, second, half = {}, {}, #list / 2
  for i, item in ipairs(list) do
    if i <= half then first[#first + 1] = item else second[#second + 1] = item end
  end
  return first, second
end

-- How many states a layer that is not an RNN says it has: as many as it gives beside its output.
local function state_count(layer)
  return layer.state_count and layer:state_count() or #{ layer:compute_output_shape(layer.build_shape) } - 1
end

-- The given states of the forward and of the backward layer.
local function split_states(self, what, states)
  if states == nil or states == null then return nil, nil end
  local counts = state_count(self.forward_layer) + state_count(self.backward_layer)
  local flat = wrapped.flat_states(self, what, states)
  if #flat ~= counts then
    check.fail("%s: %s has %d states, expected %d: those of the forward layer, then those of the backward layer", self:title(),
      what, #flat, counts)
  end
  return halves(flat)
end

-- The list without its first item, appended to `into`.
local function append_rest(into, list)
  for i = 2, #list do into[#into + 1] = list[i] end
  return into
end

--- The shapes of the merged output (two with merge_mode mg.null) and of the states.
---@param shape integer[]
---@param options? table of a call on symbolic tensors, whose initial_state and mask have to fit
---@return integer[]
function Bidirectional:compute_output_shape(shape, options)
  check.type(self:title() .. ".compute_output_shape", "shape", shape, "table")
  if shapes.is_list(shape) then shape = shape[1] end
  if options ~= nil then check.type(self:title(), "options", options, "table") end
  local first, second = split_states(self, "initial_state", options and options.initial_state)
  local forward = { self.forward_layer:compute_output_shape(shape, options and { initial_state = first, mask = options.mask }) }
  local backward = { self.backward_layer:compute_output_shape(shape, options and { initial_state = second, mask = options.mask }) }
  local list = { forward[1], self.merge_mode == nil and backward[1] or nil }
  if self.merge_mode ~= nil then
    local n = #forward[1]
    local a, b = forward[1][n], backward[1][n]
    list[1] = shapes.with(forward[1], n, self.merge_mode == "concat" and a + b or math.max(a, b))
  end
  return unpack(append_rest(append_rest(list, forward), backward))
end

--- The mask goes on, to both outputs with merge_mode mg.null, when they are sequences.
---@param x Tensor
---@param mask Tensor|nil
---@return Tensor|nil
function Bidirectional:compute_mask(x, mask)
  local own = self.forward_layer:compute_mask(x, mask)
  if self.merge_mode == nil then return own, own end
  return own
end

-- States ---------------------------------------------------------------------------------------------------------------------

function Bidirectional.getters:states()
  local forward, backward = rawget(self.forward_layer, "states"), rawget(self.backward_layer, "states")
  if not forward or not backward then return nil end
  local list = {}
  for _, states in ipairs { forward, backward } do
    for _, state in ipairs(states) do list[#list + 1] = state end
  end
  return list
end

--- Forgets the stored states of both directions; with states (forward, then backward) sets them, with { rows = { 2, 5 } } zeroes
--- single rows. An error on a layer that is not stateful.
---@param states? Tensor[]|table
function Bidirectional:reset_state(states)
  if not self.stateful then
    check.fail("%s: reset_state on a layer that is not stateful; make the inner layer with stateful = true", self:title())
  end
  local forward, backward = states, states
  if type(states) == "table" and states ~= null and states.rows == nil then
    forward, backward = split_states(self, "states", states)
  end
  self.forward_layer:reset_state(forward)
  self.backward_layer:reset_state(backward)
end

--- The older name of reset_state.
---@param states? Tensor[]|table
function Bidirectional:reset_states(states) return self:reset_state(states) end

-- Calling --------------------------------------------------------------------------------------------------------------------

local MERGE = {
  concat = function(a, b) return ops.concat({ a, b }, -1) end,
  sum = ops.add,
  mul = ops.mul,
  ave = function(a, b) return ops.div(ops.add(a, b), 2) end,
}

--- The merged output, and with return_state the states of both directions.
---@param x Tensor (B, T, F)
---@param options table mask, training, initial_state
---@return Tensor
function Bidirectional:call(x, options)
  options = check.options(self:title(), options, self.call_options)
  local first, second = split_states(self, "initial_state", options.initial_state)
  local function run(layer, states)
    return { layer(x, { mask = options.mask or null, training = options.training, initial_state = states }) }
  end
  local forward, backward = run(self.forward_layer, first), run(self.backward_layer, second)
  local y, reversed = ops.cast(forward[1], self.dtype), ops.cast(backward[1], self.dtype)
  if self.return_sequences then reversed = ops.reverse(reversed, self.forward_layer.time_major and 1 or 2) end
  local list
  if self.merge_mode == nil then
    reversed.keras_mask = forward[1].keras_mask
    list = { y, reversed }
  else
    list = { MERGE[self.merge_mode](y, reversed) }
  end
  return unpack(append_rest(append_rest(list, forward), backward))
end

return Bidirectional
