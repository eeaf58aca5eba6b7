-- Whole models as JSON. data/models.json was written by Keras 3.15.1 and tf_keras 2.21 (tests/keras/make_models.py): to_json, and
-- the outputs for weights and inputs that follow patterns.
local assert = require "luassert"
local defaults = require "moongate.compat.defaults"
local mg = require "moongate"
local names = require "moongate.names"

local json, layers, null = mg.json, mg.layers, mg.null

local function cases()
  local handle = assert(io.open(package.searchpath("helper", package.path):gsub("helper%.lua$", "data/models.json"), "rb"))
  local list = json.decode(handle:read "*a")
  handle:close()
  return list
end

local function each_case(visit)
  for _, case in ipairs(cases()) do
    names.reset()
    visit(case)
  end
end

-- value(i) for i = 0, 1, ... as a tensor.
local function tensor_of(shape, dtype, value)
  local count, list = 1, {}
  for _, size in ipairs(shape) do count = count * size end
  for i = 0, count - 1 do list[i + 1] = value(i) end
  return mg.tensor(list, { dtype = dtype }):reshape(shape)
end

local function pattern(n) return function(i) return (i * n % 7 - 3) / 8 end end

local function give_weights(model)
  local values = {}
  for i, weight in ipairs(model.weights) do
    local shape = { unpack(weight.shape) }
    values[i] = weight.name == "moving_variance" and mg.ones(shape) or tensor_of(shape, "float32", pattern(i + 1))
  end
  model:set_weights(values)
end

local function inputs_of(model, order)
  local feed = {}
  for k, name in ipairs(order) do
    local input
    for i, each in ipairs(model.input_names) do
      if each == name then input = model.inputs[i] end
    end
    local shape = { 2 }
    for i = 2, #input.shape do shape[i] = input.shape[i] == null and 5 or input.shape[i] end
    local values = { int32 = function(i) return i * (k + 2) % 7 end, bool = function(i) return i % 5 < 3 and 1 or 0 end }
    local dtypes = { int32 = "int32", bool = "uint8" }
    feed[name] = tensor_of(shape, dtypes[input.dtype] or "float32", values[input.dtype] or pattern(k + 2))
  end
  return feed
end

