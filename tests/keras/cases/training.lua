-- Whole traces through compile and fit: losses of batches, running and epoch figures, final weights, optimizer state, predictions.
local function build(case, t)
  local layers = {}
  for i, spec in ipairs(case.layers) do layers[i] = t.options(spec) end
  local model = t.mg.Sequential(layers)
  local shape = {}
  for i = 1, #case.batch_shape do shape[i] = case.batch_shape[i] end
  model:build(shape)
  local weights = {}
  for i, weight in ipairs(case.initial_weights) do weights[i] = t.tensor(weight.value) end
  model:set_weights(weights)
  return model
end

local function plain(list)
  local out = {}
  for i = 1, #(list or {}) do out[i] = list[i] end
  return #out > 0 and out or nil
end

local function compile(model, case, t)
  local given = case.compile
  model:compile {
    optimizer = t.options(given.optimizer), loss = given.loss, metrics = plain(given.metrics),
    weighted_metrics = plain(given.weighted_metrics),
  }
end

-- Notes the loss of every training batch before it is averaged.
local function record_losses(model)
  local losses, total_loss = {}, model.total_loss
  function model.train_step(self, ...)
    rawset(self, "total_loss", function(...)
      local loss = total_loss(...)
      losses[#losses + 1] = loss:item()
      return loss
    end)
    getmetatable(self).class.train_step(self, ...)
    rawset(self, "total_loss", nil)
  end
  return losses
end

local function fit(model, case, t, running)
  local class_weight = t.given(case.fit.class_weight) and t.options(case.fit.class_weight)
  local validation = t.given(case.validation_data)
  return model:fit(t.tensor(case.x), t.tensor(case.y), {
    batch_size = case.fit.batch_size, epochs = case.fit.epochs, shuffle = case.fit.shuffle, verbose = 0,
    class_weight = class_weight, sample_weight = t.tensor(case.sample_weight),
    validation_data = validation and { t.tensor(validation[1]), t.tensor(validation[2]), t.tensor(validation[3]) } or nil,
    callbacks = { {
      on_epoch_begin = function() if case.fit.reset_between_epochs then model:reset_state() end end,
      on_train_batch_end = function(_, logs) running[#running + 1] = logs end,
    } },
  })
end

local function compare_figures(case, t, running, history)
  for i, expected in ipairs(case.running_logs) do
    for name, value in t.json.pairs(expected) do
      t.close(("%s after batch %d"):format(name, i), running[i][name], value, "training")
    end
  end
  for name, values in t.json.pairs(case.epoch_logs) do
    for i = 1, #values do t.close(("%s of epoch %d"):format(name, i), history.history[name][i], values[i], "training") end
  end
end

local function compare_state(model, case, t)
  local own = model.optimizer:own_variables()
  for i, golden in ipairs(case.optimizer_state) do
    t.close("optimizer " .. golden.name, own[i], golden.value, "training")
  end
end

-- One epoch by hand in which the embedding is a product with one-hot rows, whose gradient is the sum over repeated rows.
local function dense_epoch(model, case, t)
  local x, y = t.tensor(case.x), t.tensor(case.y)
  local embedding, ops = model.layers[1], t.mg.ops
  for first = 1, x.shape[1], case.fit.batch_size do
    local last = math.min(first + case.fit.batch_size - 1, x.shape[1])
    local hidden = ops.matmul(ops.one_hot(x:slice(1, first, last), embedding.input_dim, "float64"), embedding.embeddings)
    for i = 2, #model.layers do hidden = model.layers[i](hidden, { training = true }) end
    local gradients = t.mg.gradients(model:total_loss(y:slice(1, first, last), hidden), model.trainable_weights)
    model.optimizer:apply(gradients, model.trainable_weights)
  end
end

-- Repeated rows of an Embedding: the library treats them apart, ours is the update by their sum.
local function run_deviating(case, t)
  local model, dense = build(case, t), build(case, t)
  compile(model, case, t)
  compile(dense, case, t)
  local losses = record_losses(model)
  fit(model, case, t, {})
  for _ = 1, case.fit.epochs do dense_epoch(dense, case, t) end
  t.close("loss of the first batch", losses[1], case.batch_losses[1], "training")
  for i, weight in ipairs(dense.weights) do t.near("final weight " .. i, model.weights[i], weight:to_flat_table(), 1e-9) end
end

local function run(case, t)
  if case.deviates then return run_deviating(case, t) end
  local model, running = build(case, t), {}
  compile(model, case, t)
  local losses = record_losses(model)
  local history = fit(model, case, t, running)
  for i, expected in ipairs(case.batch_losses) do t.close("loss of batch " .. i, losses[i], expected, "training") end
  compare_figures(case, t, running, history)
  for i, golden in ipairs(case.final_weights) do t.close("final weight " .. i, model.weights[i], golden, "training") end
  compare_state(model, case, t)
  local predicted = model:predict(t.tensor(case.x), { batch_size = case.fit.batch_size, verbose = 0 })
  t.close("predictions", predicted, case.predictions_after, "training")
  local states = t.given(case.stored_state_after_fit_and_predict)
  if not states then return end
  local i = 0
  for _, layer in ipairs(model.layers) do
    for _, state in ipairs(layer.states or {}) do
      i = i + 1
      t.close("stored state " .. i, state, states[i], "training")
    end
  end
end

return {
  name = "training",
  matches = function(case) return case.compile ~= nil and case.batch_losses ~= nil end,
  run = run,
}
