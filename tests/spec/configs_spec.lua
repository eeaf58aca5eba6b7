-- Configs in Keras's dialects: what is written, what is read, what is refused. Texts: get_config of keras 3.15, tf_keras 2.21 and
-- files written by Keras 1.2, 2.1.3 and 2.2.4.
local message_of = require "message_of"
local mg = require "moongate"

local function text(value) return mg.json.encode(value) end

-- A GRU as Keras 2.1 wrote it: no dtype, no reset_after, VarianceScaling, objects without module.
local KERAS21 = [[{"class_name": "GRU", "config": {"name": "gru_7", "trainable": true, "return_sequences": true,
  "return_state": false,
  "go_backwards": false, "stateful": false, "unroll": false, "units": 32, "activation": "relu",
  "recurrent_activation":
  "hard_sigmoid", "use_bias": true, "kernel_initializer": {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode":
  "fan_avg", "distribution": "uniform", "seed": null}}, "recurrent_initializer": {"class_name": "Orthogonal", "config": {"gain":
  1.0, "seed": null}}, "bias_initializer": {"class_name": "Zeros", "config": {}}, "kernel_regularizer": null,
  "recurrent_regularizer": null, "bias_regularizer": null, "activity_regularizer": null, "kernel_constraint": null,
  "recurrent_constraint": null, "bias_constraint": null, "dropout": 0.3, "recurrent_dropout": 0.0, "implementation": 1}}]]

-- A GRU and a Dense as Keras 1.2 wrote them.
local KERAS1_GRU = [[{"class_name": "GRU", "config": {"name": "gru_1", "trainable": true, "batch_input_shape": [null, 10, 4],
  "input_dtype": "float32", "output_dim": 3, "init": "glorot_normal", "inner_init": "orthogonal", "activation": "tanh",
  "inner_activation": "hard_sigmoid", "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.1}, "U_regularizer": null,
  "b_regularizer": null, "dropout_W": 0.25, "dropout_U": 0.5, "input_dim": 4, "input_length": 10, "consume_less": "gpu",
  "return_sequences": true, "go_backwards": false, "stateful": false, "unroll": false}}]]
local KERAS1_DENSE = [[{"class_name": "Dense", "config": {"name": "dense_1", "trainable": true, "output_dim": 3, "init":
  "glorot_uniform", "activation": "linear", "W_regularizer": null, "b_regularizer": null, "activity_regularizer": null,
  "W_constraint": {"name": "MaxNorm", "max_value": 3, "axis": 0}, "b_constraint": null, "bias": false, "input_dim": 7}}]]

describe("configs of older versions", function()
  it("of Keras 2.1 mean its formulas", function()
    local layer = mg.layers.deserialize(KERAS21)
    assert.are.equal(mg.activations.keras2_hard_sigmoid, layer.recurrent_activation)
    assert.is_false(layer.reset_after)
    assert.are.equal(1, layer.cell.implementation)
    assert.are.equal("VarianceScaling", getmetatable(layer.kernel_initializer).class.name)
    assert.are.equal("fan_avg", layer.kernel_initializer.mode)
    local config = layer:get_config "tf2"
    assert.are.equal("hard_sigmoid", config.recurrent_activation)
    assert.are.equal(0.3, config.dropout)
  end)

  it("of Keras 1 are read with their own names", function()
    local layer = mg.layers.deserialize(KERAS1_GRU)
    assert.are.same({ 3, 0.25, 0.5, false }, { layer.units, layer.dropout, layer.recurrent_dropout, layer.reset_after })
    assert.are.equal(mg.activations.keras2_hard_sigmoid, layer.recurrent_activation)
    assert.are.equal("GlorotNormal", getmetatable(layer.kernel_initializer).class.name)
    assert.are.equal(0.1, layer.kernel_regularizer.l2)
    assert.are.equal("[null, 10, 4]", text(layer:get_config("tf2").batch_input_shape))
    local dense = mg.layers.deserialize(KERAS1_DENSE)
    assert.are.same({ 3, false, 3 }, { dense.units, dense.use_bias, dense.kernel_constraint.max_value })
    assert.are.equal("[null, 7]", text(dense:get_config("tf2").batch_input_shape))
  end)

  -- keras/layers/recurrent.py of 1.2 and 2.0: LSTM and SimpleRNN have the words of GRU.
  it("of Keras 1 and 2.0 have LSTM and SimpleRNN too", function()
    local lstm = mg.layers.deserialize((KERAS1_GRU:gsub("GRU", "LSTM"):gsub('"consume_less"', '"forget_bias_init": "one", %0')))
    assert.are.same({ 3, 0.25, true, 1 }, { lstm.units, lstm.dropout, lstm.unit_forget_bias, lstm.implementation })
    assert.are.equal(mg.activations.keras2_hard_sigmoid, lstm.recurrent_activation)
    local simple = mg.layers.deserialize((KERAS1_GRU:gsub("GRU", "SimpleRNN"):gsub('"inner_activation": "hard_sigmoid",', "")))
    assert.are.same({ 3, 0.5 }, { simple.units, simple.recurrent_dropout })
    assert.are.equal(0.1, simple.kernel_regularizer.l2)
    local newer = { units = 3, implementation = 0, name = "simple" }
    assert.are.equal(3, mg.layers.SimpleRNN.from_config(newer, { dialect = "tf2" }).units)
    assert.matches("config.implementation", message_of(mg.layers.SimpleRNN.from_config, newer, { dialect = "keras3" }), 1, true)
  end)

  it("take the dialect that is given before what their form says", function()
    local config = { units = 2, recurrent_activation = "hard_sigmoid", reset_after = true }
    assert.are.equal(mg.activations.hard_sigmoid, mg.layers.GRU.from_config(config).recurrent_activation)
    for _, dialect in ipairs { "tf2", "compat.v1" } do
      assert.are.equal(mg.activations.keras2_hard_sigmoid,
        mg.layers.GRU.from_config(config, { dialect = dialect }).recurrent_activation)
    end
    assert.matches('argument dialect is "keras4", expected one of keras3, tf2, compat.v1',
      message_of(mg.layers.GRU.from_config, config, { dialect = "keras4" }), 1, true)
    assert.matches('unknown option "dialekt"; did you mean "dialect"',
      message_of(mg.layers.GRU.from_config, config, { dialekt = "tf2" }), 1, true)
    assert.matches('expected one of keras3, tf2, compat.v1', message_of(mg.layers.GRU(2).get_config, mg.layers.GRU(2), "tf1"), 1,
      true)
  end)

  it("are not touched by mg.compat.use", function()
    mg.compat.use "tf2.3"
    local ok, message = pcall(function()
      local layer = mg.layers.GRU.from_config { units = 2 }
      assert.are.same({ true, "sigmoid" }, { layer.reset_after, layer.recurrent_activation.name })
      assert.is_false(mg.layers.GRU(2).reset_after)
    end)
    mg.compat.use "keras3"
    assert(ok, message)
  end)
end)