local function check_outputs(case, model)
  give_weights(model)
  local outputs = { model(inputs_of(model, case.inputs)) }
  assert.are.equal(#case.outputs, #outputs)
  for i, wanted in ipairs(case.outputs) do
    local flat = outputs[i]:to_flat_table()
    assert.are.equal(#wanted.data, #flat)
    for k, value in ipairs(wanted.data) do
      assert.is_true(math.abs(value - flat[k]) < 1e-5, ("%s %s output %d[%d]"):format(case.dialect, case.name, i, k))
    end
  end
end

-- The same models through the functional API.
local build = {}

function build.by_name()
  local x, y = mg.Input { shape = { 3 }, name = "x" }, mg.Input { shape = { 2 }, name = "y" }
  local q, p = layers.Dense(1, { name = "d1" })(x), layers.Dense(1, { name = "d2" })(y)
  local model = mg.Model { inputs = { x = x, y = y }, outputs = { q = q, p = p }, name = "dio" }
  model.output_order = { "q", "p" }
  return model
end

function build.masks()
  local x = mg.Input { shape = { 5, 3 }, name = "x" }
  local h = layers.Masking { mask_value = -0.375, name = "mask" } (x)
  h = layers.Dropout(0.5, { name = "dr" })(h)
  local g, state = layers.GRU(2, { return_sequences = true, return_state = true, name = "g" })(h)
  local both = layers.Bidirectional(layers.GRU(2, { return_sequences = true, name = "b" }), { name = "bi" })(g)
  local each = layers.TimeDistributed(layers.Dense(2, { name = "tdd" }), { name = "td" })(both)
  local joined = layers.Concatenate { name = "c" } { g, each }
  local last2 = layers.GRU(2, { name = "last2" })
  local last = layers.GRU(2, { name = "last" })(joined, { initial_state = state, mask = null }) -- no mask, as Keras 3 has it
  local second = last2(joined)
  local attended = layers.Attention { name = "att" } { joined, joined }
  return mg.Model { inputs = x, name = "mm",
    outputs = { last, second, layers.GlobalAveragePooling1D { name = "gap" } (attended) } }
end

function build.deep()
  local tokens, z = mg.Input { shape = { 6 }, dtype = "int32", name = "tok" }, mg.Input { shape = { 2 }, name = "z" }
  local encoder = mg.Sequential({ mg.Input { shape = { 6 }, dtype = "int32", name = "ei" },
    layers.Embedding(7, 3, { mask_zero = true, name = "ee" }), layers.GRU(2, { name = "eg" }) }, { name = "enc" })
  local i1, i2 = mg.Input { shape = { 2 }, name = "i1" }, mg.Input { shape = { 2 }, name = "i2" }
  local f = mg.Model { inputs = { i1, i2 }, name = "f",
    outputs = { layers.Average { name = "av" } { i1, i2 }, layers.Subtract { name = "su" } { i1, i2 } } }
  local mean, difference = f { encoder(tokens), z }
  local r = layers.Reshape({ 2, 1 }, { name = "rs" })(mean)
  r = layers.Flatten { name = "fl" } (layers.Permute({ 2, 1 }, { name = "pe" })(r))
  local repeated = layers.RepeatVector(3, { name = "rv" })(difference)
  local lstm = layers.LSTM(2, { return_state = true, name = "bl" })
  local both = { layers.Bidirectional(lstm, { name = "bi", merge_mode = "sum" })(repeated) }
  return mg.Model { inputs = { tokens, z }, outputs = { r, both[1], both[5] }, name = "deep" }
end

describe("models as JSON", function()
  it("read what Keras wrote, and write the same text", function()
    each_case(function(case)
      local model = mg.models.model_from_json(case.to_json)
      assert.are.equal(case.to_json, model:to_json(case.dialect))
      local order = {}
      for i, layer in ipairs(model.layers) do order[i] = layer.name end
      assert.are.equal(table.concat(case.layers, ","), table.concat(order, ","))
    end)
  end)

  it("compute what they computed there", function()
    each_case(function(case) check_outputs(case, mg.models.model_from_json(case.to_json, { dialect = case.dialect })) end)
  end)

  it("change their dialect and compute the same", function()
    each_case(function(case)
      if case.name == "masks" then return end -- Keras 3 drops a mask beside an initial state, TensorFlow 2 does not
      local other = case.dialect == "tf2" and "keras3" or "tf2"
      local text = mg.models.model_from_json(case.to_json):to_json(other)
      local model = mg.models.model_from_json(text)
      assert.are.equal(text, model:to_json(other))
      check_outputs(case, model)
    end)
  end)

  it("are written as Keras writes the same model", function()
    each_case(function(case)
      if not build[case.name] then return end
      defaults.with(case.dialect, function()
        assert.are.equal(case.to_json, build[case.name]():to_json(case.dialect))
      end)
    end)
  end)

  it("hold compile's arguments", function()
    names.reset()
    local a = mg.Input { shape = { 3 }, name = "a" }
    local one, two = layers.Dense(1, { name = "o1" })(a), layers.Dense(2, { name = "o2" })(a)
    local model = mg.Model { inputs = a, outputs = { one, two }, name = "m" }
    model:compile { optimizer = "sgd", loss = { "mse", mg.losses.MeanAbsoluteError() }, loss_weights = { 1, 2 },
      metrics = { { "mae" }, { "mse" } } }
    assert.matches('"loss": %["mse", {"module": "keras.losses", "class_name": "MeanAbsoluteError", "config": {"name": '
      .. '"mean_absolute_error", "reduction": "sum_over_batch_size"}, "registered_name": null}%], "loss_weights": %[1.0, 2.0%], '
      .. '"metrics": %[%["mae"%], %["mse"%]%], "weighted_metrics": null, "run_eagerly": false', model:to_json())
  end)

  it("take classes of one's own", function()
    local Twice = layers.Layer.extend("Twice", { { "times", default = 2 } })
    function Twice:call(x) return x * self.times end
    local x = mg.Input { shape = { 2 }, name = "x" }
    local text = mg.Model { inputs = x, outputs = Twice { times = 3, name = "t" } (x) }:to_json()
    local model = mg.models.model_from_json(text, { custom_objects = { Twice = Twice } })
    assert.are.same({ { 3, 6 } }, model(mg.tensor { { 1, 2 } }):to_table())
    assert.are.equal(text, model:to_json())
    assert.matches('unknown layer class "Twice" in config.config.layers%[2%]', select(2, pcall(mg.models.model_from_json, text)))
  end)

  it("name the place of what is wrong", function()
    local x = mg.Input { shape = { 2 }, name = "x" }
    local text = mg.Model { inputs = x, outputs = layers.Dense(1, { name = "d" })(x) }:to_json()
    local function message(from, to)
      local changed, count = text:gsub(from, to, 1)
      assert.are.equal(1, count)
      return select(2, pcall(mg.models.model_from_json, changed))
    end
    assert.matches('config.config.layers%[2%].inbound_nodes%[1%]%S* refers to the layer "y", which is not in the model',
      message('"keras_history": %["x"', '"keras_history": ["y"'))
    assert.matches("config.config.layers%[2%].inbound_nodes%[1%] waits for a call that never comes",
      message('"keras_history": %["x", 0', '"keras_history": ["d", 0'))
    assert.matches("config.config.output_layers refers to output 3",
      message('"output_layers": %["d", 0, 0', '"output_layers": ["d", 0, 3'))
    assert.matches("config.config.layers%[2%].config.wide", message('"units"', '"wide"'))
    assert.matches("config.config.layers is null, expected a list",
      message('"layers": .*"input_layers"', '"layers": null, "input_layers"'))
  end)

  -- keras.models.model_from_json (3.15): deserialize_keras_object compiles by the compile_config and builds the optimizer.
  it("compile what says how it was compiled", function()
    local model = mg.Sequential { layers.Input { 3 }, layers.Dense(2) }
    assert.is_nil(mg.models.model_from_json(model:to_json()).compiled_with)
    model:compile { optimizer = mg.optimizers.SGD(0.25), loss = "mse", metrics = { "mae" } }
    local again = mg.models.model_from_json(model:to_json())
    assert.equal(0.25, again.optimizer.learning_rate)
    assert.is_true(again.optimizer.built)
    assert.same({ "mae" }, again.compiled_with.metrics)
    assert.equal("number", type((again:evaluate(mg.ones { 4, 3 }, mg.ones { 4, 2 }, { verbose = 0 }))))
    assert.is_nil(mg.models.model_from_json(model:to_json "tf2").compiled_with)
    local changed = model:to_json():gsub('"mae"', '"mea"')
    assert.matches("model_from_json: what the model was compiled with: .*mea.*custom_objects",
      select(2, pcall(mg.models.model_from_json, changed)))
  end)

  it("read the forms of Keras 1 and 2", function()
    local graph = mg.models.model_from_json [=[{"class_name": "Model", "keras_version": "2.2.4",
      "config": {"name": "model_1", "layers": [
      {"name": "input_1", "class_name": "InputLayer", "inbound_nodes": [],
        "config": {"batch_input_shape": [null, 5, 3], "dtype": "float32", "sparse": false, "name": "input_1"}},
      {"name": "gru_1", "class_name": "GRU", "inbound_nodes": [[["input_1", 0, 0]]],
        "config": {"name": "gru_1", "trainable": true, "units": 4, "recurrent_activation": "hard_sigmoid"}}],
      "input_layers": [["input_1", 0, 0]], "output_layers": [["gru_1", 0, 0]]}}]=]
    assert.is_false(graph:get_layer("gru_1").reset_after)
    assert.are.same({ null, 4 }, graph.output_shape)
    local list = mg.models.model_from_json [=[{"class_name": "Sequential", "config": [
      {"class_name": "GRU", "config": {"name": "g", "units": 3, "batch_input_shape": [null, 4, 2]}},
      {"class_name": "Dense", "config": {"units": 1}}]}]=]
    assert.is_true(list.built)
    assert.are.equal("g_input", list.input_names[1])
  end)

  it("refuse what no config can tell", function()
    local x = mg.Input { shape = { 2 }, name = "x" }
    local h = layers.Dense(2)(x)
    local tail = mg.Model { inputs = h, outputs = layers.Dense(1)(h) }
    assert.are.same({ 3, 1 }, { unpack(tail(mg.ones { 3, 2 }).shape) })
    assert.matches("in the middle of a graph", select(2, pcall(tail.to_json, tail)))
  end)
end)
