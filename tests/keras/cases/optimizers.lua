-- Optimizers: eight updates of two variables from given gradients.
local NAMES = { "kernel", "bias" }

local function variables_of(case, t)
  local list = {}
  for i, golden in ipairs(case.variables) do list[i] = t.mg.Variable(t.tensor(golden), { name = NAMES[i] or "variable" }) end
  return list
end

local function gradients_of(step, t)
  local list = {}
  for i, golden in ipairs(step.gradients) do list[i] = t.tensor(golden) end
  return list
end

local function compare_state(optimizer, expected, t)
  local own = optimizer:own_variables()
  t.check(#own == #expected, "the state has %d variables, expected %d", #own, #expected)
  for i, golden in ipairs(expected) do
    local name = golden.name:match("([^/]*)$")
    t.check(own[i].name == name, "state %d is called %s, expected %s", i, own[i].name, name)
    t.close("state " .. name, own[i], golden.value)
  end
end

-- Where the library treats repeated rows apart, ours is the update by their sum: what a dense gradient of the same values gives.
local function run_deviating(case, t)
  t.check(case.sparse_rows, "it deviates, and no rule of ours is stated for it")
  local dense, summed = variables_of(case, t), variables_of(case, t)
  local first, second = t.mg.optimizers[case.class](t.options(case.args)), t.mg.optimizers[case.class](t.options(case.args))
  local ids = {}
  for i = 1, #case.sparse_rows do ids[i] = case.sparse_rows[i] end
  ids = t.mg.tensor(ids, { dtype = "int32" })
  for i, step in ipairs(case.steps) do
    local gradients = gradients_of(step, t)
    first:apply(gradients, dense)
    local table_of_rows = t.mg.Variable(t.mg.zeros(gradients[1].shape, { dtype = "float64" }))
    local loss = (t.mg.ops.gather(table_of_rows, ids) * t.tensor(case.sparse_values[i])):sum()
    second:apply({ t.mg.gradients(loss, { table_of_rows })[1], gradients[2] }, summed)
    t.near("kernel after step " .. i, summed[1], dense[1]:to_flat_table(), 1e-12)
  end
end

local function run(case, t)
  if not (t.mg.optimizers[case.class] and t.mg.optimizers[case.class].from_config) then t.skip("no " .. case.class) end
  if case.deviates then return run_deviating(case, t) end
  local optimizer = t.mg.optimizers[case.class](t.options(case.args))
  local variables = variables_of(case, t)
  if case.exclude_from_weight_decay then
    local names = {}
    for i, name in ipairs(case.exclude_from_weight_decay) do names[i] = name end
    optimizer:exclude_from_weight_decay { var_names = names }
  end
  for i, step in ipairs(case.steps) do
    optimizer:apply(gradients_of(step, t), variables)
    for k, golden in ipairs(step.values) do t.close(("%s after step %d"):format(NAMES[k], i), variables[k], golden) end
    t.close("learning rate", optimizer.learning_rate, step.learning_rate_after)
    t.check(optimizer.iterations == step.iterations, "iterations is %d, expected %d", optimizer.iterations, step.iterations)
  end
  if case.state then compare_state(optimizer, case.state, t) end
  if case.after_finalize then
    optimizer:finalize_variable_values()
    for k, golden in ipairs(case.after_finalize) do t.close("finalized " .. NAMES[k], variables[k], golden) end
  end
end

return {
  name = "optimizers",
  matches = function(case) return type(case.steps) == "table" and type(case.variables) == "table" and case.class ~= nil end,
  run = run,
}
