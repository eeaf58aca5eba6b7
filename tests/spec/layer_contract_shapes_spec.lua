-- The layers that look at windows, pool, normalize, reshape, regularize and apply activations, against the contract.
local contract = require "layer_contract"
local makers = require "layer_makers"
local mg = require "moongate"
local with = makers.with

local function values(...) return makers.waves(1.7, ...) end

describe("the layer contract holds for", function()
  before_each(function()
    mg.set_floatx("float32")
    mg.set_random_seed(11)
  end)

  it("Conv1D", function()
    local function conv(options, input, kernel, output, bias)
      contract { make = with("Conv1D", options), input = input, output_shape = { output },
        weights = { { "kernel", kernel }, bias and { "bias", bias } or nil } }
    end
    conv({ filters = 4, kernel_size = 3, activation = "tanh" }, values(2, 6, 3), { 3, 3, 4 }, { 2, 4, 4 }, { 4 })
    conv({ filters = 2, kernel_size = 2, strides = 2, padding = "same", use_bias = false }, values(2, 5, 3), { 2, 3, 2 },
      { 2, 3, 2 })
    conv({ filters = 4, kernel_size = 2, dilation_rate = 2, padding = "causal", groups = 2 }, values(2, 5, 4), { 2, 2, 4 },
      { 2, 5, 4 }, { 4 })
    conv({ filters = 2, kernel_size = 3, data_format = "channels_first" }, values(2, 3, 5), { 3, 3, 2 }, { 2, 2, 3 }, { 2 })
  end)

  it("the pooling layers", function()
    for _, name in ipairs { "MaxPooling1D", "AveragePooling1D" } do
      contract { make = with(name), input = values(2, 5, 3), output_shape = { { 2, 2, 3 } } }
      contract { make = with(name, { pool_size = 3, strides = 2, padding = "same" }), input = values(2, 6, 3),
        output_shape = { { 2, 3, 3 } } }
      contract { make = with(name, { pool_size = 2, strides = 1, data_format = "channels_first" }), input = values(2, 3, 5),
        output_shape = { { 2, 3, 4 } } }
    end
    for _, name in ipairs { "GlobalMaxPooling1D", "GlobalAveragePooling1D" } do
      contract { make = with(name), input = values(2, 5, 3), output_shape = { { 2, 3 } } }
      contract { make = with(name, { keepdims = true, data_format = "channels_first" }), input = values(2, 5, 3),
        output_shape = { { 2, 5, 1 } } }
    end
    local mask = mg.tensor({ { 1, 0, 1 }, { 0, 0, 1 } }, "uint8")
    contract { make = with "GlobalAveragePooling1D", input = values(2, 3, 2), output_shape = { { 2, 2 } }, call = { mask = mask } }
  end)

  it("the normalization layers", function()
    local function gamma_beta(...) return { { "gamma", { ... } }, { "beta", { ... } } } end
    contract { make = with "LayerNormalization", input = values(2, 3, 4), weights = gamma_beta(4) }
    contract { make = with("LayerNormalization", { axis = { 1, 2 }, epsilon = 0.1 }), input = values(2, 3, 4),
      weights = gamma_beta(3, 4) }
    contract { make = with("LayerNormalization", { axis = 1, center = false }), input = values(2, 3, 4),
      weights = { { "gamma", { 3 } } } }
    contract { make = with("LayerNormalization", { rms_scaling = true }), input = values(2, 3, 4),
      weights = { { "gamma", { 4 } } } }
    contract { make = with "RMSNormalization", input = values(2, 3, 4), weights = { { "scale", { 4 } } } }
    contract { make = with("UnitNormalization", { axis = { 1, 2 } }), input = values(2, 3, 4) }
    local all = gamma_beta(4)
    all[3], all[4] = { "moving_mean", { 4 } }, { "moving_variance", { 4 } }
    contract { make = with("BatchNormalization", { epsilon = 0.01 }), input = values(2, 3, 4), weights = all }
  end)

  it("the layers that reshape", function()
    contract { make = with("Permute", { dims = { 2, 1 } }), input = values(2, 3, 4), output_shape = { { 2, 4, 3 } } }
    contract { make = with("RepeatVector", { n = 3 }), input = values(2, 4), output_shape = { { 2, 3, 4 } } }
    contract { make = with("ZeroPadding1D", { padding = { 1, 2 } }), input = values(2, 3, 4), output_shape = { { 2, 6, 4 } } }
    contract { make = with("Cropping1D", { cropping = { 0, 2 } }), input = values(2, 3, 4), output_shape = { { 2, 1, 4 } } }
    contract { make = with("UpSampling1D", { size = 3 }), input = values(2, 3, 4), output_shape = { { 2, 9, 4 } } }
  end)

  it("activations as layers", function()
    contract { make = with("ReLU", { max_value = 0.8, negative_slope = 0.1, threshold = 0.2 }), input = values(2, 3) }
    contract { make = with "LeakyReLU", input = values(2, 3) }
    contract { make = with("ELU", { alpha = 0.5 }), input = values(2, 3) }
    contract { make = with("PReLU", { alpha_initializer = "ones" }), input = values(2, 3, 2), weights = { { "alpha", { 3, 2 } } } }
    contract { make = with("PReLU", { shared_axes = { 1 } }), input = values(2, 3, 2), weights = { { "alpha", { 1, 2 } } } }
    contract { make = with("Softmax", { axis = 1 }), input = values(2, 3, 2) }
    contract { make = with("Softmax", { axis = { 1, 2 } }), input = values(2, 3, 2) }
    local mask = mg.tensor({ { 1, 0, 1 }, { 0, 0, 1 } }, "uint8")
    contract { make = with "Softmax", input = values(2, 3), call = { mask = mask } }
  end)

  it("noise and other regularization", function()
    for _, name in ipairs { "Dropout", "SpatialDropout1D", "AlphaDropout", "GaussianDropout" } do
      contract { make = with(name, { rate = 0.4 }), input = values(2, 3, 4) }
    end
    contract { make = with("GaussianNoise", { stddev = 0.4 }), input = values(2, 3, 4) }
    contract { make = with("ActivityRegularization", { l1 = 0.1, l2 = 0.2 }), input = values(2, 3) }
    contract { make = with("Rescaling", { scale = 0.5, offset = { 1, 2, 3 } }), input = values(2, 3) }
  end)

  it("the merging layers", function()
    local a, b, c = values(2, 3, 4), values(2, 3, 4) * 0.7 + 0.1, values(2, 1, 4) - 0.3
    for _, name in ipairs { "Add", "Multiply", "Average", "Maximum", "Minimum" } do
      contract { make = with(name), input = { a, b, c }, output_shape = { { 2, 3, 4 } } }
    end
    contract { make = with "Subtract", input = { a, c }, output_shape = { { 2, 3, 4 } } }
    contract { make = with("Concatenate", { axis = 1 }), input = { a, b, c }, output_shape = { { 2, 7, 4 } } }
    contract { make = with("Dot", { axes = { 2, 2 }, normalize = true }), input = { a, c }, output_shape = { { 2, 3, 1 } } }
    contract { make = with("Dot", { axes = 1 }), input = { values(2, 3), values(2, 3) + 1 }, output_shape = { { 2, 1 } } }
  end)

  it("the attention layers", function()
    local query, value, key = values(2, 2, 3), values(2, 4, 5) + 0.2, values(2, 4, 3) * 0.8
    local masks = { mg.tensor({ { 1, 0 }, { 1, 1 } }, "uint8"), mg.tensor({ { 1, 1, 0, 1 }, { 1, 1, 1, 0 } }, "uint8"), false }
    contract { make = with "Attention", input = { query, value, key }, output_shape = { { 2, 2, 5 } }, call = { mask = masks } }
    contract { make = with("Attention", { use_scale = true, score_mode = "concat" }), input = { query, key },
      output_shape = { { 2, 2, 3 } }, weights = { { "scale", {} }, { "concat_score_weight", {} } },
      call = { use_causal_mask = true } }
    contract { make = with "AdditiveAttention", input = { query, value, key }, output_shape = { { 2, 2, 5 } },
      weights = { { "scale", { 3 } } }, call = { mask = masks } }
  end)
end)
