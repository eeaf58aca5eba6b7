-- tf.compat.v1.keras.layers.GRUCell, one step: outputs, gradients, injected dropout masks. Its states come in a list always.
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

local function run(case, t)
  if case.deviates then t.skip("deviates, without a rule here") end
  local cell = build(case, t)
  t.check(cell.implementation == case.implementation_used, "implementation %s is used", tostring(cell.implementation))
  local x, state = t.tensor(case.inputs.x):requires_grad_(), t.tensor(case.inputs.state):requires_grad_()
  local output, states = cell(x, case.state_is_list and { state } or state, { training = case.training == true })
  t.check(type(states) == "table" and not t.mg.is_tensor(states) and #states == 1, "the states are not a list of one")
  local result = { x = x, state = state }
  t.close("output", output, case.outputs.output)
  t.close("state", states[1], case.outputs.state)
  local loss = (output * t.tensor(case.w.output)):sum() + (states[1] * t.tensor(case.w.state)):sum()
  local names, variables = {}, {}
  for name in t.json.pairs(case.grads) do
    names[#names + 1], variables[#variables + 1] = name, result[name] or cell[name]
  end
  for i, found in ipairs(t.mg.gradients(loss, variables)) do
    t.close("gradient of " .. names[i], found, case.grads[names[i]], "gradient")
  end
end

return { name = "gru_cell", matches = matches, run = run }
