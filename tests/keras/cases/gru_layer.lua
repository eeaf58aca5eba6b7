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

-- The plain reference is batch-major.
local function reference_options(case, inputs, t)
  local args, shape = case.args, inputs.x.shape
  if args.time_major then t.skip("deviates, and the plain reference is not time-major") end
  local reset_after = args.reset_after
  if reset_after == nil then reset_after = not DEFAULTS[case.api] end
  local o = { batch = shape[1], steps = shape[2], features = shape[3], units = args.units, x = flat(inputs.x, t),
    mask = flat(inputs.mask, t), initial_state = flat(inputs.initial_state, t),
    activation = name_or(args.activation, "tanh", t), recurrent_activation = recurrent_name(case, t),
    reset_after = reset_after, go_backwards = args.go_backwards, return_sequences = args.return_sequences,
    zero_output_for_mask = args.zero_output_for_mask }
  for _, name in ipairs(WEIGHTS) do o[name] = case.weights[name] and flat(case.weights[name], t) end
  return o
end

local function golden_like(tensor, values)
  return { dtype = tensor.dtype, shape = tensor.shape, data = values }
end

local function checked_options(case, inputs, t)
  local o = reference_options(case, inputs, t)
  if t.given(case.dropout_masks) or not (reference.knows(o.activation) and reference.knows(o.recurrent_activation)) then
    t.skip("deviates, and the plain reference does not know its options")
  end
  return o
end

local function run_by_rule(case, t)
  local o = checked_options(case, case.inputs, t)
  local layer = build(case, t)
  local result = call(layer, case.inputs, case.training, t)
  local output, state = reference.run(o)
  t.close("output", result.output, golden_like(result.output, output))
  if result.state then t.close("state", result.state, golden_like(result.state, state)) end
  local w = { output = flat(case.w.output, t), state = case.w.state and flat(case.w.state, t) }
  for name, found in pairs(gradients(layer, result, case, t)) do
    t.near("gradient of " .. name, found, reference.gradient(o, w, name), 1e-7)
  end
end

-- Stateful calls by our rule: a given state replaces the stored one, which is where the call before ended.
local function run_calls_by_rule(case, t)
  local layer, stored = build(case, t), nil
  for _, item in ipairs(case.calls) do
    if item.op == "call" then
      local o = checked_options(case, item.inputs, t)
      o.initial_state = o.initial_state or stored
      local result = call(layer, item.inputs, case.training, t)
      local output
      output, stored = reference.run(o)
      t.close("output", result.output, golden_like(result.output, output))
      t.close("stored state", layer.states[1], golden_like(layer.states[1], stored))
    else
      local states = reset_states(item, t)
      layer[item.op](layer, states)
      stored = states and (states[1] or states):to_flat_table()
    end
  end
end

return { name = "gru_layer", matches = matches, run = function(case, t)
  if case.calls then return (case.deviates and run_calls_by_rule or run_calls)(case, t) end
  return (case.deviates and run_by_rule or run_once)(case, t)
end }
