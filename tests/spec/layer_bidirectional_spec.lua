-- Bidirectional: directions, merging, masks, states, the checks of a backward layer, configs.
local contract = require "layer_contract"
local message_of = require "message_of"
local mg = require "moongate"
local near = require "near"
local layers = mg.layers

local function normal(...) return mg.random.normal({ ... }, 0, 1, { dtype = "float64" }) end

local options = { dtype = "float64" }

before_each(function()
  mg.set_floatx("float32")
  mg.set_random_seed(11)
end)

describe("Bidirectional", function()
  it("holds the contract of layers, in every merge mode", function()
    local weights = { { "kernel", { 4, 6 } }, { "recurrent_kernel", { 2, 6 } }, { "bias", { 2, 6 } }, { "kernel", { 4, 6 } },
      { "recurrent_kernel", { 2, 6 } }, { "bias", { 2, 6 } } }
    local mask = mg.tensor { { true, true, false }, { false, true, true } }
    for _, mode in ipairs { "concat", "sum", "mul", "ave" } do
      contract { make = function(given)
        if given.no_such_option then return layers.Bidirectional(given) end
        return layers.Bidirectional(layers.GRU(2, { dtype = given.dtype, return_sequences = true }),
          { merge_mode = mode, dtype = given.dtype })
      end, input = normal(2, 3, 4), call = { mask = mask }, weights = weights,
        output_shape = { { 2, 3, mode == "concat" and 4 or 2 } } }
    end
  end)

  it("gives what the two layers give, the backward one in the order of time", function()
    local x, mask = normal(2, 4, 3), mg.tensor { { true, true, false, true }, { false, true, true, false } }
    local flags = { return_sequences = true, return_state = true, dtype = "float64" }
    local both = layers.Bidirectional(layers.LSTM(2, flags), { merge_mode = mg.null, dtype = "float64" })
    local outputs = { both(x, { mask = mask }) }
    assert.are.equal(6, #outputs)
    local weights = both:get_weights()
    flags.zero_output_for_mask = true
    local ahead = layers.LSTM(2, flags)
    flags.go_backwards = true
    local back = layers.LSTM(2, flags)
    ahead:build { 2, 4, 3 }
    back:build { 2, 4, 3 }
    ahead:set_weights { weights[1], weights[2], weights[3] }
    back:set_weights { weights[4], weights[5], weights[6] }
    local first, second = { ahead(x, { mask = mask }) }, { back(x, { mask = mask }) }
    near(outputs[1], first[1]:to_table(), 1e-13)
    near(outputs[2], second[1]:reverse(2):to_table(), 1e-13)
    for i, expected in ipairs { first[2], first[3], second[2], second[3] } do
      near(outputs[2 + i], expected:to_table(), 1e-13)
    end
    near(outputs[1].keras_mask, mask:to_table())
    near(outputs[2].keras_mask, mask:to_table())
  end)

  it("names its directions, makes them anew and keeps what a config does not say", function()
    local inner = layers.LSTM(3, { name = "reader", use_cudnn = false, implementation = 1, return_sequences = true })
    local layer = layers.Bidirectional(inner)
    assert.are.equal("forward_reader", layer.forward_layer.name)
    assert.are.equal("backward_reader", layer.backward_layer.name)
    assert.is_true(layer.backward_layer.go_backwards)
    assert.is_true(layer.forward_layer.zero_output_for_mask)
    assert.are.equal(1, layer.forward_layer.cell.implementation)
    assert.is_false(layer.backward_layer.use_cudnn)
    layer(mg.ones(1, 2, 3))
    assert.is_false(inner.built)
    local again = layers.Bidirectional.from_config(layer:get_config())
    assert.are.equal("forward_reader", again.forward_layer.name)
    assert.are.equal("backward_reader", again.backward_layer.name)
  end)

  it("runs cells in plain Lua and activations in Lua in both directions", function()
    local Sum = layers.Layer.extend("SumCellForBidirectionalSpec", { { "units" } }, { "units" })
    function Sum:setup(given)
      layers.Layer.setup(self, given)
      self.state_size = self.units
    end
    function Sum.call(_, x, states)
      local h = states[1] * 2 + x
      return h, { h }
    end
    local layer = layers.Bidirectional(layers.RNN(Sum(1)))
    near(layer(mg.tensor { { { 1 }, { 2 }, { 3 } } }), { { 11, 17 } })
    local own = layers.Bidirectional(layers.SimpleRNN(1, { activation = function(v) return v * 2 end }))
    assert.is_true(pcall(own, mg.ones(1, 2, 1)))
  end)

  it("halves initial states, checks how many there are, and keeps states of stateful layers", function()
    local layer = layers.Bidirectional(layers.LSTM(2, { stateful = true }))
    local x, s = mg.random.normal { 3, 4, 2 }, mg.ones(3, 2)
    assert.matches("initial_state has 2 states, expected 4", message_of(layer, x, { initial_state = { s, s } }), 1, true)
    assert.is_nil(layer.states)
    layer({ x, s, s, s, s })
    assert.are.equal(4, #layer.states)
    layer:reset_state { rows = { 2 } }
    for _, state in ipairs(layer.states) do near(state[2], { 0, 0 }) end
    layer:reset_state { s, s * 2, s * 3, s * 4 }
    near(layer.states[4], (s * 4):to_table())
    layer:reset_states()
    assert.is_true(pcall(layer, mg.ones(2, 4, 2)))
    assert.matches("not stateful", message_of(layers.Bidirectional(layers.GRU(2)).reset_state,
      layers.Bidirectional(layers.GRU(2))), 1, true)
  end)

  it("sets given weights when it is built", function()
    local first = layers.Bidirectional(layers.GRU(2, options), options)
    local x = normal(1, 3, 2)
    local expected = first(x):to_table()
    local second = layers.Bidirectional(layers.GRU(2, options), { weights = first:get_weights(), dtype = "float64" })
    near(second(x), expected, 1e-14)
  end)

  it("checks the backward layer and the merge mode", function()
    local GRU, Bidirectional = layers.GRU, layers.Bidirectional
    assert.matches("both layers have go_backwards = true", message_of(Bidirectional, GRU(2, { go_backwards = true })), 1, true)
    assert.matches("both layers have go_backwards = false", message_of(Bidirectional, GRU(2), { backward_layer = GRU(2) }), 1, true)
    assert.matches("return_sequences = false and the backward layer true", message_of(Bidirectional, GRU(2),
      { backward_layer = GRU(2, { go_backwards = true, return_sequences = true }) }), 1, true)
    assert.matches("expected one of concat, sum, mul, ave", message_of(Bidirectional, GRU(2), { merge_mode = "max" }), 1, true)
    assert.matches("expected a recurrent layer", message_of(Bidirectional, layers.Dense(2)), 1, true)
    assert.matches("argument layer is 3, expected a layer", message_of(Bidirectional, 3), 1, true)
    local uneven = Bidirectional(GRU(2), { backward_layer = GRU(3, { go_backwards = true }) })
    assert.are.same({ mg.null, 5 }, uneven:compute_output_shape { mg.null, 4, 2 })
    assert.are.same({ 1, 5 }, { unpack(uneven(mg.ones(1, 4, 2)).shape) })
    local summed = { merge_mode = "sum", backward_layer = GRU(3, { go_backwards = true }) }
    assert.matches("merge_mode \"sum\" needs outputs of one size", message_of(Bidirectional(GRU(2), summed), mg.ones(1, 2, 3)), 1,
      true)
  end)

  it("freezes and thaws both directions", function()
    local layer = layers.Bidirectional(layers.GRU(2), { trainable = false })
    layer(mg.ones(1, 2, 3))
    assert.are.equal(0, #layer.trainable_weights)
    layer.trainable = true
    assert.are.equal(6, #layer.trainable_weights)
  end)

  it("checks the states of a symbolic call", function()
    local x = mg.Input { 5, 3 }
    local function message(...)
      local layer, states = mg.layers.Bidirectional(mg.layers.GRU(4)), { ... }
      return select(2, pcall(layer, x, { initial_state = states }))
    end
    assert.matches("initial_state has shape %(None, 5%), expected %(None, 4%)", message(mg.Input { 5 }, mg.Input { 4 }))
    assert.matches("initial_state has shape %(None, 6%), expected %(None, 4%)", message(mg.Input { 4 }, mg.Input { 6 }))
    assert.matches("initial_state has 1 states, expected 2", message(mg.Input { 4 }))
    assert.same({ mg.null, 8 }, message(mg.Input { 4 }, mg.Input { 4 }).shape)
  end)
end)
