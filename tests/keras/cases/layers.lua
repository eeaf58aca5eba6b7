-- Layers called once: outputs, gradients by the input and the trainable weights, the output's mask, losses.
local function matches(case)
  local once = case.outputs ~= nil and case.inputs ~= nil
  local in_steps = case.steps ~= nil and case.variables == nil
  return type(case.class) == "string" and (once or in_steps) and type(case.weights) == "table" and case.weights.kernel == nil
    and not case.api
end

local function is_float(tensor) return tensor.dtype == "float32" or tensor.dtype == "float64" end

local function leaf(golden, t)
  local tensor = t.tensor(golden)
  if tensor and is_float(tensor) then tensor:requires_grad_() end
  return tensor
end

-- The inputs as leaves: one, or a list of them.
local function inputs(given, t)
  if t.is_golden(given) then return leaf(given, t) end
  local list = {}
  for i = 1, #given do list[i] = leaf(given[i], t) end
  return list
end

-- A mask, or a list of them with false for none; nil for no mask at all.
local function masks(given, t)
  given = t.given(given)
  if not given or t.is_golden(given) then return t.tensor(given) end
  local list = {}
  for i = 1, #given do list[i] = t.tensor(given[i]) or false end
  return list
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

local shape_of
function shape_of(x)
  local shape = {}
  if not x.shape then
    for i = 1, #x do shape[i] = shape_of(x[i]) end
    return shape
  end
  for i = 1, #x.shape do shape[i] = x.shape[i] end
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
  options.mask = masks(case.inputs.mask, t)
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
  if t.is_golden(case.grads.x) then add("gradient of x", x, case.grads.x) end
  for i, golden in ipairs(not t.is_golden(case.grads.x) and case.grads.x or {}) do add("gradient of x " .. i, x[i], golden) end
  for i, golden in ipairs(t.given(case.grads.initial_state) or {}) do add("gradient of state " .. i, states[i], golden) end
  for i, golden in ipairs(t.given(case.grads.weights) or {}) do
    add("gradient of weight " .. i, layer.trainable_weights[i], golden)
  end
  if #variables == 0 then return end
  local loss = total(outputs, case.w, t)
  for i, found in ipairs(t.mg.gradients(loss, variables)) do t.close(labels[i], found, expected[i], "gradient") end
end

-- BatchNormalization in training: several calls, and the moving statistics after each.
local function run_steps(case, t)
  local layer = make(case, t)
  layer:build(shape_of(t.tensor(case.steps[1].x)))
  set_weights(layer, case, t)
  for i, step in ipairs(case.steps) do
    local x = leaf(step.x, t)
    local outputs = { layer(x, { training = true, mask = masks(case.mask, t) }) }
    t.close(("output of step %d"):format(i), outputs[1], step.outputs[1])
    compare_gradients(layer, outputs, { grads = step.grads, w = step.w }, x, nil, t)
    t.close(("moving mean after step %d"):format(i), layer.moving_mean, step.moving_mean)
    t.close(("moving variance after step %d"):format(i), layer.moving_variance, step.moving_variance)
  end
end

local function run(case, t)
  if case.deviates then t.skip("deviates, without a rule here") end
  if case.steps then return run_steps(case, t) end
  local layer, x = make(case, t), inputs(case.inputs.x, t)
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
