-- Records come back as they were; a run that was stopped and resumed ends with the very bits of one that was not.
local mg = require "moongate"
local record = require "moongate.files.record"
local state = require "moongate.files.state"
local hdf5 = require "moongate.ffi.hdf5"

local path
local function with_path()
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)
end

describe("a record", function()
  with_path()

  it("comes back as it was", function()
    record.save(path, {
      number = 0.1, large = 2 ^ 53 - 1, negative = -3, infinite = math.huge, yes = true, no = false, nothing = mg.null,
      text = "a\0b", empty = "", list = { 1, { 2, "x" }, false }, group = { ["a/b%c."] = 1, ["."] = 2, [""] = 3, deep = {} },
      x = mg.tensor({ { 1, 2 }, { 3, 4 } }), ids = mg.tensor({ 5, -6 }, { dtype = "int32" }),
      turned = mg.tensor({ { 1, 2 }, { 3, 4 } }):transpose(1, 2), scalar = mg.tensor(2.5, { dtype = "float64" }),
    })
    local back = record.load(path, "test")
    for key, value in pairs { number = 0.1, large = 2 ^ 53 - 1, negative = -3, infinite = math.huge, yes = true, no = false,
      text = "a\0b", empty = "" } do
      assert.equal(value, back[key])
    end
    assert.is_true(back.nothing == mg.null)
    assert.same({ 1, { 2, "x" }, false }, back.list)
    assert.same({ ["a/b%c."] = 1, ["."] = 2, [""] = 3, deep = {} }, back.group)
    assert.same({ { 1, 2 }, { 3, 4 } }, back.x:to_table())
    assert.same({ { 1, 3 }, { 2, 4 } }, back.turned:to_table())
    assert.same({ "int32", { 5, -6 } }, { back.ids.dtype, back.ids:to_table() })
    assert.same({ "float64", 2.5 }, { back.scalar.dtype, back.scalar:item() })
  end)

  it("takes nothing it could not give back, and leaves the old file then", function()
    record.save(path, { old = 1 }, "test")
    local cases = { ["no place in a file"] = { f = print }, ["1..n without gaps"] = { [2.5] = 1 }, mixes = { 1, a = 2 } }
    for text, bad in pairs(cases) do
      local ok, message = pcall(record.save, path, bad, "test")
      assert.is_false(ok)
      assert.matches(text, message, 1, true)
    end
    assert.same({ old = 1 }, record.load(path, "test"))
  end)

  it("is refused when it is none, or of a later version", function()
    local function fails(text)
      local ok, message = pcall(record.load, path, "test")
      assert.is_false(ok)
      assert.matches(text, message, 1, true)
    end
    fails("not an HDF5 file")
    local function make(version, kind)
      local file = assert(hdf5.create(path))
      if version then assert(file:set_attribute("/", "moongate_record", version)) end
      if kind then assert(file:set_attribute("/", "kind", kind)) end
      file:close()
    end
    make()
    fails("no record")
    make("2", "table")
    fails("later version 2")
    make("1", "poem")
    fails('unknown kind "poem"')
    make("1")
    fails("no attribute kind")
  end)
end)

local function model_of(options)
  options = options or {}
  mg.set_random_seed(5)
  local model = mg.Sequential {
    mg.layers.GRU(4, { return_sequences = true, dropout = 0.25, recurrent_dropout = 0.25, seed = 3 }),
    mg.layers.Dropout(0.2), mg.layers.Dense(options.units or 2),
  }
  model:build({ mg.null, 3, 2 })
  model:compile { optimizer = options.optimizer or mg.optimizers.Adam { learning_rate = 0.05 }, loss = "mse" }
  return model
end

local function data()
  local x = mg.random.normal({ 10, 3, 2 }, 0, 1, { seed = 1 })
  return x, mg.random.normal({ 10, 3, 2 }, 0, 1, { seed = 2 })
end

local function train(model, first, last)
  local x, y = data()
  model:fit(x, y, { epochs = last, initial_epoch = first, batch_size = 4, verbose = 0 })
end

local function numbers(model)
  local list = {}
  for i, v in ipairs(model.weights) do list[i] = v:to_flat_table() end
  return list
end

