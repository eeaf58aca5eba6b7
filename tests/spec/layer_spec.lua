-- The base of layers: names, dtype, shapes, masks, weights, losses, messages; and the small layers' own rules.
local message_of = require "message_of"
local mg = require "moongate"
local near = require "near"
local layers = mg.layers

describe("a layer", function()
  before_each(function()
    mg.set_floatx("float32")
    mg.set_random_seed(1)
    require("moongate.names").reset()
  end)

  it("gets Keras's automatic names", function()
    assert.are.equal("dense", layers.Dense(1).name)
    assert.are.equal("dense_1", layers.Dense(1).name)
    assert.are.equal("gru", layers.GRU(1).name)
    assert.are.equal("input_layer", mg.Input({ shape = { 3 } }).name)
    assert.are.equal("mine", layers.Dense(1, { name = "mine" }).name)
    assert.are.equal("dense_2", layers.Dense(1).name)
    assert.are.equal("dense_2/kernel", (function(layer)
      layer:build { mg.null, 3 }
      return layer.kernel.path
    end)(layers.Dense(1, { name = "dense_2" })))
  end)

  it("takes leading arguments in Keras's order", function()
    local dense = layers.Dense(3, "relu", false, "ones", "zeros", "l1", nil, "l2", "non_neg")
    assert.are.same({ 3, "relu", false }, { dense.units, dense.activation.name, dense.use_bias })
    for name, class in pairs { kernel_initializer = "Ones", kernel_regularizer = "L1", activity_regularizer = "L2",
      kernel_constraint = "NonNeg" } do
      assert.are.equal(class, getmetatable(dense[name]).class.name)
    end
    local rnn = layers.RNN(layers.GRUCell(2), true, false, true, true)
    assert.are.same({ true, false, true, true }, { rnn.return_sequences, rnn.return_state, rnn.go_backwards, rnn.stateful })
  end)

  it("casts its input to its dtype, floatx by default", function()
    local x = mg.ones({ 2, 3 }, { dtype = "float64" })
    assert.are.equal("float32", layers.Dense(2)(x).dtype)
    assert.are.equal("float64", layers.Dense(2, { dtype = "float64" })(mg.ones(2, 3)).dtype)
    mg.set_floatx("float64")
    assert.are.equal("float64", layers.Dense(2)(mg.ones(2, 3)).dtype)
    assert.are.equal("float64", layers.Dense(2)({ { 1, 2 } }).dtype)
  end)

  it("checks the shape of its input and names itself, what it expected and what it got", function()
    local dense = layers.Dense(2)
    dense(mg.ones(2, 3))
    local function refuses(layer, x, part) assert.matches(part, message_of(layer, x), 1, true) end
    refuses(dense, mg.ones(2, 4), 'Dense "dense": input (2, 4) has 4 features on its last axis, expected 3')
    refuses(layers.Dense(2), mg.ones(3), "has 1 dimensions, expected at least 2")
    refuses(layers.GRU(2), mg.ones(2, 3), "input (2, 3) has 2 dimensions, expected 3: (batch, time, features)")
    refuses(layers.GRUCell(2), mg.ones(2, 3, 4), "input (2, 3, 4) has 3 dimensions, expected 2: (batch, features)")
    assert.matches("the last axis has to be known", message_of(dense.build, layers.Dense(2), { 2, mg.null }), 1, true)
    assert.matches("cannot take target_shape (4,)", message_of(layers.Reshape({ 4 }), mg.ones(2, 3)), 1, true)
    assert.matches("input is nil", message_of(dense, nil), 1, true)
    local message = message_of(dense, mg.ones(2, 3), { trainig = true })
    assert.matches('unknown option "trainig"; did you mean "training"', message, 1, true)
  end)

  it("gives and takes weights, and checks them", function()
    local dense = layers.Dense(2)
    assert.matches("not built yet", message_of(dense.count_params, dense), 1, true)
    dense:build { mg.null, 3 }
    assert.are.equal(8, dense:count_params())
    dense:set_weights { { { 1, 2 }, { 3, 4 }, { 5, 6 } }, { 0.5, -0.5 } }
    near(dense(mg.tensor { { 1, 1, 1 } }), { { 9.5, 11.5 } })
    assert.matches("1 arrays were given, expected 2", message_of(dense.set_weights, dense, { { 1 } }), 1, true)
    assert.matches("has shape (2, 2), expected (3, 2)", message_of(dense.set_weights, dense, { mg.ones(2, 2), { 0, 0 } }), 1, true)
    near(dense:get_weights()[2], { 0.5, -0.5 })
  end)

  it("adds up losses: activity first, then kernel, recurrent, bias", function()
    local gru = layers.GRU(2, { return_sequences = true, return_state = true, activity_regularizer = mg.regularizers.L1(1),
      kernel_regularizer = mg.regularizers.L2(1), recurrent_regularizer = mg.regularizers.L1(2), bias_regularizer = "l2" })
    local output, state = gru(mg.random.normal { 4, 3, 2 })
    local losses = gru.losses
    assert.are.equal(5, #losses)
    assert.is_true(math.abs(losses[1]:item() - output:abs():sum():item() / 4) < 1e-5)
    assert.is_true(math.abs(losses[2]:item() - state:abs():sum():item() / 4) < 1e-5)
    assert.is_true(math.abs(losses[3]:item() - gru.cell.kernel:square():sum():item()) < 1e-5)
    assert.is_true(math.abs(losses[4]:item() - 2 * gru.cell.recurrent_kernel:abs():sum():item()) < 1e-4)
    gru(mg.random.normal { 4, 3, 2 })
    assert.are.equal(5, #gru.losses)
    gru.trainable = false
    assert.are.equal(2, #gru.losses)
  end)

  it("can be frozen and thawed, with what is in it", function()
    local gru = layers.GRU(2)
    gru:build { 1, 2, 3 }
    assert.are.equal(3, #gru.trainable_weights)
    gru.trainable = false
    assert.are.equal(0, #gru.trainable_weights)
    assert.are.equal(3, #gru.non_trainable_weights)
    assert.is_false(gru.cell.trainable)
    gru.trainable = true
    assert.are.equal(3, #gru.trainable_weights)
    local frozen = layers.Dense(2, { trainable = false })
    frozen:build { 1, 2 }
    assert.are.equal(0, #frozen.trainable_weights)
  end)

  it("of one's own needs build and call only", function()
    local Scale = layers.Layer.extend("ScaleForSpec", { { "power", default = 1 } })
    function Scale:build(shape)
      self.factor = self:add_weight { name = "factor", shape = { shape[#shape] }, initializer = "ones" }
    end
    function Scale:call(x) return (x * self.factor) ^ self.power end
    layers.register(Scale)
    local layer = Scale { power = 2 }
    near(layer(mg.tensor { { 2, 3 } }), { { 4, 9 } })
    layer(mg.tensor { { 2, 3 } })
    assert.are.equal(1, #layer.weights)
    assert.are.equal(2, layers.deserialize(layers.serialize(layer)).power)
    assert.are.equal('{"name": "scale_for_spec", "trainable": true, "dtype": {"module": "keras", "class_name": "DTypePolicy", '
      .. '"config": {"name": "float32"}, "registered_name": null}, "power": 2}', tostring(layer:get_config()))
  end)

  it("is found by name, or the nearest one is named", function()
    assert.matches('unknown layer class "Dens" in config; did you mean "Dense"',
      message_of(layers.deserialize, { class_name = "Dens", config = {} }), 1, true)
  end)
end)

describe("masks", function()
  local ids = mg.tensor({ { 3, 0, 2 }, { 0, 0, 1 } }, "int32")

  it("start at Embedding with mask_zero and ride through layers that support them", function()
    local x = layers.Embedding(5, 2, { mask_zero = true })(ids)
    near(x.keras_mask, { { 1, 0, 1 }, { 0, 0, 1 } })
    x = layers.Activation("tanh")(layers.Dropout(0.5)(layers.Dense(3)(x)))
    near(x.keras_mask, { { 1, 0, 1 }, { 0, 0, 1 } })
    near(layers.GRU(2, { return_sequences = true })(x).keras_mask, { { 1, 0, 1 }, { 0, 0, 1 } })
    assert.is_nil(layers.GRU(2)(x).keras_mask)
    assert.is_nil(layers.Embedding(5, 2)(ids).keras_mask)
  end)

  it("start at Masking, which zeroes the steps", function()
    local x = mg.tensor { { { -1, -1 }, { -1, 2 } }, { { 0, 0 }, { -1, -1 } } }
    local y = layers.Masking({ mask_value = -1 })(x)
    near(y, { { { 0, 0 }, { -1, 2 } }, { { 0, 0 }, { 0, 0 } } })
    near(y.keras_mask, { { 0, 1 }, { 1, 0 } })
  end)

  it("reach the GRU as if the steps were absent", function()
    mg.set_random_seed(2)
    local gru = layers.GRU(3, { dtype = "float64" })
    local x = mg.random.normal({ 1, 4, 2 }, 0, 1, { dtype = "float64" })
    local short = mg.ops.concat({ x[{ {}, { 1, 1 } }], x[{ {}, { 3, 3 } }] }, 2)
    near(gru(x, { mask = mg.tensor({ { true, false, true, false } }) }), gru(short):to_table(), 1e-12)
  end)

  it("are checked against the steps", function()
    local ok, message = pcall(layers.GRU(2), mg.ones(2, 3, 4), { mask = mg.ones(2, 4) })
    assert.is_false(ok)
    assert.matches("mask has shape (2, 4), expected (2, 3)", message, 1, true)
  end)
end)

describe("Dropout", function()
  it("does nothing outside training, and keeps the mean in it", function()
    mg.set_random_seed(4)
    local layer, x = layers.Dropout(0.25), mg.ones(100, 100)
    near(layer(x), x:to_table())
    local y = layer(x, { training = true })
    -- 10000 draws of 0 or 4/3: variance 1/3.
    assert.is_true(math.abs(y:mean():item() - 1) < 4 * math.sqrt(1 / 3) / 100)
    assert.is_true(y:max():item() > 1.33 and y:min():item() == 0)
  end)

  it("drops along noise_shape as a whole", function()
    local y = layers.Dropout(0.5, { noise_shape = { mg.null, 1 }, seed = 1 })(mg.ones(50, 4), { training = true }):to_table()
    for _, row in ipairs(y) do assert.are.same({ row[1], row[1], row[1], row[1] }, row) end
    assert.is_false(pcall(layers.Dropout(0.5, { noise_shape = { 1 } }), mg.ones(5, 4), { training = true }))
  end)

  it("drops everything at rate 1 and refuses rates outside 0..1", function()
    near(layers.Dropout(1)(mg.ones(2, 2), { training = true }), { { 0, 0 }, { 0, 0 } })
    assert.is_false(pcall(layers.Dropout, 1.01))
    assert.is_false(pcall(layers.Dropout, -0.01))
  end)

  it("repeats with a seed", function()
    local x = mg.ones(20, 20)
    assert.are.same(layers.Dropout(0.5, { seed = 3 })(x, { training = true }):to_table(),
      layers.Dropout(0.5, { seed = 3 })(x, { training = true }):to_table())
  end)
end)

describe("Flatten and Reshape", function()
  it("keep row-major order; channels_first puts channels last before", function()
    local x = mg.arange(12):reshape { 1, 2, 3, 2 }
    near(layers.Flatten()(x), { { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 } })
    near(layers.Flatten({ data_format = "channels_first" })(x), { { 0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11 } })
    near(layers.Flatten()(mg.tensor { 1, 2 }), { { 1 }, { 2 } })
    assert.are.same({ mg.null, 6 }, layers.Reshape({ -1 }):compute_output_shape { mg.null, 2, 3 })
    assert.are.same({ mg.null, mg.null }, layers.Flatten():compute_output_shape { mg.null, mg.null, 3 })
  end)
end)

describe("Embedding", function()
  -- keras.layers.Embedding(weights = array or [array]); its config does not have them (3.15, tf_keras 2.21).
  it("begins with the weights given", function()
    local rows = { { 1, 2 }, { 3, 4 } }
    for _, weights in ipairs { rows, { rows }, mg.tensor(rows), { mg.tensor(rows) } } do
      local layer = layers.Embedding(2, 2, { weights = weights })
      assert.are.same({ { 3, 4 } }, layer(mg.tensor({ 1 }, { dtype = "int32" })):to_table())
      assert.is_nil(tostring(layer:get_config()):find("weights", 1, true))
    end
    local bad = layers.Embedding(3, 2, { weights = rows })
    for _ = 1, 2 do
      assert.matches("argument weights has shape %(2, 2%), expected %(3, 2%)", select(2, pcall(bad.build, bad, { 1 })))
    end
  end)
end)

describe("Input", function()
  it("holds a batch shape and checks what goes in", function()
    local input = layers.InputLayer { shape = { 3, 2 }, dtype = "int32", name = "ids" }
    assert.are.equal('{"batch_shape": [null, 3, 2], "dtype": "int32", "sparse": false, "ragged": false, "name": "ids", '
      .. '"optional": false}', tostring(input:get_config()))
    assert.are.equal(tostring(input:get_config()), tostring(layers.InputLayer.from_config(input:get_config()):get_config()))
    assert.is_false(pcall(input, mg.ones(2, 3, 3)))
    assert.are.same({ 4, 3 }, mg.Input({ shape = { 3 }, batch_size = 4 }).shape)
    assert.is_false(pcall(mg.Input, {}))
  end)
end)
