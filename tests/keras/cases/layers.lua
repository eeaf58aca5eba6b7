-- Layers called once: outputs, gradients by the input and the trainable weights, the output's mask, losses.
local function matches(case)
  return type(case.class) == "string" and case.outputs ~= nil and case.inputs ~= nil and type(case.weights) == "table"
    and case.weights.kernel == nil and not case.api
end

local function is_float(tensor) return tensor.dtype == "float32" or tensor.dtype == "float64" end

local function leaf(golden, t)
  local tensor = t.tensor(golden)
  if tensor and is_float(tensor) then tensor:requires_grad_() end
  return tensor
end

local function make(case, t)
  if case.class == "Sequential" then return t.sequential(case.args.layers) end
  return t.class("layers", case.class)(t.options(case.args))
end

local function set_weights(layer, case, t)
  local values = {}
  for i, weight in ipairs(case.weights) do values[i] = t.tensor(weight.value) end
  if #values > 0 then layer:set_weights(values) end
end

local function shape_of(tensor)
  local shape = {}
  for i = 1, #tensor.shape do shape[i] = tensor.shape[i] end
  return shape
end

-- The list of initial states, as leaves; nil for none.
local function initial_states(case, t)
  local given = t.given(case.inputs.initial_state)
  if not given then return nil end
  local states = {}
  for i, golden in ipairs(t.is_golden(given) and { given } or given) do states[i] = leaf(golden, t) end
  return states
end

local function call(layer, case, x, states, t)
  local options = { training = t.given(case.training) == true, initial_state = states }
  local mask = t.tensor(case.inputs.mask)
  if mask then options.mask = mask end
  for key, value in t.json.pairs(t.given(case.call) or {}) do options[key] = t.options(value) end
  return { layer(x, options) }
end

local function total(outputs, w, t)
  local loss
  for i, output in ipairs(outputs) do
    local term = (output * t.tensor(w[i])):sum()
    loss = loss and loss + term or term
  end
  return loss
end

local function compare_gradients(layer, outputs, case, x, states, t)
  local variables, expected, labels = {}, {}, {}
  local function add(label, variable, golden)
    variables[#variables + 1], expected[#expected + 1], labels[#labels + 1] = variable, golden, label
  end
  if case.grads.x then add("gradient of x", x, case.grads.x) end
  for i, golden in ipairs(t.given(case.grads.initial_state) or {}) do add("gradient of state " .. i, states[i], golden) end
  for i, golden in ipairs(t.given(case.grads.weights) or {}) do
    add("gradient of weight " .. i, layer.trainable_weights[i], golden)
  end
  if #variables == 0 then return end
  local loss = total(outputs, case.w, t)
  for _, own in ipairs(case.losses and layer.losses or {}) do loss = loss + own end
  for i, found in ipairs(t.mg.gradients(loss, variables)) do t.close(labels[i], found, expected[i], "gradient") end
end

local function run(case, t)
  if case.deviates then t.skip("deviates, without a rule here") end
  if case.steps then t.skip("several steps of " .. case.class) end
  local layer, x = make(case, t), leaf(case.inputs.x, t)
  if layer.build then layer:build(shape_of(x)) end
  set_weights(layer, case, t)
  local states = initial_states(case, t)
  local outputs = call(layer, case, x, states, t)
  for i, expected in ipairs(case.outputs) do t.close("output " .. i, outputs[i], expected) end
  if t.given(case.output_mask) then t.close("output mask", outputs[1].keras_mask, case.output_mask) end
  for i, expected in ipairs(t.given(case.losses) or {}) do t.close("loss " .. i, layer.losses[i], expected) end
  compare_gradients(layer, outputs, case, x, states, t)
end

return { name = "layers", matches = matches, run = run }
