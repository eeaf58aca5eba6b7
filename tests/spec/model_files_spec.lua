-- Whole models in files: what comes back computes, trains and describes itself as before; what does not fit is refused.
local mg = require "moongate"
local json = require "moongate.json"
local zip = require "moongate.ffi.zip"

local function model_of(optimizer)
  local L = mg.layers
  local model = mg.Sequential {
    L.Input { 5, 3 }, L.GRU(4, { return_sequences = true, dropout = 0.1, seed = 3 }), L.GRU(3, { reset_after = false }), L.Dense(2),
  }
  model:compile { optimizer = optimizer or "adam", loss = "mse", metrics = { "mae" } }
  return model
end

describe("a model file", function()
  local path, x, y
  before_each(function()
    path = os.tmpname() .. ".keras"
    mg.set_random_seed(5)
    x, y = mg.initializers.RandomNormal { stddev = 1, seed = 2 } { 6, 5, 3 }, mg.ones { 6, 2 }
  end)
  after_each(function()
    os.remove(path)
    os.remove((path:gsub("%.keras$", "")))
  end)

  local function members()
    local opened = assert(zip.open(path))
    local names, texts = opened.names, {}
    for _, name in ipairs(names) do texts[name] = assert(opened:text(name, 1e6)) end
    opened:discard()
    return names, texts
  end

  local function write(names, texts)
    local out = assert(zip.create(path))
    for _, name in ipairs(names) do assert(out:add(name, texts[name])) end
    assert(out:close())
  end

  local function refuses(expected, ...)
    local ok, message = pcall(mg.load_model, path, ...)
    assert.is_false(ok)
    assert.matches(expected, message, 1, true)
    return message
  end

  it("has Keras's members in Keras's order, and the model's own config", function()
    local model = model_of()
    model:save(path)
    local names, texts = members()
    assert.same({ "metadata.json", "config.json", "model.weights.h5" }, names)
    assert.matches("^%d%d%d%d%-%d%d%-%d%d@%d%d:%d%d:%d%d$", json.decode(texts["metadata.json"]).date_saved)
    assert.equal(model:to_json(), texts["config.json"])
    assert.equal("\137HDF\r\n\26\n", texts["model.weights.h5"]:sub(1, 8))
  end)

  it("gives back a model that computes and trains on, bit for bit", function()
    local optimizers = {
      mg.optimizers.Adam { amsgrad = true }, mg.optimizers.SGD { learning_rate = 0.1, momentum = 0.9 },
      mg.optimizers.RMSprop { centered = true, momentum = 0.5 },
      mg.optimizers.Adam { use_ema = true, gradient_accumulation_steps = 2 },
    }
    for _, optimizer in ipairs(optimizers) do
      local model = model_of(optimizer)
      model:fit(x, y, { epochs = 2, batch_size = 3, verbose = 0 })
      model:save(path)
      local other = mg.models.load_model(path)
      assert.equal(model:to_json(), other:to_json())
      assert.same(model(x):to_flat_table(), other(x):to_flat_table())
      other.layers[1].cell.seed_generator:set_state(model.layers[1].cell.seed_generator:get_state())
      for _ = 1, 3 do
        model:train_on_batch(x, y)
        other:train_on_batch(x, y)
      end
      assert.same(model(x):to_flat_table(), other(x):to_flat_table())
    end
  end)

  it("of a model that was not compiled gives one that is not, and compile = false leaves the optimizer out", function()
    local model = mg.Sequential { mg.layers.Input { 3 }, mg.layers.Dense(2) }
    mg.models.save_model(model, path)
    assert.is_nil(mg.load_model(path).compiled_with)
    model_of():save(path)
    assert.is_nil(mg.load_model(path, { compile = false }).compiled_with)
  end)

  it("takes layers of the reader's own", function()
    local Scale = mg.layers.Layer.extend("Scale", { { "power", default = 1 } })
    function Scale:build(shape)
      self.factor = self:add_weight { name = "factor", shape = { shape[#shape] }, initializer = "ones" }
      mg.layers.Layer.build(self, shape)
    end
    function Scale:call(v) return v * self.factor end
    local model = mg.Sequential { mg.layers.Input { 3 }, Scale { power = 2 } }
    model:set_weights { mg.tensor { 1, 2, 3 } }
    model:save(path)
    local other = mg.load_model(path, { custom_objects = { Scale = Scale } })
    assert.equal(2, other.layers[1].power)
    assert.same({ 1, 2, 3 }, other(mg.ones(1, 3)):to_flat_table())
    refuses('unknown layer class "Scale"')
  end)

  it("draws no random numbers and makes no more weights than the file holds", function()
    model_of():save(path)
    local names, texts = members()
    mg.set_random_seed(9)
    local before = mg.random.get_state()
    mg.load_model(path)
    assert.same(before, mg.random.get_state())
    texts["config.json"] = texts["config.json"]:gsub('"units": 4', '"units": 400000')
    write(names, texts)
    refuses("for which the file holds too little")
  end)

  it("is refused where its parts do not fit each other", function()
    model_of():save(path)
    local names, texts = members()
    local config = texts["config.json"]
    texts["config.json"] = config:gsub('"reset_after": false', '"reset_after": true')
    write(names, texts)
    local message = refuses("reset_after = false: make the layer with it")
    assert.matches("model_files_spec.lua:%d+:", message)
    texts["config.json"] = config:gsub('"momentum": 0.9', '"momentum": 0.0'):gsub('"class_name": "Adam"', '"class_name": "SGD"')
    texts["config.json"] = texts["config.json"]:gsub(', "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e%-07, "amsgrad": false',
      ', "momentum": 0.0, "nesterov": false')
    write(names, texts)
    refuses("the optimizer's state")
    assert.is_truthy(mg.load_model(path, { compile = false }))
    texts["config.json"] = "[" .. config
    write(names, texts)
    refuses("config.json:")
    texts["config.json"] = config
    write({ "metadata.json", "config.json" }, texts)
    refuses("there is no model.weights.h5 in it")
    write({ "metadata.json", "model.weights.h5" }, texts)
    refuses('there is no entry "config.json"')
  end)

  it("needs a name that tells the format, and a model with weights", function()
    for name, text in pairs { ["/nowhere/x.keras"] = "No such file", ["x.zip"] = "must end in .keras, .h5 or .hdf5" } do
      local ok, message = pcall(mg.load_model, name)
      assert.is_false(ok)
      assert.matches(text, message, 1, true)
    end
    local ok, message = pcall(model_of().save, model_of(), "x.h5")
    assert.is_false(ok)
    assert.matches("must end in .keras", message, 1, true)
    ok, message = pcall(mg.Sequential { mg.layers.Dense(2) }.save, mg.Sequential { mg.layers.Dense(2) }, path)
    assert.is_false(ok)
    assert.matches("no weights yet", message, 1, true)
  end)

  it("of a layer with Keras 2's hard_sigmoid is refused, since Keras 3 would compute another", function()
    local model = mg.Sequential { mg.layers.Input { 5, 3 }, mg.compat.v1.layers.GRU(2) }
    local ok, message = pcall(model.save, model, path)
    assert.is_false(ok)
    assert.matches("hard_sigmoid", message, 1, true)
    assert.is_nil(io.open(path))
  end)

  -- Keras writes its own functions by their names, as model.compile(loss=keras.losses.mean_squared_error) shows.
  it("of a model compiled with functions of ours names them", function()
    local model = mg.Sequential { mg.layers.Input { 5, 3 }, mg.layers.GRU(2) }
    model:compile { loss = mg.losses.mean_squared_error, metrics = { mg.metrics.mean_absolute_error, mg.metrics.binary_accuracy } }
    local expected = { model:evaluate(x, y, { verbose = 0 }) }
    model:save(path)
    local again = mg.load_model(path)
    assert.equal("mean_squared_error", again.compiled_with.loss)
    assert.same({ "mean_absolute_error", "binary_accuracy" }, again.compiled_with.metrics)
    assert.same(expected, { again:evaluate(x, y, { verbose = 0 }) })
  end)
end)
