local mg = require "moongate"

-- y = 2 x1 - x2 + 1 for rows of random numbers.
local function data(rows)
  mg.set_random_seed(1)
  local x = mg.random.uniform({ rows, 2 }, -1, 1)
  return x, (x:slice(2, 1, 1) * 2 - x:slice(2, 2, 2) + 1)
end

local function linear(options)
  local model = mg.Sequential { mg.layers.Dense(1) }
  options = options or {}
  model:compile { optimizer = options.optimizer or mg.optimizers.SGD(0.2), loss = "mse", metrics = options.metrics }
  return model
end

local function weights_of(model)
  local list = {}
  for _, w in ipairs(model:get_weights()) do
    for _, v in ipairs(w:to_flat_table()) do list[#list + 1] = v end
  end
  return list
end

describe("fit", function()
  it("finds a linear function", function()
    local x, y = data(256)
    local model = linear()
    local history = model:fit(x, y, { epochs = 20, verbose = 0 })
    local w = weights_of(model)
    assert.near(2, w[1], 1e-2)
    assert.near(-1, w[2], 1e-2)
    assert.near(1, w[3], 1e-2)
    assert.equal(20, #history.history.loss)
    assert.is_true(history.history.loss[20] < 1e-3)
    assert.same({ 0, 1 }, { history.epoch[1], history.epoch[2] })
  end)

  it("averages the figures of batches by their size", function()
    local model = linear { optimizer = mg.optimizers.SGD(0) }
    model:build { mg.null, 2 }
    model:set_weights { { { 0 }, { 0 } }, { 0 } }
    local y = mg.tensor { { 1 }, { 1 }, { 4 } }
    local history = model:fit(mg.zeros(3, 2), y, { batch_size = 2, verbose = 0, shuffle = false })
    assert.near((1 + 1 + 16) / 3, history.history.loss[1], 1e-6)
  end)

  it("holds back the last rows for validation", function()
    local model = linear { optimizer = mg.optimizers.SGD(0) }
    model:build { mg.null, 2 }
    model:set_weights { { { 0 }, { 0 } }, { 0 } }
    local y = mg.tensor { { 1 }, { 1 }, { 1 }, { 5 } }
    local history = model:fit(mg.zeros(4, 2), y, { validation_split = 0.25, verbose = 0 })
    assert.near(1, history.history.loss[1], 1e-6)
    assert.near(25, history.history.val_loss[1], 1e-6)
  end)

  it("validates after the epochs of a list, and on validation_data where a split is given too", function()
    local x, y = data(8)
    local options = { epochs = 4, validation_freq = { 1, 4 }, validation_data = { x, y }, validation_split = 0.5, batch_size = 4 }
    local batches = 0
    options.verbose, options.callbacks = 0, { { on_train_batch_end = function() batches = batches + 1 end } }
    assert.equal(2, #linear():fit(x, y, options).history.val_loss)
    assert.equal(4 * 2, batches)
    assert.equal(2, #linear():fit(x, y, { epochs = 4, validation_freq = 2, validation_split = 0.5, verbose = 0 }).history.val_loss)
    assert.has_error(function() linear():fit(x, y, { validation_freq = 0, verbose = 0 }) end)
  end)

  -- Order and arguments: keras.callbacks.Callback.
  it("calls every hook", function()
    local x, y = data(8)
    local model, seen, hooks = linear(), {}, {}
    for _, name in ipairs(mg.callbacks.Callback.HOOKS) do
      hooks[name] = function(i) seen[#seen + 1] = name:sub(4) .. (type(i) == "number" and " " .. i or "") end
    end
    model:fit(x, y, { batch_size = 4, verbose = 0, callbacks = { hooks }, validation_data = { x, y }, validation_batch_size = 8 })
    assert.same({ "train_begin", "epoch_begin 0", "train_batch_begin 0", "train_batch_end 0", "train_batch_begin 1",
      "train_batch_end 1", "test_begin", "test_batch_begin 0", "test_batch_end 0", "test_end", "epoch_end 0", "train_end" }, seen)
    seen = {}
    model:predict(x, { batch_size = 8, verbose = 0, callbacks = { hooks } })
    assert.same({ "predict_begin", "predict_batch_begin 0", "predict_batch_end 0", "predict_end" }, seen)
  end)

  it("calls a callback's on_batch_begin and on_batch_end", function()
    local x, y = data(4)
    local Older, seen = mg.callbacks.Callback:extend("Older"), {}
    function Older.on_batch_begin(_, batch) seen[#seen + 1] = "begin " .. batch end
    function Older.on_batch_end(_, batch, logs) seen[#seen + 1] = "end " .. batch .. type(logs.loss) end
    linear():fit(x, y, { verbose = 0, callbacks = { Older() } })
    assert.same({ "begin 0", "end 0number" }, seen)
  end)

  it("takes tables, datasets and functions", function()
    local model = linear()
    model:fit({ { 0, 0 }, { 1, 1 } }, { { 1 }, { 2 } }, { verbose = 0 })
    local x, y = data(8)
    model:fit(mg.data.from_tensors(x, y):batch(4), { epochs = 2, verbose = 0 })
    local calls = 0
    model:fit(function()
      calls = calls + 1
      local left = 3
      return function()
        left = left - 1
        if left >= 0 then return x, y end
      end
    end, { epochs = 2, verbose = 0 })
    assert.equal(2, calls)
    assert.equal(1 + 2 * 2 + 2 * 3, model.optimizer.iterations)
  end)

  it("refuses options that are no such thing, naming them", function()
    local x, y = data(4)
    for text, options in pairs {
      ["argument steps_per_epoch is \"a\", expected a whole number >= 1"] = { steps_per_epoch = "a" },
      ["argument validation_steps is 0, expected a whole number >= 1"] = { validation_steps = 0 },
      ["argument verbose is \"loud\", expected a whole number in 0..2"] = { verbose = "loud" },
      ["argument callbacks is <EarlyStopping>, expected a list"] = { callbacks = mg.callbacks.EarlyStopping() },
    } do
      options.verbose = options.verbose or 0
      local model = linear()
      local ok, message = pcall(model.fit, model, x, y, options)
      assert.is_false(ok)
      assert.matches(text, message, 1, true)
    end
    local ok, message = pcall(linear, { metrics = { "acuracy" } })
    assert.is_false(ok)
    assert.matches('did you mean "[Aa]ccuracy"', message)
  end)

  it("weights samples and classes alike", function()
    local x, y = mg.zeros(3, 2), mg.tensor { { 1 }, { 0 }, { 1 } }
    local function loss(options)
      local model = linear { optimizer = mg.optimizers.SGD(0) }
      model:build { mg.null, 2 }
      model:set_weights { { { 0 }, { 0 } }, { 0 } }
      options.verbose = 0
      return model:fit(x, y, options).history.loss[1]
    end
    assert.near((3 + 0 + 3) / 3, loss { class_weight = { [1] = 3 } }, 1e-6)
    local both = { class_weight = { [1] = 3 }, sample_weight = mg.ones(3), verbose = 0 }
    local model = linear()
    for _, method in ipairs { "fit", "train_on_batch" } do
      both.verbose = method == "fit" and 0 or nil
      local ok, message = pcall(model[method], model, x, y, both)
      assert.is_false(ok)
      assert.matches("class_weight and sample_weight are both given", message)
    end
    assert.near((3 + 0 + 5) / 3, loss { sample_weight = mg.tensor { 3, 1, 5 } }, 1e-6)
  end)

  it("shuffles by the seed and the epoch alone", function()
    local x, y = data(40)
    local function trained(first, epochs, start)
      mg.set_random_seed(5)
      local model = linear()
      model:build { mg.null, 2 }
      if start then model:set_weights(start) end
      model:fit(x, y, { initial_epoch = first, epochs = epochs, verbose = 0, batch_size = 8 })
      return model
    end
    local whole = trained(0, 4)
    local half = trained(0, 2)
    assert.same(weights_of(whole), weights_of(trained(2, 4, half:get_weights())))
  end)

  it("stops when a callback asks, after the batch", function()
    local x, y = data(16)
    local model = linear()
    local history = model:fit(x, y, { epochs = 5, verbose = 0, batch_size = 4,
      callbacks = { { on_epoch_end = function(epoch) model.stop_training = epoch == 1 end } } })
    assert.equal(2, #history.epoch)
  end)

  it("gives no figures of a part of the data when Ctrl-C ends an evaluation", function()
    local x, y = data(32)
    local model = linear()
    local function interrupt(batch)
      if batch == 1 then io.popen("kill -INT $PPID"):close() end
    end
    local ok, message = pcall(model.evaluate, model, x, y, { verbose = 0, batch_size = 4,
      callbacks = { { on_test_batch_end = interrupt } } })
    assert.is_false(ok)
    assert.matches("evaluate: interrupted", message, 1, true)
  end)

  it("ends after the running batch on Ctrl-C, and keeps the weights", function()
    local x, y = data(32)
    local model = linear()
    local function interrupt(batch)
      if batch == 2 then io.popen("kill -INT $PPID"):close() end
    end
    local history = model:fit(x, y, { epochs = 3, verbose = 0, batch_size = 4, callbacks = { { on_train_batch_end = interrupt } } })
    assert.is_true(history.interrupted)
    assert.equal(3, model.optimizer.iterations)
    assert.equal(0, #history.epoch)
    assert.is_false(model:fit(x, y, { verbose = 0, batch_size = 4 }).interrupted)
    assert.equal(3 + 8, model.optimizer.iterations)
  end)

  -- One step leaves some kilobytes of tables and tensors; 900 steps of them would be tens of MB. What grows by less than 1 MB is
  -- the code that LuaJIT compiles.
  it("keeps resident memory flat", function()
    if require("where").preload then return pending("measured without sanitizers") end
    local x, y = data(512)
    local model, resident, steps = linear(), {}, 0
    local function measure()
      steps = steps + 1
      if steps ~= 100 and steps ~= 1000 then return end
      for line in io.lines("/proc/self/status") do
        resident[steps] = resident[steps] or tonumber(line:match("VmRSS:%s*(%d+)"))
      end
    end
    model:fit(x, y, { epochs = 16, verbose = 0, batch_size = 8, callbacks = { { on_train_batch_end = measure } } })
    assert(resident[1000] < resident[100] + 1024, ("%d KB, then %d KB"):format(resident[100], resident[1000]))
  end)

  it("keeps no memory from step to step", function()
    local x, y = data(64)
    local model = linear()
    model:fit(x, y, { epochs = 1, verbose = 0, batch_size = 8 })
    local before = mg.memory().live
    model:fit(x, y, { epochs = 5, verbose = 0, batch_size = 8 })
    assert.is_true(mg.memory().live - before < 4096)
  end)

  it("evaluates and predicts any number of rows", function()
    local x, y = data(10)
    local model = linear { metrics = { "mae" } }
    model:build { mg.null, 2 }
    model:set_weights { { { 2 }, { -1 } }, { 1 } }
    local loss, mae = model:evaluate(x, y, { verbose = 0, batch_size = 4 })
    assert.near(0, loss, 1e-10)
    assert.near(0, mae, 1e-6)
    assert.near(0, model:evaluate(x, y, { verbose = 0, return_dict = true }).mae, 1e-6)
    assert.same({ 10, 1 }, { unpack(model:predict(x, { verbose = 0, batch_size = 4 }).shape) })
    assert.near(y[3]:item(), model:predict_on_batch(x)[3]:item(), 1e-6)
    assert.near(0, (model:test_on_batch(x, y)), 1e-10)
  end)

  it("names a metric that is given twice as Keras does", function()
    local x, y = data(8)
    local model = mg.Sequential { mg.layers.Dense(1) }
    model:compile { optimizer = "sgd", loss = "mse", metrics = { "mae", "mae" }, weighted_metrics = { "mse", "mae", "mae" } }
    local weights = mg.tensor { 1, 0, 0, 0, 0, 0, 0, 0 }
    model:build { mg.null, 2 }
    model:set_weights { { { 0 }, { 0 } }, { 0 } }
    local figures = model:evaluate(x, y, { verbose = 0, return_dict = true, sample_weight = weights })
    local names = {}
    for name in pairs(figures) do names[#names + 1] = name end
    table.sort(names)
    assert.same({ "loss", "mae", "mae_1", "mse", "weighted_mae", "weighted_mae_1" }, names)
    assert.near(math.abs(y[1]:item()), figures.weighted_mae, 1e-6)
    assert.near(y:abs():mean():item(), figures.mae, 1e-6)
  end)

  it("calls hooks in the order of the callbacks, functions or not", function()
    local x, y = data(4)
    local seen, Second = {}, mg.callbacks.Callback:extend("Second")
    function Second.on_epoch_end() seen[#seen + 1] = "second" end
    local function note(name)
      return { on_epoch_end = function() seen[#seen + 1] = name end }
    end
    linear():fit(x, y, { verbose = 0, callbacks = { note "first", Second(), note "third" } })
    assert.same({ "first", "second", "third" }, seen)
  end)

  it("goes on in unshuffled data where an epoch of fewer steps stopped", function()
    local x, seen = mg.tensor { { 0 }, { 1 }, { 2 }, { 3 }, { 4 } }, {}
    local rows = mg.data.from_tensors(x, x):batch(1):map(function(a, b)
      seen[#seen + 1] = a:item()
      return a, b
    end)
    linear():fit(rows, { epochs = 4, steps_per_epoch = 2, verbose = 0 })
    assert.same({ 0, 0, 1, 2, 3, 4, 0, 1, 2 }, seen) -- the first 0 is looked at to build the model
  end)

  it("gives the figures of one batch, not of those before", function()
    local model, x = linear(), mg.tensor { { 1 } }
    model:build { mg.null, 1 }
    model:set_weights { { { 0 } }, { 0 } }
    assert.equal(4, (model:test_on_batch(x, mg.tensor { { 2 } })))
    assert.equal(9, (model:test_on_batch(x, mg.tensor { { 3 } })))
  end)

  it("says which rows do not agree", function()
    local ok, message = pcall(linear().fit, linear(), mg.zeros(4, 2), mg.zeros(3, 1))
    assert.is_false(ok)
    assert.matches("3 rows.*4", message)
  end)
end)
