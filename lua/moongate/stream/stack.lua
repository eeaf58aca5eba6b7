-- The packed weights that all streams of a layer or model share: made when the first stream is, kept with the layer or model, made
-- anew when its layers have changed. Values of weights may change at any time; the engine packs them again.
local check = require "moongate.check"
local engine = require "moongate.ops.stream"
local steps_of = require "moongate.stream.steps"
local tensor = require "moongate.tensor"

local NAMES = { gru = "GRU", lstm = "LSTM", simple_rnn = "SimpleRNN", dense = "Dense", embedding = "Embedding",
  affine = "Rescaling", batch_normalization = "BatchNormalization", layer_normalization = "LayerNormalization",
  softmax = "softmax" }

-- "Embedding 96 -> 64, GRU 256, Dense 96"
local function summary(steps)
  local words = {}
  for i, step in ipairs(steps) do
    local size = step.units or step.kernel and step.kernel.shape[2] or step.table and step.table.shape[2]
    local name = NAMES[step.kind] or step.activation.kind
    words[i] = size and ("%s %d"):format(name, size) or name
  end
  return table.concat(words, ", ")
end

-- Where each state is in the engine's stack, with its size.
local function states(steps)
  local list = {}
  for i, step in ipairs(steps) do
    for which = 1, step.states or 0 do list[#list + 1] = { layer = i - 1, which = which - 1, units = step.units } end
  end
  return list
end

local function same_spec(a, b)
  return a.kind == b.kind and a.a == b.a and a.b == b.b and a.c == b.c
end

local function same_step(a, b)
  for key, value in pairs(a) do
    local other = b[key]
    local are_specs = type(value) == "table" and type(other) == "table" and value.kind
    if not rawequal(value, other) and not (are_specs and same_spec(value, other)) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- Whether two lists of steps have the same kinds and the very same weights.
local function same(a, b)
  if #a ~= #b or a.ids ~= b.ids or a.skips_zero ~= b.skips_zero then return false end
  for i = 1, #a do
    if not same_step(a[i], b[i]) then return false end
  end
  return true
end

local function pack(stack)
  stack.stepper, stack.inputs, stack.outputs, stack.state_count = engine.stepper(stack.steps)
  stack.places, stack.moves, stack.zeros = engine.places(stack.steps), tensor.moves, nil
end

local function make(owner, steps)
  local stack = { steps = steps, title = owner:title(), ids = steps.ids, skips_zero = steps.skips_zero, summary = summary(steps),
    states = states(steps) }
  pack(stack)
  return stack
end

local stacks = {}

--- The stepper of a stack, made anew when tensors have moved to other memory.
---@param stack table
---@return cdata
function stacks.current(stack)
  if stack.moves ~= tensor.moves then
    local places = engine.places(stack.steps)
    stack.moves = tensor.moves
    for i, place in ipairs(places) do
      if place ~= stack.places[i] then
        pack(stack)
        break
      end
    end
  end
  return stack.stepper
end

--- A stream of one row that never steps, to take zeros from.
---@param stack table
---@return cdata
function stacks.zero(stack)
  stack.zeros = stack.zeros or engine.create(stacks.current(stack), 1)
  return stack.zeros
end

--- The stack of a layer or model. `given`, another stream's, is taken where it has the same weights, and is an error else.
---@param owner table
---@param given? table
---@return table { stepper =, inputs =, outputs =, states =, title =, ... }
function stacks.of(owner, given)
  local steps = steps_of.of(owner)
  if given and not same(given.steps, steps) then
    check.fail("%s: stream: argument with is a stream of other weights (%s); likely fix: a stream of this one", owner:title(),
      given.title)
  end
  local known = given or rawget(owner, "stream_stack")
  if not known or not same(known.steps, steps) then known = make(owner, steps) end
  owner.stream_stack = known
  return known
end

return stacks