describe("compile arguments of older versions", function()
  it("have other names for classes and options", function()
    local adam = mg.optimizers.deserialize '{"class_name": "Custom>Adam", "config": {"name": "Adam", "learning_rate": 0.25}}'
    assert.are.same({ "Adam", 0.25 }, { getmetatable(adam).class.name, adam.learning_rate })
    local older = mg.optimizers.deserialize '{"class_name": "RMSprop", "config": {"lr": 0.5, "rho": 0.75, "decay": 0.0}}'
    assert.are.same({ 0.5, 0.75 }, { older.learning_rate, older.rho })
  end)

  it("wrap functions", function()
    local accuracy = mg.metrics.deserialize('{"class_name": "MeanMetricWrapper", "config": {"name": "acc", "dtype": "float32", '
      .. '"fn": "categorical_accuracy"}}')
    assert.are.same({ "CategoricalAccuracy", "acc" }, { getmetatable(accuracy).class.name, accuracy.name })
    local loss = mg.losses.deserialize('{"class_name": "LossFunctionWrapper", "config": {"name": "e", "reduction": "sum", "fn": '
      .. '{"module": "builtins", "class_name": "function", "config": "mean_squared_error", "registered_name": "function"}}}')
    assert.are.same({ "MeanSquaredError", "e", "sum" }, { getmetatable(loss).class.name, loss.name, loss.reduction })
    assert.matches("config.config.fn is 3, expected the name of a function", message_of(mg.losses.deserialize,
      { class_name = "LossFunctionWrapper", config = { fn = 3 } }), 1, true)
    assert.matches('unknown name "nothing"', message_of(mg.losses.deserialize,
      { class_name = "LossFunctionWrapper", config = { fn = "nothing" } }), 1, true)
  end)
end)

describe("hard_sigmoid", function()
  it("of Keras 2 cannot be written in Keras 3's form, nor the other way round", function()
    local layer = mg.layers.deserialize(KERAS21)
    local message = message_of(layer.get_config, layer)
    assert.matches('GRU "gru_7": recurrent_activation is Keras 2\'s hard_sigmoid', message, 1, true)
    assert.matches('likely fix: as = "tf2", or get_config("tf2")', message, 1, true)
    assert.is_false(pcall(layer.serialize, layer))
    assert.is_false(pcall(layer.serialize, mg.compat.v1.layers.GRU(2)))
    local new = mg.layers.GRU(2, { recurrent_activation = "hard_sigmoid" })
    assert.matches("recurrent_activation is Keras 3's hard_sigmoid", message_of(new.get_config, new, "tf2"), 1, true)
  end)
end)

