-- keras.layers.GRU, and with `api` the GRU of tf.compat.v1 and of tf.keras 2: outputs, gradients, injected dropout masks,
-- stateful calls.
local reference = require "gru_reference"

local WEIGHTS = { "kernel", "recurrent_kernel", "bias" }
local OUTPUTS = { "output", "state" }

local function matches(case)
  return case.class == "GRU" and type(case.weights) == "table" and case.weights.kernel ~= nil
end

local function class_of(case, t)
  if case.api == "compat.v1" then return t.mg.compat.v1.layers.GRU end
  return case.api == "v2" and t.mg.compat.v2.layers.GRU or t.class("layers", "GRU")
end

local function build(case, t)
  local layer = class_of(case, t)(t.options(case.args))
  local kernel = case.weights.kernel
  layer:build { t.mg.null, t.mg.null, kernel.shape[1] }
  local values = {}
  for _, name in ipairs(WEIGHTS) do
    if case.weights[name] then values[#values + 1] = t.tensor(case.weights[name]) end
  end
  layer:set_weights(values)
  return layer
end

local function inject(layer, case, t)
  local masks = t.given(case.dropout_masks)
  if not masks then return end
  local given = {}
  for _, slot in ipairs { "input", "recurrent" } do
    local list = t.given(masks[slot])
    if list then
      given[slot] = {}
      for i, mask in ipairs(list) do given[slot][i] = t.tensor(mask) end
    end
  end
  layer.cell:set_dropout_masks(given)
end

local function call(layer, inputs, training, t)
  local x, state = t.tensor(inputs.x):requires_grad_(), t.tensor(inputs.initial_state)
  if state then state:requires_grad_() end
  local output, last = layer(x, { mask = t.tensor(inputs.mask), initial_state = state, training = training == true })
  return { x = x, initial_state = state, output = output, state = last }
end

local function compare_outputs(result, case_outputs, t)
  for _, name in ipairs(OUTPUTS) do
    t.check((result[name] ~= nil) == (case_outputs[name] ~= nil), "%s is %s", name, result[name] and "unexpected" or "missing")
    if case_outputs[name] then t.close(name, result[name], case_outputs[name]) end
  end
end

local function total(result, w, t)
  local loss
  for _, name in ipairs(OUTPUTS) do
    if w[name] then
      local term = (result[name] * t.tensor(w[name])):sum()
      loss = loss and loss + term or term
    end
  end
  return loss
end

-- The gradients of sum(w * output) by name.
local function gradients(layer, result, case, t)
  local names, variables = {}, {}
  for name in t.json.pairs(case.grads) do
    names[#names + 1] = name
    variables[#variables + 1] = result[name] or layer.cell[name]
  end
  local values, found = t.mg.gradients(total(result, case.w, t), variables), {}
  for i, name in ipairs(names) do found[name] = values[i] end
  return found
end

local function run_once(case, t)
  local layer = build(case, t)
  inject(layer, case, t)
  local result = call(layer, case.inputs, case.training, t)
  compare_outputs(result, case.outputs, t)
  local found = gradients(layer, result, case, t)
  for name, expected in t.json.pairs(case.grads) do t.close("gradient of " .. name, found[name], expected, "gradient") end
end

local function check_stored(layer, expected, t)
  for i, state in ipairs(t.given(expected) or {}) do t.close("stored state", layer.states[i], state) end
end

-- What a reset was given: nothing, one array or a list of them.
local function reset_states(item, t)
  local states = t.given(item.states)
  if not states then return nil end
  return t.is_golden(states) and t.tensor(states) or { t.tensor(states[1]) }
end

local function run_calls(case, t)
  local layer = build(case, t)
  for _, item in ipairs(case.calls) do
    if item.op == "call" then
      compare_outputs(call(layer, item.inputs, case.training, t), item.outputs, t)
    else
      layer[item.op](layer, reset_states(item, t))
    end
    check_stored(layer, item.stored_state, t)
  end
end

-- Our rules where the library's values are not followed -------------------------------------------------------------------------

local function name_or(value, default, t)
  if value == nil then return default end
  return t.given(value) or "linear"
end

local function flat(golden, t)
  local tensor = t.tensor(golden)
  return tensor and tensor:to_flat_table()
end

-- The defaults that the three classes do not share.
local DEFAULTS = { ["compat.v1"] = { recurrent_activation = "keras2_hard_sigmoid", reset_after = false } }

-- TensorFlow 2 means another function by hard_sigmoid.
local function recurrent_name(case, t)
  local default = DEFAULTS[case.api] and DEFAULTS[case.api].recurrent_activation or "sigmoid"
  local name = name_or(case.args.recurrent_activation, default, t)
  return case.api and name == "hard_sigmoid" and "keras2_hard_sigmoid" or name
end

-- (A,B,inner) as (B,A,inner), flat.
local function swapped(values, A, B, inner)
  local out = {}
  for a = 0, A - 1 do
    for b = 0, B - 1 do
      for i = 1, inner do out[(b * A + a) * inner + i] = values[(a * B + b) * inner + i] end
    end
  end
  return out
end

-- Flat values of a time-major tensor in batch-major order; others as they are.
local function batch_major(case, golden, inner, t)
  local values = flat(golden, t)
  if not values or not case.args.time_major then return values end
  return swapped(values, golden.shape[1], golden.shape[2], inner)
end

local function reference_options(case, inputs, t)
  local args, shape = case.args, inputs.x.shape
  local reset_after = args.reset_after
  if reset_after == nil then reset_after = not DEFAULTS[case.api] end
  local o = { batch = shape[args.time_major and 2 or 1], steps = shape[args.time_major and 1 or 2], features = shape[3],
    units = args.units, x = batch_major(case, inputs.x, shape[3], t), mask = batch_major(case, inputs.mask, 1, t),
    initial_state = flat(inputs.initial_state, t), activation = name_or(args.activation, "tanh", t),
    recurrent_activation = recurrent_name(case, t), reset_after = reset_after, go_backwards = args.go_backwards,
    return_sequences = args.return_sequences, zero_output_for_mask = args.zero_output_for_mask }
  for _, name in ipairs(WEIGHTS) do o[name] = case.weights[name] and flat(case.weights[name], t) end
  return o
end

-- Dropout masks by rate: those of the case, zeros for a rate of 1, else some of our own. The layer is given them, the reference
-- those that the implementation uses.
local function masks_for(case, slot, rate, shape, count, t)
  local given = t.given(case.dropout_masks) and t.given(case.dropout_masks[slot])
  local tensors, lists = {}, {}
  for k = 1, count do
    lists[k] = given and flat(given[k], t) or {}
    for i = 1, given and 0 or shape[1] * shape[2] do
      lists[k][i] = (rate == 1 or (i * (k + 4)) % 3 == 0) and 0 or 1 / (1 - rate)
    end
    tensors[k] = t.mg.tensor(lists[k], { dtype = case.dtype }):reshape(shape)
  end
  return tensors, lists
end

local function drop(case, layer, o, t)
  if case.training ~= true then return end
  local cell, given = layer.cell, {}
  if layer.dropout > 0 then
    local lists
    given.input, lists = masks_for(case, "input", layer.dropout, { o.batch, o.features }, cell:mask_count(), t)
    o.input_masks = cell.implementation == 1 and lists or { lists[1] }
  end
  if layer.recurrent_dropout > 0 then
    given.recurrent, o.recurrent_masks = masks_for(case, "recurrent", layer.recurrent_dropout, { o.batch, o.units }, 3, t)
  end
  -- At a rate of 1 what the layer draws itself has to be zeros.
  if layer.dropout == 1 then given.input = nil end
  if layer.recurrent_dropout == 1 then given.recurrent = nil end
  cell:set_dropout_masks(given)
end

local function golden_like(tensor, values)
  return { dtype = tensor.dtype, shape = tensor.shape, data = values }
end

local function checked_options(case, layer, inputs, t)
  local o = reference_options(case, inputs, t)
  t.check(reference.knows(o.activation) and reference.knows(o.recurrent_activation),
    "deviates, and the plain reference does not know %s or %s", o.activation, o.recurrent_activation)
  drop(case, layer, o, t)
  return o
end

-- What the reference gives, in the order of a tensor of the layer's.
local function as_layer_has(case, tensor, values)
  if case.args.time_major and #tensor.shape == 3 then
    values = swapped(values, tensor.shape[2], tensor.shape[1], tensor.shape[3])
  end
  return golden_like(tensor, values)
end

local function run_by_rule(case, t)
  local layer = build(case, t)
  local o = checked_options(case, layer, case.inputs, t)
  local result = call(layer, case.inputs, case.training, t)
  local output, state = reference.run(o)
  t.close("output", result.output, as_layer_has(case, result.output, output))
  if result.state then t.close("state", result.state, golden_like(result.state, state)) end
  local sequence = case.args.return_sequences
  local w = { output = sequence and batch_major(case, case.w.output, o.units, t) or flat(case.w.output, t),
    state = case.w.state and flat(case.w.state, t) }
  for name, found in pairs(gradients(layer, result, case, t)) do
    local expected = as_layer_has(case, found, reference.gradient(o, w, name))
    t.near("gradient of " .. name, found, expected.data, case.dtype == "float32" and 1e-4 or 1e-7)
  end
end

-- Stateful calls by our rule: a given state replaces the stored one, which is where the call before ended.
local function run_calls_by_rule(case, t)
  local layer, stored = build(case, t), nil
  for _, item in ipairs(case.calls) do
    if item.op == "call" then
      local o = checked_options(case, layer, item.inputs, t)
      o.initial_state = o.initial_state or stored
      local result = call(layer, item.inputs, case.training, t)
      local output
      output, stored = reference.run(o)
      t.close("output", result.output, as_layer_has(case, result.output, output))
      t.close("stored state", layer.states[1], golden_like(layer.states[1], stored))
    else
      local states = reset_states(item, t)
      layer[item.op](layer, states)
      stored = states and (t.mg.is_tensor(states) and states or states[1]):to_flat_table()
    end
  end
end

return { name = "gru_layer", matches = matches, run = function(case, t)
  if case.calls then return (case.deviates and run_calls_by_rule or run_calls)(case, t) end
  return (case.deviates and run_by_rule or run_once)(case, t)
end }
