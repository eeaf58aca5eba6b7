-- The .h5 files of before .keras: layers of cuDNN, of Keras 1 and of Keras 2, split lists of names, and what does not fit.
local mg = require "moongate"
local hdf5 = require "moongate.ffi.hdf5"
local null = require "moongate.null"
local where = require "where"

local L = mg.layers

-- Numbers 0.1, 0.2, ... in a shape, beginning after `start`.
local function numbers(shape, start)
  local count, list = 1, {}
  for _, size in ipairs(shape) do count = count * size end
  for i = 1, count do list[i] = (start + i) / 10 end
  return list
end

local path

-- A file of layers { name, { array name, shape, list }, ... }; names one by one, as lists too long for one attribute are split.
local function write(layers, attributes)
  local file = assert(hdf5.create(path))
  local root = attributes and "/model_weights" or ""
  for name, text in pairs(attributes or {}) do assert(file:set_attribute("/", name, text)) end
  for i, layer in ipairs(layers) do
    local group = root .. "/" .. layer[1]
    assert(file:make_group(group))
    assert(file:set_attribute(root == "" and "/" or root, ("layer_names%d"):format(i - 1), layer[1]))
    for k = 2, #layer do
      local name, shape, list = unpack(layer[k])
      assert(file:set_attribute(group, ("weight_names%d"):format(k - 2), name))
      assert(file:write_numbers(group .. "/" .. name, "float32", shape, list))
    end
    if #layer == 1 then assert(file:write_numbers(group .. "/unused", "float32", { 0 }, {})) end
  end
  return file
end

local function refuses(expected, model, options)
  local before = {}
  for i, v in ipairs(model.weights) do before[i] = v:to_flat_table() end
  local ok, message = pcall(model.load_weights, model, path, options)
  assert.is_false(ok)
  assert.matches(expected, message, 1, true)
  for i, v in ipairs(model.weights) do assert.same(before[i], v:to_flat_table()) end
end

local function close(expected, actual)
  for i, value in ipairs(expected) do assert.near(value, actual[i], 1e-6) end
end

