-- Losses, metrics and learning-rate schedules.
local kinds = {}

function kinds.loss(case, t)
  local loss = t.class("losses", case.class)(t.options(case.args))
  local prediction = t.tensor(case.y_pred):requires_grad_()
  local mask = t.tensor(case.mask)
  if mask then prediction.keras_mask = mask end
  local value = loss(t.tensor(case.y_true), prediction, t.tensor(case.sample_weight))
  t.close("value", value, case.value)
  t.close("dy_pred", t.mg.gradients(value:sum(), { prediction })[1], case.dy_pred, "gradient")
end

function kinds.metric(case, t)
  local metric = t.class("metrics", case.class)(t.options(case.args))
  -- the library numbered the objects of a whole run
  local expected = case.args.name and case.metric_name or case.metric_name:gsub("_%d+$", "")
  t.check(metric.name == expected, "name is %s, expected %s", metric.name, expected)
  for i, update in ipairs(case.updates) do
    local prediction, mask = t.tensor(update.y_pred), t.tensor(update.mask)
    if mask then prediction.keras_mask = mask end
    metric:update_state(t.tensor(update.y_true), prediction, t.tensor(update.sample_weight))
    t.close("result " .. i, metric:result(), update.result)
  end
  metric:reset_state()
  t.close("after_reset", metric:result(), case.after_reset)
end

function kinds.metric_of_values(case, t)
  local metric = t.class("metrics", case.class)()
  for i, update in ipairs(case.updates) do
    metric:update_state(t.tensor(update.values), t.tensor(update.sample_weight))
    t.close("result " .. i, metric:result(), update.result)
  end
end

function kinds.schedule(case, t)
  local schedules = t.mg.optimizers.schedules
  if not schedules[case.class] then t.skip("no " .. case.class) end
  local schedule = schedules[case.class](t.options(case.args))
  for i, step in ipairs(case.steps) do t.close("step " .. step, schedule(step), case.values.data[i]) end
end

return {
  name = "losses",
  matches = function(case) return kinds[case.kind] ~= nil and not case.dialect end,
  run = function(case, t)
    t.check(not case.deviates, "it deviates, and no rule of ours is stated for it")
    return kinds[case.kind](case, t)
  end,
}