describe("the state of a run", function()
  with_path()

  it("lets training go on bit for bit", function()
    for _, make in ipairs { mg.optimizers.Adam, mg.optimizers.RMSprop, mg.optimizers.SGD } do
      local function optimizer() return make { learning_rate = 0.05 } end
      local whole = model_of { optimizer = optimizer() }
      train(whole, 0, 4)

      local first = model_of { optimizer = optimizer() }
      train(first, 0, 2)
      local weights = path .. ".weights.h5"
      first:save_weights(weights)
      state.save(first, path, { best = 0.5 })

      mg.set_random_seed(99)
      local second = model_of { optimizer = optimizer() }
      mg.set_random_seed(98)
      second.optimizer:build(second.trainable_weights)
      second:load_weights(weights)
      assert.same({ best = 0.5 }, state.load(second, path))
      os.remove(weights)
      assert.equal(2, second.epochs_done)
      train(second, second.epochs_done, 4)
      assert.same(numbers(whole), numbers(second))
      assert.not_same(numbers(first), numbers(second))
    end
  end)

  it("lets training go on in the middle of an epoch, bit for bit", function()
    local whole = model_of()
    train(whole, 0, 3)

    local first, batches, x, y = model_of(), 0, data()
    local checkpoint = mg.callbacks.ModelCheckpoint { filepath = path .. ".weights.h5", save_state = true, save_freq = 5 }
    local stop = { on_train_batch_end = function()
      batches = batches + 1
      if batches == 5 then error("stopped", 0) end
    end }
    assert.has_error(function()
      first:fit(x, y, { epochs = 3, batch_size = 4, verbose = 0, callbacks = { checkpoint, stop } })
    end, "stopped")

    local second = model_of()
    second:load_weights(path .. ".weights.h5")
    second:load_state(path .. ".state.h5")
    os.remove(path .. ".weights.h5")
    os.remove(path .. ".state.h5")
    assert.same({ 1, 2 }, { second.epochs_done, second.batches_done })
    local seen = {}
    second:fit(x, y, { epochs = 3, initial_epoch = 1, batch_size = 4, verbose = 0, callbacks = {
      { on_train_batch_end = function(batch) seen[#seen + 1] = batch end },
    } })
    assert.same({ 2, 0, 1, 2 }, seen)
    assert.same(numbers(whole), numbers(second))
  end)

  it("is refused beside weights of another time, and names what was called", function()
    local weights = path .. ".weights.h5"
    local model = model_of()
    train(model, 0, 1)
    state.save(model, path)
    train(model, 1, 2)
    model:save_weights(weights) -- and the machine stops here
    local other = model_of()
    other:load_weights(weights)
    other.optimizer:build(other.trainable_weights)
    local before = numbers(other)
    local ok, message = pcall(other.load_state, other, path)
    os.remove(weights)
    assert.is_false(ok)
    assert.matches("load_state: " .. path .. " (after 3 updates) was saved with other weights", message, 1, true)
    assert.equal(0, other.optimizer.iterations)
    assert.same(before, numbers(other))
    -- one bit of one weight
    train(other, 0, 1)
    state.save(other, path)
    local bias = other.weights[#other.weights]
    local list = bias:to_flat_table()
    list[1] = list[1] + math.max(math.abs(list[1]), 1e-3) * 2 ^ -23
    bias:assign(mg.tensor(list))
    ok, message = pcall(other.load_state, other, path)
    assert.is_false(ok)
    assert.matches("was saved with other weights", message, 1, true)
    for _, name in ipairs { "load_state", "save_state" } do
      ok, message = pcall(other[name], other, "/nowhere/x.state.h5")
      assert.is_false(ok)
      assert.matches(": " .. name .. ": ", message, 1, true)
      assert.matches("/nowhere/x.state.h5", message, 1, true)
    end
  end)

  it("is loaded whole or not at all", function()
    local model = model_of()
    train(model, 0, 1)
    state.save(model, path)
    local function refuses(text, other)
      other.optimizer:build(other.trainable_weights)
      local before = other.optimizer.iterations
      local ok, message = pcall(state.load, other, path)
      assert.is_false(ok)
      assert.matches(text, message, 1, true)
      assert.equal(before, other.optimizer.iterations)
    end
    refuses("of the optimizer Adam, the model has SGD", model_of { optimizer = mg.optimizers.SGD {} })
    refuses("has shape", model_of { units = 1 })
    refuses("variables were saved", model_of { optimizer = mg.optimizers.Adam { amsgrad = true } })
    local ok, message = pcall(state.load, model_of(), path)
    assert.is_false(ok)
    assert.matches("no optimizer with state", message, 1, true)
  end)
end)
