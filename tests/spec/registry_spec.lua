-- Identifiers: names, configs, objects, functions.
local mg = require "moongate"
local Registry = require "moongate.registry"

describe("the registry", function()
  it("turns class names into snake_case as Keras does", function()
    for name, snake in pairs { GlorotUniform = "glorot_uniform", GRUCell = "gru_cell", GRU = "gru", InputLayer = "input_layer",
      Conv1D = "conv1d", RNN = "rnn", L1L2 = "l1l2", Dense = "dense",
      TimeDistributed = "time_distributed", StackedRNNCells = "stacked_rnn_cells",
      BatchNormalization = "batch_normalization" } do
      assert.are.equal(snake, Registry.snake_case(name))
    end
  end)

  it("takes names, configs, JSON, objects, classes, functions, nil and null", function()
    local he = mg.initializers.get "he_normal"
    assert.are.equal("HeNormal", getmetatable(he).class.name)
    assert.are.equal(he, mg.initializers.get(he))
    assert.are.equal(0.5, mg.initializers.get({ class_name = "Constant", config = { value = 0.5 } }).value)
    assert.are.equal(3, mg.initializers.get(mg.json.decode('{"class_name": "Orthogonal", "config": {"gain": 3.0}}')).gain)
    assert.are.equal("Zeros", getmetatable(mg.initializers.get(mg.initializers.Zeros)).class.name)
    local function own() end
    assert.are.equal(own, mg.initializers.get(own))
    assert.is_nil(mg.initializers.get(nil))
    assert.is_nil(mg.regularizers.get(mg.null))
  end)

  -- Names: keras/initializers/__init__.py and its neighbours.
  it("is reached by both forms of a name, as in Keras", function()
    local pairs_of = {
      initializers = [[Constant constant GlorotNormal glorot_normal GlorotUniform glorot_uniform HeNormal he_normal HeUniform
        he_uniform Identity identity Identity IdentityInitializer LecunNormal lecun_normal LecunUniform lecun_uniform Ones ones
        Orthogonal orthogonal Orthogonal OrthogonalInitializer RandomNormal random_normal RandomUniform random_uniform
        STFTInitializer STFT STFTInitializer stft TruncatedNormal truncated_normal VarianceScaling variance_scaling Zeros zeros]],
      regularizers = "L1 l1 L1L2 l1_l2 L2 l2 OrthogonalRegularizer orthogonal_regularizer",
      constraints = "MaxNorm max_norm MinMaxNorm min_max_norm NonNeg non_neg UnitNorm unit_norm",
    }
    for module, names in pairs(pairs_of) do
      for name, other in names:gmatch("(%S+)%s+(%S+)") do
        assert.is_not_nil(mg[module][name], name)
        assert.are.equal(mg[module][name], mg[module][other], other)
      end
    end
    assert.are.equal(0.5, mg.regularizers.l2(0.5).l2)
  end)

  it("names what it does not know and what is near", function()
    local ok, message = pcall(mg.initializers.get, "glorot_unifrom")
    assert.is_false(ok)
    assert.matches('initializer: unknown name "glorot_unifrom"; did you mean "glorot_uniform"', message, 1, true)
    assert.matches("known names: Constant, ", message, 1, true)
    for _, module in ipairs { "regularizers", "constraints", "activations" } do
      assert.is_false(pcall(mg[module].get, "nothing_like_it"))
      assert.is_false(pcall(mg[module].get, 7))
      assert.is_false(pcall(mg[module].deserialize, { class_name = "Nothing", config = {} }))
    end
  end)

  it("writes a Lua function by the name it was given", function()
    local function squash(x) return x * 0 end
    local layer = mg.layers.Dense(2, { activation = squash })
    local ok, message = pcall(layer.get_config, layer)
    assert.is_false(ok)
    assert.matches("mg.activations.register(name, f)", message, 1, true)
    mg.activations.register("squash_for_spec", squash)
    assert.are.equal("squash_for_spec", layer:get_config().activation)
    assert.is_false(pcall(mg.activations.register, "", squash))
    assert.is_false(pcall(mg.activations.register, "nothing", nil))
    assert.are.equal(squash, mg.layers.Dense.from_config(layer:get_config()).activation)
    local function ramp(shape, dtype) return mg.ones(shape, { dtype = dtype }) end
    mg.initializers.register("ramp_for_spec", ramp)
    assert.are.equal(ramp, mg.initializers.deserialize { class_name = "ramp_for_spec", config = {} })
  end)
end)
