-- tf.compat.v1.keras.layers.GRUCell, one step: outputs, gradients, injected dropout masks. Its states come in a list always.
local reference = require "gru_reference"

local WEIGHTS = { "kernel", "recurrent_kernel", "bias" }

local function matches(case)
  return case.class == "GRUCell" and type(case.weights) == "table" and case.weights.kernel ~= nil
    and case.implementation_used ~= nil
end

local function list_of(golden, t)
  local list = {}
  for i, mask in ipairs(golden) do list[i] = t.tensor(mask) end
  return list
end

local function build(case, t)
  local cell = t.mg.compat.v1.layers.GRUCell(t.options(case.args))
  cell:build { t.mg.null, case.weights.kernel.shape[1] }
  local values = {}
  for _, name in ipairs(WEIGHTS) do
    if case.weights[name] then values[#values + 1] = t.tensor(case.weights[name]) end
  end
  cell:set_weights(values)
  local masks = t.given(case.dropout_masks)
  if masks then
    cell:set_dropout_masks { input = masks.input and list_of(masks.input, t),
      recurrent = masks.recurrent and list_of(masks.recurrent, t) }
  end
  return cell
end

-- Our rule in plain numbers, as a sequence of one step: values as the case has them, by name.
local function by_rule(case, cell, t)
  local function flat(golden) return golden and t.tensor(golden):to_flat_table() end
  local function lists(masks, count)
    local out = {}
    for k = 1, masks and count or 0 do out[k] = flat(masks[k]) end
    return masks and out
  end
  local masks, shape = t.given(case.dropout_masks) or {}, case.inputs.x.shape
  local slope = cell.recurrent_activation.name == "hard_sigmoid" and "keras2_hard_sigmoid" or cell.recurrent_activation.name
  local o = { batch = shape[1], steps = 1, features = shape[2], units = cell.units, x = flat(case.inputs.x),
    initial_state = flat(case.inputs.state), activation = cell.activation.name, recurrent_activation = slope,
    reset_after = cell.reset_after, input_masks = lists(t.given(masks.input), cell.implementation == 1 and 3 or 1),
    recurrent_masks = lists(t.given(masks.recurrent), 3) }
  for _, name in ipairs(WEIGHTS) do o[name] = flat(case.weights[name]) end
  local output = reference.run(o)
  local w = { output = flat(case.w.output), state = flat(case.w.state) }
  local function gradient(name) return reference.gradient(o, w, name == "state" and "initial_state" or name) end
  return output, gradient
end

local function golden_like(tensor, values) return { dtype = tensor.dtype, shape = tensor.shape, data = values } end

local function check_output(case, cell, output, states, t)
  if not case.deviates then
    t.close("output", output, case.outputs.output)
    return t.close("state", states[1], case.outputs.state)
  end
  local expected = golden_like(output, (by_rule(case, cell, t)))
  t.close("output", output, expected)
  t.close("state", states[1], expected)
end

local function check_gradients(case, cell, names, found, t)
  local gradient = case.deviates and select(2, by_rule(case, cell, t))
  for i, name in ipairs(names) do
    if case.deviates then
      t.near("gradient of " .. name, found[i], gradient(name), case.dtype == "float32" and 1e-4 or 1e-7)
    else
      t.close("gradient of " .. name, found[i], case.grads[name], "gradient")
    end
  end
end

local function run(case, t)
  local cell = build(case, t)
  t.check(cell.implementation == case.implementation_used, "implementation %s is used", tostring(cell.implementation))
  local x, state = t.tensor(case.inputs.x):requires_grad_(), t.tensor(case.inputs.state):requires_grad_()
  local output, states = cell(x, case.state_is_list and { state } or state, { training = case.training == true })
  t.check(type(states) == "table" and not t.mg.is_tensor(states) and #states == 1, "the states are not a list of one")
  local result = { x = x, state = state }
  check_output(case, cell, output, states, t)
  local loss = (output * t.tensor(case.w.output)):sum() + (states[1] * t.tensor(case.w.state)):sum()
  local names, variables = {}, {}
  for name in t.json.pairs(case.grads) do
    names[#names + 1], variables[#variables + 1] = name, result[name] or cell[name]
  end
  check_gradients(case, cell, names, t.mg.gradients(loss, variables), t)
end

return { name = "gru_cell", matches = matches, run = run }
