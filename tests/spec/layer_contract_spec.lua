-- Every layer against the contract.
local contract = require "layer_contract"
local makers = require "layer_makers"
local mg = require "moongate"
local layers = mg.layers
local with = makers.with

local function values(...) return makers.waves(1.7, ...) end

local function gru_weights(F, U, bias)
  return { { "kernel", { F, 3 * U } }, { "recurrent_kernel", { U, 3 * U } }, bias and { "bias", bias } or nil }
end

describe("the layer contract holds for", function()
  before_each(function()
    mg.set_floatx("float32")
    mg.set_random_seed(11)
  end)

  it("Dense", function()
    local weights = { { "kernel", { 3, 4 } }, { "bias", { 4 } } }
    contract { make = with("Dense", { units = 4, activation = "tanh" }), input = values(2, 3), weights = weights,
      output_shape = { { 2, 4 } } }
    contract { make = with("Dense", { units = 4, use_bias = false, activation = "softmax" }), input = values(2, 5, 3),
      weights = { weights[1] }, output_shape = { { 2, 5, 4 } } }
  end)

  it("Embedding", function()
    local ids = mg.tensor({ { 1, 0, 4 }, { 2, 2, 1 } }, "int32")
    contract { make = with("Embedding", { input_dim = 5, output_dim = 3 }), input = ids,
      weights = { { "embeddings", { 5, 3 } } }, output_shape = { { 2, 3, 3 } }, integers = true }
  end)

  it("GRU", function()
    contract { make = with("GRU", { units = 2 }), input = values(2, 3, 3), weights = gru_weights(3, 2, { 2, 6 }),
      output_shape = { { 2, 2 } } }
    local options = { units = 2, return_sequences = true, return_state = true, reset_after = false, go_backwards = true }
    contract { make = with("GRU", options),
      input = values(2, 3, 3), weights = gru_weights(3, 2, { 6 }), output_shape = { { 2, 3, 2 }, { 2, 2 } } }
    contract { make = with("GRU", { units = 2, use_bias = false, activation = "softmax", recurrent_activation = "hard_sigmoid" }),
      input = values(2, 3, 3), weights = gru_weights(3, 2), output_shape = { { 2, 2 } } }
  end)

  it("GRU with a mask", function()
    local mask = mg.tensor({ { 1, 0, 1 }, { 0, 0, 1 } }, "uint8")
    for _, activation in ipairs { "tanh", "softmax" } do
      contract { make = with("GRU", { units = 2, activation = activation, return_sequences = true }), input = values(2, 3, 3),
        weights = gru_weights(3, 2, { 2, 6 }), call = { mask = mask } }
    end
  end)

  it("RNN", function()
    local function make(options)
      options.cell = layers.GRUCell { units = 2, dtype = options.dtype }
      return layers.RNN(options)
    end
    contract { make = make, input = values(2, 3, 3), weights = gru_weights(3, 2, { 2, 6 }), output_shape = { { 2, 2 } } }
  end)

  it("GRUCell", function()
    contract { make = with("GRUCell", { units = 2 }), input = values(2, 3), weights = gru_weights(3, 2, { 2, 6 }),
      output_shape = { { 2, 2 } } }
  end)

  it("Dropout, Activation, Masking, Flatten, Reshape", function()
    contract { make = with("Dropout", { rate = 0.5 }), input = values(2, 3) }
    contract { make = with("Activation", { activation = "gelu" }), input = values(2, 3) }
    contract { make = with("Masking", { mask_value = 0.5 }), input = values(2, 3, 2) }
    contract { make = with("Flatten", {}), input = values(2, 3, 2), output_shape = { { 2, 6 } } }
    contract { make = with("Reshape", { target_shape = { 2, -1 } }), input = values(2, 3, 2), output_shape = { { 2, 2, 3 } } }
  end)
end)
