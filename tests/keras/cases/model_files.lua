-- Files that Keras 3 and tf.keras wrote: weights, predictions, and three more steps of those that were trained. What came from
-- Keras 3 goes out as .keras and comes back once more.
local function listed(golden)
  local list = {}
  for i = 1, #golden do list[i] = golden[i] end
  return list
end

local function inputs_of(case, t)
  local list = {}
  for i, golden in ipairs(case.inputs) do list[i] = t.tensor(golden) end
  return #list == 1 and list[1] or list
end

local function check_weights(label, model, expected, t)
  t.check(#model.weights == #expected, "%s has %d weights, expected %d", label, #model.weights, #expected)
  for i, weight in ipairs(expected) do t.close(("%s: weight %s"):format(label, weight.name), model.weights[i], weight.value) end
end

local function check_outputs(label, model, case, t)
  model:reset_state()
  local outputs = { model(inputs_of(case, t)) }
  t.check(#outputs == #case.prediction, "%s has %d outputs, expected %d", label, #outputs, #case.prediction)
  for i, expected in ipairs(case.prediction) do t.close(("%s: output %d"):format(label, i), outputs[i], expected) end
end

local function check_steps(label, model, case, t)
  local x, y = inputs_of(case, t), t.is_golden(case.y) and t.tensor(case.y)
  if not y then
    y = {}
    for i, golden in ipairs(case.y) do y[i] = t.tensor(golden) end
  end
  model:reset_state()
  for i, loss in ipairs(case.losses_after_loading) do
    model:reset_metrics()
    local got = model:train_on_batch(x, y)
    got = t.mg.tensor(type(got) == "table" and got.loss or got)
    t.close(("%s: loss %d"):format(label, i), got, { dtype = "float32", shape = {}, data = { loss } }, "training")
  end
  for i, weight in ipairs(case.weights_after_three_more_steps) do
    local golden = t.is_golden(weight) and weight or weight.value
    t.close(("%s: weight %d after the steps"):format(label, i), model.weights[i], golden, "training")
  end
end

local function check_whole(file, case, t)
  local path = t.directory .. "/" .. file
  local model = t.mg.load_model(path)
  check_weights(file, model, case.weights, t)
  check_outputs(file, model, case, t)
  if case.dialect == "keras3" then
    local again = os.tmpname() .. ".keras"
    t.mg.load_model(path):save(again)
    local ok, problem = pcall(function()
      check_outputs(file .. " saved again", t.mg.load_model(again), case, t)
      if case.losses_after_loading then check_steps(file .. " saved again", t.mg.load_model(again), case, t) end
    end)
    os.remove(again)
    os.remove((again:gsub("%.keras$", "")))
    t.check(ok, tostring(problem))
  end
  if case.losses_after_loading then check_steps(file, model, case, t) end
end

local function check_weights_only(file, case, t)
  local model = t.mg.layers.deserialize(case.config, { dialect = case.dialect })
  model:load_weights(t.directory .. "/" .. file)
  check_weights(file, model, case.weights, t)
  check_outputs(file, model, case, t)
end

return {
  name = "model files",
  matches = function(case) return case.files ~= nil and case.prediction ~= nil end,
  run = function(case, t)
    t.mg.set_floatx("float32")
    for _, file in ipairs(listed(case.files.whole)) do check_whole(file, case, t) end
    for _, file in ipairs(listed(case.files.weights)) do check_weights_only(file, case, t) end
  end,
}
