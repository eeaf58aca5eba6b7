local mg = require "moongate"
local callbacks = mg.callbacks

-- What callbacks see of a model.
local function fake_model()
  local model = { weights = 0, saved = {}, optimizer = { learning_rate = 0.1 } }
  function model:get_weights() return self.weights end
  function model:set_weights(w) self.weights = w end
  function model:save_weights(path) self.saved[#self.saved + 1] = path end
  return model
end

-- Runs epochs of the given figures; the model's weights are the number of the epoch.
local function run(callback, model, figures)
  callback:set_model(model)
  callback:set_params { epochs = #figures, verbose = 0 }
  callback:on_train_begin()
  for i, logs in ipairs(figures) do
    callback:on_epoch_begin(i - 1, {})
    model.weights = i
    callback:on_epoch_end(i - 1, logs)
    if model.stop_training then break end
  end
  callback:on_train_end()
end

local function losses(...)
  local list = { ... }
  for i, value in ipairs(list) do list[i] = { val_loss = value } end
  return list
end

describe("EarlyStopping", function()
  it("stops after `patience` epochs without improvement and restores the best weights", function()
    local model = fake_model()
    run(callbacks.EarlyStopping { patience = 2, restore_best_weights = true }, model, losses(3, 1, 2, 2, 2))
    assert.is_true(model.stop_training)
    assert.equal(2, model.weights)
  end)

  it("goes on while the figure improves by more than min_delta", function()
    local model = fake_model()
    run(callbacks.EarlyStopping { patience = 1, min_delta = 0.5 }, model, losses(3, 2, 1.8))
    assert.is_true(model.stop_training)
    assert.equal(3, model.weights)
  end)

  it("takes accuracies for figures that grow", function()
    local model = fake_model()
    local stopping = callbacks.EarlyStopping { monitor = "val_accuracy", patience = 0 }
    run(stopping, model, { { val_accuracy = 0.1 }, { val_accuracy = 0.2 } })
    assert.is_nil(model.stop_training)
  end)
end)

describe("ModelCheckpoint", function()
  it("fills the file's name from epoch and figures", function()
    local model = fake_model()
    run(callbacks.ModelCheckpoint { filepath = "w{epoch:02d}-{val_loss:.2f}.weights.h5" }, model, losses(0.5, 0.25))
    assert.same({ "w01-0.50.weights.h5", "w02-0.25.weights.h5" }, model.saved)
  end)

  it("saves only what is better with save_best_only", function()
    local model = fake_model()
    run(callbacks.ModelCheckpoint { filepath = "{epoch}.weights.h5", save_best_only = true }, model, losses(3, 4, 2))
    assert.same({ "1.weights.h5", "3.weights.h5" }, model.saved)
  end)

  it("saves every save_freq batches over the ends of epochs, and makes the folder", function()
    local model, folder = fake_model(), os.tmpname()
    os.remove(folder)
    local saving = callbacks.ModelCheckpoint { filepath = folder .. "/a/{epoch}-{batch:02d}.weights.h5", save_freq = 3 }
    saving:set_model(model)
    for epoch = 0, 1 do
      saving:on_epoch_begin(epoch)
      for batch = 0, 3 do saving:on_train_batch_end(batch, {}) end
      saving:on_epoch_end(epoch, {})
    end
    assert.same({ folder .. "/a/1-03.weights.h5", folder .. "/a/2-02.weights.h5" }, model.saved)
    assert.is_true(os.remove(folder .. "/a"))
    os.remove(folder)
  end)

  -- Texts: keras/src/callbacks/model_checkpoint.py.
  it("says with verbose what it does, and saves where the figure is missing", function()
    local model, said, error_output = fake_model(), {}, io.stderr
    local show, warning = print, nil
    _G.print = function(text) said[#said + 1] = text end -- luacheck: ignore
    io.stderr = { write = function(_, text) warning = text end } -- luacheck: ignore
    local saving = callbacks.ModelCheckpoint { filepath = "w.weights.h5", save_best_only = true, verbose = 1 }
    local ok, message = pcall(run, saving, model, { { val_loss = 2 }, { val_loss = 3 }, { loss = 1 } })
    _G.print, io.stderr = show, error_output -- luacheck: ignore
    assert.is_true(ok, message)
    assert.same({
      "\nEpoch 1: val_loss improved from None to 2.00000, saving model to w.weights.h5",
      "\nEpoch 1: finished saving model to w.weights.h5", "\nEpoch 2: val_loss did not improve from 2.00000",
      "\nEpoch 3: finished saving model to w.weights.h5",
    }, said)
    assert.equal(2, #model.saved)
    assert.matches("val_loss", warning)
  end)

  it("writes whole models under names that end in .keras", function()
    local folder = os.tmpname()
    os.remove(folder)
    local model = mg.Sequential { mg.layers.Input { 2 }, mg.layers.Dense(1) }
    model:compile { loss = "mse" }
    local checkpoint = callbacks.ModelCheckpoint { filepath = folder .. "/best.keras", monitor = "loss", save_best_only = true }
    model:fit(mg.ones { 4, 2 }, mg.zeros { 4, 1 }, { verbose = 0, epochs = 2, callbacks = { checkpoint } })
    local again = mg.load_model(folder .. "/best.keras")
    os.remove(folder .. "/best.keras")
    os.remove(folder)
    assert.same(model:get_weights()[1]:to_table(), again:get_weights()[1]:to_table())
    assert.equal(2, again.optimizer.iterations)
  end)

  it("refuses names of other formats", function()
    for _, options in ipairs { { filepath = "model.h5" }, { filepath = "model.keras", save_weights_only = true },
      { filepath = "model.weights.h5", save_weights_only = false } } do
      assert.has_error(function() callbacks.ModelCheckpoint(options) end)
    end
  end)
end)

describe("LearningRateScheduler", function()
  it("sets the rate of each epoch and notes it", function()
    local model, logs = fake_model(), { {}, {} }
    run(callbacks.LearningRateScheduler(function(epoch, rate) return epoch == 0 and 1 or rate / 2 end), model, logs)
    assert.equal(0.5, model.optimizer.learning_rate)
    assert.equal(1, logs[1].learning_rate)
  end)

  it("refuses options that it does not know", function()
    local ok, message = pcall(callbacks.LearningRateScheduler, function(_, rate) return rate end, { verbos = 1 })
    assert.is_false(ok)
    assert.matches('did you mean "verbose"', message)
  end)
end)

-- The rates that Keras 3.15.1 has after each of these losses.
describe("ReduceLROnPlateau", function()
  local function rates(options, ...)
    local model, list = fake_model(), losses(...)
    model.optimizer.learning_rate = 1
    local seen = {}
    local callback = callbacks.ReduceLROnPlateau(options)
    local step = callback.on_epoch_end
    callback.on_epoch_end = function(self, epoch, logs)
      step(self, epoch, logs)
      seen[#seen + 1] = model.optimizer.learning_rate
    end
    run(callback, model, list)
    return seen
  end

  it("shrinks the rate after `patience` epochs without improvement", function()
    assert.same({ 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625 },
      rates({ factor = 0.5, patience = 2 }, 1, 0.5, 0.5, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4))
    assert.same({ 1, 1, 0.5, 0.25, 0.25, 0.125 }, rates({ factor = 0.5, patience = 1, mode = "max" }, 1, 2, 2, 1.5, 3, 3))
  end)

  it("waits for the cooldown and stops at min_lr", function()
    assert.same({ 1, 1, 0.25, 0.25, 0.25, 0.1, 0.1, 0.1, 0.1, 0.1 },
      rates({ factor = 0.25, patience = 2, cooldown = 2, min_lr = 0.1 }, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1))
  end)

  it("refuses a factor that does not shrink", function()
    local ok, message = pcall(callbacks.ReduceLROnPlateau, { factor = 1 })
    assert.is_false(ok)
    assert.matches("factor is 1, expected a number below 1", message)
  end)
end)

describe("CSVLogger", function()
  it("writes names and figures, and appends", function()
    local path = os.tmpname()
    run(callbacks.CSVLogger(path), fake_model(), { { loss = 0.1, accuracy = 1 }, { loss = 0.5, accuracy = 1, val_loss = 2 } })
    run(callbacks.CSVLogger(path, { append = true, separator = ";" }), fake_model(), { { loss = 0.25, val_loss = 0 } })
    local file = io.open(path)
    assert.equal("epoch,accuracy,loss,val_accuracy,val_loss\n0,1.0,0.1,NA,NA\n1,1.0,0.5,NA,2.0\n0;0.25;0.0\n", file:read("*a"))
    file:close()
    os.remove(path)
  end)

  it("says when the disk is full, also in the hundredth epoch", function()
    local logger, told = callbacks.CSVLogger "/dev/full", 0
    logger:on_train_begin()
    for epoch = 0, 99 do
      local ok, message = pcall(logger.on_epoch_end, logger, epoch, { loss = 1 })
      if not ok and message:find("CSVLogger: cannot write /dev/full: No space left on device", 1, true) then told = told + 1 end
    end
    assert.equal(100, told)
  end)
end)

describe("LambdaCallback", function()
  it("calls the functions given", function()
    local seen = {}
    run(callbacks.LambdaCallback { on_epoch_end = function(epoch, logs) seen[epoch] = logs.val_loss end }, fake_model(), losses(7))
    assert.equal(7, seen[0])
  end)

  it("names an unknown hook and the nearest", function()
    local ok, message = pcall(callbacks.LambdaCallback, { on_epoch_finish = print })
    assert.is_false(ok)
    assert.matches("on_epoch_finish", message)
  end)
end)