describe("half precision", function()
  it("is kept in configs, and no layer of it is built or called", function()
    local policy = '{"module": "keras", "class_name": "DTypePolicy", "config": {"name": "mixed_bfloat16"}, "registered_name": null}'
    local older = '{"module": "keras.mixed_precision", "class_name": "Policy", "config": {"name": "mixed_bfloat16"}, '
      .. '"registered_name": null}'
    for _, class in ipairs { mg.layers.GRU, mg.layers.GRUCell, mg.layers.Dense } do
      local layer = class(4, { dtype = "mixed_bfloat16" })
      assert.are.equal(policy, text(layer:get_config().dtype))
      assert.are.equal(older, text(layer:get_config("tf2").dtype))
      assert.are.equal("mixed_bfloat16", class.from_config(layer:get_config()).dtype)
      assert.are.equal("mixed_bfloat16", class.from_config(layer:get_config "tf2").dtype)
      assert.matches('dtype is "mixed_bfloat16", and half precision is not offered', message_of(layer.build, layer, { 2, 3 }), 1,
        true)
    end
    local gru = mg.layers.GRU(4, { dtype = "float16" })
    assert.matches("half precision is not offered", message_of(gru, mg.zeros { 1, 2, 3 }), 1, true)
    assert.matches("half precision is not offered", message_of(gru, { { { 1, 2 } } }), 1, true)
    assert.are.equal('"float16"', text(gru:get_config("tf2").dtype))
  end)
end)

describe("errors in a config", function()
  local function failing(config, ...)
    local message = message_of(mg.layers.deserialize, config)
    for _, part in ipairs { ... } do assert.matches(part, message, 1, true) end
  end
  local function gru(config) return { class_name = "GRU", config = config } end

  it("name their path", function()
    failing(gru { units = "4" }, 'config.config.units is "4", expected a whole number >= 1')
    failing(gru { unit = 4 }, "unknown option config.config.unit", 'did you mean "units"')
    failing(gru {}, "config.config.units is missing")
    failing(gru { units = mg.null }, "config.config.units is null")
    failing(gru { units = 4, use_bias = mg.null }, "config.config.use_bias is null")
    failing(gru { units = 4, kernel_initializer = { class_name = "GlorotUnifrom" } }, '"GlorotUnifrom" in config.config.kernel_',
      'did you mean "GlorotUniform"')
    failing(gru { units = 4, kernel_initializer = { class_name = "HeNormal", config = { sed = 1 } } },
      "unknown option config.config.kernel_initializer.config.sed", 'did you mean "seed"')
    failing(gru { units = 4, dtype = { class_name = "DTypePolicyMap" } }, 'config.config.dtype is "DTypePolicyMap"')
    failing({ class_name = "RNN", config = { cell = { class_name = "GRUCell", config = { units = 0 } } } },
      "config.config.cell.config.units is 0")
    failing({ class_name = "Gru", config = {} }, 'unknown layer class "Gru" in config; did you mean "GRU"')
    failing({ class_name = "GRU" }, "config.config is missing")
    failing({ class_name = 3, config = {} }, "config.class_name is 3")
    assert.matches("layers[3].config.units is 1.5", message_of(mg.layers.deserialize, gru { units = 1.5 }, { path = "layers[3]" }),
      1, true)
  end)

  it("of a Keras Lambda say what it is", function()
    failing({ class_name = "Lambda", config = { name = "lambda", ["function"] = { "4wEAAAAA", mg.null, mg.null } } }, "Lambda",
      "Python")
  end)

  it("that the constructor finds name the path too", function()
    local config = { boundaries = { 1 }, values = { 1 } }
    assert.matches("(in schedule)", message_of(mg.optimizers.schedules.PiecewiseConstantDecay.from_config, config,
      { path = "schedule" }), 1, true)
  end)
end)

describe("numbers", function()
  it("that JSON has as 1 or as 1.0 are written so again", function()
    for _, text_of in ipairs { '{"seed": null, "mean": 1, "stddev": 2.0}', '{"seed": null, "mean": 0.0, "stddev": 1}' } do
      assert.are.equal(text_of, text(mg.initializers.RandomNormal.from_config(text_of):get_config()))
    end
    local norm = '{"max_value": 3.0, "axis": 0}'
    assert.are.equal(norm, text(mg.constraints.MaxNorm.from_config(norm):get_config()))
    assert.are.equal('{"max_value": 3, "axis": 0}', text(mg.constraints.MaxNorm(3):get_config()))
    local steps = '{"boundaries": [1, 2.5], "values": [1, 0.5, 0.25], "name": "PiecewiseConstant"}'
    assert.are.equal(steps, text(mg.optimizers.schedules.PiecewiseConstantDecay.from_config(steps):get_config()))
    local changed = mg.initializers.RandomNormal.from_config '{"mean": 1, "stddev": 1}'
    changed.mean = 2
    assert.are.equal('{"seed": null, "mean": 2.0, "stddev": 1}', text(changed:get_config()))
  end)

  it("that Keras makes float32 of are", function()
    assert.are.equal('{"l2": 0.30000001192092896}', text(mg.regularizers.L2(0.3):get_config "tf2"))
    assert.are.equal('{"l2": 0.3}', text(mg.regularizers.L2(0.3):get_config()))
  end)
end)