describe("an older file", function()
  before_each(function() path = os.tmpname() .. ".h5" end)
  after_each(function()
    os.remove(path)
    os.remove((path:gsub("%.h5$", "")))
  end)

  -- tf_keras 2.21: CuDNNGRU(3), CuDNNLSTM(2), built and saved; predicted after load_weights into GRU(3, reset_after=True), LSTM(2).
  it("of cuDNN's layers becomes the usual ones", function()
    local model = mg.load_model(where.tests .. "/spec/data/tf2_cudnn.h5")
    assert.is_true(model.layers[1].reset_after)
    close({ 0.29077115654945374, -0.21610422432422638, 0.32171764969825745, -0.2219337373971939 },
      model(mg.linspace(-1, 1, 20):reshape { 2, 5, 2 }):to_flat_table())
  end)

  -- Keras 1.2: W, U, b of z, then of r, then of h.
  it("of Keras 1 has nine arrays, which become three", function()
    local layer, start = { "gru_1" }, 0
    for _, gate in ipairs { "z", "r", "h" } do
      for kind, shape in pairs { W = { 2, 1 }, U = { 1, 1 }, b = { 1 } } do
        local at = { W = 2, U = 3, b = 4 }
        layer[start + at[kind]] = { ("gru_1_%s_%s"):format(kind, gate), shape, numbers(shape, 10 * start + at[kind]) }
      end
      start = start + 3
    end
    write { layer }:close()
    local model = mg.Sequential { L.Input { 4, 2 }, L.GRU(1, { reset_after = false }) }
    model:load_weights(path)
    close({ 0.3, 3.3, 6.3, 0.4, 3.4, 6.4 }, model.weights[1]:to_flat_table())
    close({ 0.4, 3.4, 6.4 }, model.weights[2]:to_flat_table())
    close({ 0.5, 3.5, 6.5 }, model.weights[3]:to_flat_table())
  end)

  local function gru_arrays(bias)
    return { "gru", { "gru/kernel:0", { 2, 3 }, numbers({ 2, 3 }, 0) }, { "gru/recurrent_kernel:0", { 1, 3 }, numbers({ 3 }, 6) },
      { "gru/bias:0", bias, numbers(bias, 9) } }
  end

  it("gives its biases only to layers that add them at the same place", function()
    write({ gru_arrays { 3 } }):close()
    refuses("the file's layer has reset_after = false", mg.Sequential { L.Input { 4, 2 }, L.GRU(1) })
    write({ gru_arrays { 2, 3 } }):close()
    refuses("the file's layer has reset_after = true", mg.Sequential { L.Input { 4, 2 }, L.GRU(1, { reset_after = false }) })
    write({ gru_arrays { 6 } }):close()
    refuses("the file's layer is a CuDNNGRU", mg.Sequential { L.Input { 4, 2 }, L.GRU(1, { reset_after = false }) })
  end)

  it("is matched by the layers' names, or else by their order", function()
    local dense = { "answer", { "answer/kernel:0", { 1, 2 }, { 1, 2 } }, { "answer/bias:0", { 2 }, { 3, 4 } } }
    write({ { "input" }, gru_arrays { 2, 3 }, dense }):close()
    local model = mg.Sequential { L.Input { 4, 2 }, L.GRU(1, { name = "reader" }), L.Dense(2) }
    model:load_weights(path)
    assert.same({ 3, 4 }, model.weights[5]:to_flat_table())
    local twins = function() return mg.Sequential { L.Input { 1 }, L.Dense(1, { name = "a" }), L.Dense(1, { name = "b" }) } end
    local function twin(name, value)
      return { name, { name .. "/kernel:0", { 1, 1 }, { value } }, { name .. "/bias:0", { 1 }, { 0 } } }
    end
    write({ twin("b", 2), twin("a", 1) }):close()
    model = twins()
    model:load_weights(path)
    assert.same({ 1 }, model.layers[1].weights[1]:to_flat_table())
  end)

  it("that does not fit is refused with what does not, and nothing is loaded", function()
    write({ gru_arrays { 2, 3 } }):close()
    refuses("the file has weights of 1 layers, the model of 2", mg.Sequential { L.Input { 4, 2 }, L.GRU(1), L.Dense(1) })
    refuses("kernel (gru/gru/kernel:0) has shape (2, 3) in the file and (2, 6) in the model", mg.Sequential { L.Input { 4, 2 },
      L.GRU(2) })
    refuses("the model has no variable for gru/gru/bias:0", mg.Sequential { L.Input { 4, 2 }, L.GRU(1, { use_bias = false }) })
    local model = mg.Sequential { L.Input { 4, 2 }, L.GRU(2) }
    model:load_weights(path, { skip_mismatch = true })
    local file = write { { "gru", { "gru/kernel:0", { 2, 3 }, numbers({ 2, 3 }, 0) } } }
    assert(file:set_attribute("/gru", "weight_names1", "../../secret"))
    file:close()
    refuses("hdf5:", mg.Sequential { L.Input { 4, 2 }, L.GRU(1) })
  end)

  it("is written as tf2: what Keras 3's form cannot say comes back, and trains on", function()
    local optimizers = { mg.optimizers.SGD { learning_rate = 0.1 }, mg.optimizers.Adam { amsgrad = true }, mg.optimizers.Nadam {},
      mg.optimizers.RMSprop { momentum = 0.5, centered = true } }
    for _, optimizer in ipairs(optimizers) do
      local model = mg.Sequential { L.Input { 4, 2 }, mg.compat.v1.layers.GRU(3, { return_sequences = true }),
        L.Bidirectional(L.LSTM(2)), L.BatchNormalization(), L.Dense(1) }
      model:compile { optimizer = optimizer, loss = "mse", metrics = { "mae" } }
      local x, y = mg.linspace(-1, 1, 24):reshape { 3, 4, 2 }, mg.ones(3, 1)
      for _ = 1, 2 do model:train_on_batch(x, y) end
      model:save(path, { as = "tf2" })
      local other = mg.load_model(path)
      assert.same(model(x):to_flat_table(), other(x):to_flat_table())
      assert.equal(model:to_json("tf2"), other:to_json("tf2"))
      for _ = 1, 2 do
        model:train_on_batch(x, y)
        other:train_on_batch(x, y)
      end
      close(model(x):to_flat_table(), other(x):to_flat_table())
    end
    local turned = mg.Sequential { mg.compat.v1.layers.GRU(2, { time_major = true }) }
    turned:build { 4, 3, 2 }
    turned:save(path, { as = "tf2" })
    assert.is_true(mg.load_model(path).layers[1].time_major)
    local ok, message = pcall(turned.save, turned, "x.keras", { as = "tf2" })
    assert.is_false(ok)
    assert.matches('must end in .h5 with as = "tf2"', message, 1, true)
  end)

  -- Keras 2.1: a bare list of layers, no reset_after, hard_sigmoid of slope 0.2; Adam with lr and decay, all m before all v.
  local CONFIG = [[{"class_name": "Sequential", "config": [{"class_name": "GRU", "config": {"name": "gru_1", "trainable": true,
    "batch_input_shape": [null, 4, 2], "dtype": "float32", "return_sequences": false, "return_state": false, "go_backwards": false,
    "stateful": false, "unroll": false, "units": 1, "activation": "tanh", "recurrent_activation": "hard_sigmoid", "use_bias": true,
    "kernel_initializer": {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform",
    "seed": null}}, "recurrent_initializer": {"class_name": "Orthogonal", "config": {"gain": 1.0, "seed": null}},
    "bias_initializer": {"class_name": "Zeros", "config": {}}, "kernel_regularizer": null, "recurrent_regularizer": null,
    "bias_regularizer": null, "activity_regularizer": null, "kernel_constraint": null, "recurrent_constraint": null,
    "bias_constraint": null, "dropout": 0.0, "recurrent_dropout": 0.0, "implementation": 1}}]}]]
  local TRAINING = [[{"optimizer_config": {"class_name": "Adam", "config": {"lr": 0.5, "beta_1": 0.5, "beta_2": 0.75, "decay": 0.25,
    "epsilon": 1e-07, "amsgrad": false}}, "loss": "mse", "metrics": ["mae"], "sample_weight_mode": null, "loss_weights": null}]]

  local function write_state(file, state)
    for i, item in ipairs(state) do
      assert(file:write_numbers("/optimizer_weights/" .. item[1], "float32", item[2], item[3]))
      assert(file:set_attribute("/optimizer_weights", ("weight_names%d"):format(i - 1), item[1]))
    end
    file:close()
  end

  -- keras/optimizers.py of 2.2.4: RMSprop has accumulators alone; Adam without amsgrad a (1,) for each unused slot.
  it("of Keras 2.2 gives its optimizer's state, whatever the optimizer kept", function()
    local shapes = { { 2, 3 }, { 1, 3 }, { 3 } }
    for optimizer, slots in pairs { RMSprop = { 1, 0, 0 }, Adadelta = { 2, 0, 0 }, Adam = { 2, 1, 2 } } do
      local training = ([[{"optimizer_config": {"class_name": "%s", "config": {"lr": 0.5, "decay": 0.0}}, "loss": "mse",
        "metrics": ["acc"], "sample_weight_mode": null, "loss_weights": null}]]):format(optimizer)
      local file = write({ gru_arrays { 3 } }, { model_config = CONFIG, training_config = training, keras_version = "2.2.4" })
      local state, wanted = {}, { slots[3] }
      if slots[3] > 0 then state[1] = { "Adam/iterations:0", {}, { slots[3] } } end
      for slot = 1, slots[1] + slots[2] do
        for i, shape in ipairs(shapes) do
          local own = slot > slots[1] and { 1 } or shape
          local values = numbers(own, 10 * slot + i)
          state[#state + 1] = { ("training/%s/Variable_%d:0"):format(optimizer, #state), own, values }
          if slot <= slots[1] then wanted[1 + (i - 1) * slots[1] + slot] = values end
        end
      end
      write_state(file, state)
      local own, kept = mg.load_model(path).optimizer, {}
      for _, variable in ipairs(own:own_variables()) do
        if #variable.shape > 0 then kept[#kept + 1] = variable:to_flat_table() end
      end
      assert.equal(wanted[1], own.iterations)
      assert.equal(#wanted - 1, #kept)
      for i, values in ipairs(kept) do close(wanted[i + 1], values) end
    end
  end)

  -- As RNNoise's models are: two outputs, losses and a metric of the author's own, metrics in one list for both outputs.
  it("of functions and constraints that are not Keras's takes them from custom_objects", function()
    local input = mg.Input { shape = { 2 } }
    local options = { kernel_constraint = mg.constraints.WeightClip(0.5), use_bias = false }
    local made = mg.Model { inputs = input, outputs = { L.Dense(1, options)(input), L.Dense(1, options)(input) } }
    local config, count = made:to_json("tf2"):gsub('{"c": 0.5}', '{"c": 0.5, "name": "WeightClip"}')
    assert.equal(2, count)
    local training = [[{"optimizer_config": {"class_name": "SGD", "config": {"lr": 0.5}}, "loss": ["cost", "mse"],
      "metrics": ["half"], "loss_weights": [10, 0.5]}]]
    local layers = {}
    for i, layer in ipairs { made.layers[2], made.layers[3] } do
      layers[i] = { layer.name, { "kernel:0", { 2, 1 }, { i, i } } }
    end
    write(layers, { model_config = config, training_config = training, keras_version = "2.2.2" }):close()
    local function cost(wanted, given) return (wanted - given):square():mean(-1) end
    local function half(wanted, given) return cost(wanted, given) * 0.5 end
    local model = mg.load_model(path, { custom_objects = { cost = cost, half = half } })
    assert.equal(0.5, model.layers[2].kernel_constraint.c)
    -- outputs 2 and 4 where 0 is wanted: 10 * 4 + 0.5 * 16, half 2 and 8
    local values = model:evaluate(mg.ones(1, 2), { mg.zeros(1, 1), mg.zeros(1, 1) }, { verbose = 0, return_dict = true })
    local found = {}
    for _, value in pairs(values) do found[#found + 1] = value end
    table.sort(found)
    assert.same({ 2, 4, 8, 16, 48 }, found)
    assert.is_nil(rawget(mg.load_model(path, { compile = false }), "optimizer"))
    local ok, message = pcall(mg.load_model, path)
    assert.is_false(ok)
    assert.matches('unknown name "cost".*custom_objects.*or compile = false', message)
  end)

  it("of Keras 2.1 means what it meant, and trains on", function()
    local file = write({ gru_arrays { 3 } }, { model_config = CONFIG, training_config = TRAINING, keras_version = "2.1.4" })
    local state = { { "Adam/iterations:0", {}, { 2 } } }
    for i = 1, 2 do
      for _, shape in ipairs { { 2, 3 }, { 1, 3 }, { 3 } } do
        state[#state + 1] = { ("training/Adam/Variable_%d:0"):format(#state), shape, numbers(shape, 10 * i + #state) }
      end
    end
    write_state(file, state)
    local model, twin = mg.load_model(path), mg.Sequential { L.Input { 4, 2 }, mg.compat.v1.layers.GRU(1) }
    local values = {}
    for i, v in ipairs(model.weights) do values[i] = v end
    twin:set_weights(values)
    local x = mg.linspace(-1, 1, 8):reshape { 1, 4, 2 }
    assert.same(twin(x):to_flat_table(), model(x):to_flat_table())
    local variables = {}
    for _, v in ipairs(model.optimizer:own_variables()) do variables[#variables + 1] = v end
    assert.equal(2, model.optimizer.iterations)
    assert.near(0.5 / (1 + 0.25 * 2), model.optimizer.learning_rate, 1e-7)
    local last = #variables
    close(state[4][3], variables[last - 1]:to_flat_table()) -- momentum of the bias, then its velocity
    close(state[7][3], variables[last]:to_flat_table())
    assert.is_number(model:train_on_batch(x, mg.ones(1, 1)))
    assert.equal(null, mg.null)
  end)
end)