describe("custom objects", function()
  local Scale = mg.layers.Layer.extend("Scale", { { "power", default = 1 } })
  local config = { class_name = "Scale", config = { power = 3 } }

  it("are given to one reader", function()
    assert.is_false(pcall(mg.layers.deserialize, config))
    assert.are.equal(3, mg.layers.deserialize(config, { custom_objects = { Scale = Scale } }).power)
    local function squash(x) return x * 0 end
    local dense = { units = 1, activation = "squash_once" }
    assert.are.equal(squash, mg.layers.Dense.from_config(dense, { custom_objects = { squash_once = squash } }).activation)
    assert.is_false(pcall(mg.layers.Dense.from_config, dense))
    assert.matches("argument custom_objects is 3", message_of(mg.layers.deserialize, config, { custom_objects = 3 }), 1, true)
  end)

  it("are registered for all readers, by package and name", function()
    local Shift = mg.layers.Layer.extend("Shift", { { "by", default = 1 } })
    assert.are.equal(Shift, mg.utils.register_keras_serializable("my_package")(Shift))
    local whole = mg.layers.serialize(Shift { by = 2, name = "s" })
    assert.are.equal('{"module": null, "class_name": "Shift", "config": {"name": "s", "trainable": true, "dtype": {"module": '
      .. '"keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": null}, "by": 2}, '
      .. '"registered_name": "my_package>Shift"}', text(whole))
    assert.are.equal(2, mg.layers.deserialize(whole).by)
    local Other = mg.layers.Layer.extend("Dense", { { "by", default = 1 } })
    mg.utils.register_keras_serializable("other_package", "Thick")(Other)
    assert.are.equal("other_package>Thick", Other():serialize().registered_name)
    assert.are.equal(1, mg.layers.deserialize(Other():serialize()).by)
    assert.are.equal(2, mg.layers.deserialize(mg.layers.Dense(2):serialize()).units)
    mg.utils.get_custom_objects().Scale = Scale
    assert.are.equal(3, mg.layers.deserialize(config).power)
    mg.utils.get_custom_objects().Scale = nil
    assert.matches("has no name of its own", message_of(mg.utils.register_keras_serializable("p"), print), 1, true)
  end)
end)

describe("a field", function()
  local fields = require "moongate.fields"
  local Shelf = fields.class("Shelf", {
    { "name", default = "shelf", codec = fields.text, tf2 = { words = { shelf = mg.null } } },
    { "length", default = 3, codec = fields.float, tf2 = { key = "size", codec = fields.rounded }, defaults = { tf2 = 4 } },
    { "hidden_here", default = false, codec = fields.boolean, hidden = true, tf2 = { hidden = false, absent = true } },
    { "kind", constant = "board", hidden = true, tf2 = { hidden = false } },
    { "depth", default = 1, codec = fields.integer, when = function(_, value) return value > 1 end,
      keras3 = { show = function(_, value) return value * 10 end } },
    order = { tf2 = { "kind", "length", "name", "hidden_here", "depth" } },
    older = function(config) config.size, config.Length = config.size or config.Length, nil end,
  })

  it("says what differs in a dialect", function()
    assert.are.equal('{"name": "shelf", "length": 3.0}', text(Shelf():get_config()))
    assert.are.equal('{"kind": "board", "size": 0.30000001192092896, "name": null, "hidden_here": false}',
      text(Shelf({ length = 0.3 }):get_config "tf2"))
    assert.are.equal('{"name": "a", "length": 3.0, "depth": 20}', text(Shelf({ name = "a", depth = 2 }):get_config()))
  end)

  it("is read back in the dialect", function()
    local shelf = Shelf.from_config({ kind = "board", size = 2, name = mg.null }, { dialect = "tf2" })
    assert.are.same({ "shelf", 2, true }, { shelf.name, shelf.length, shelf.hidden_here })
    assert.are.equal(7, Shelf.from_config({ Length = 7 }, { dialect = "tf2" }).length)
    assert.is_false(pcall(Shelf.from_config, { size = 2 }))
    assert.is_false(pcall(Shelf, { kind = "board" }))
  end)

  it("has a default for each version in use", function()
    mg.compat.use "keras2"
    local length = Shelf().length
    local read = Shelf.from_config({}).length
    mg.compat.use "keras3"
    assert.are.same({ 4, 3, 3 }, { length, read, Shelf().length })
  end)
end)
