-- LSTM, SimpleRNN and their cells: the contract of layers, a step by hand, states, masks, dropout.
local contract = require "layer_contract"
local message_of = require "message_of"
local mg = require "moongate"
local near = require "near"
local tools = require "documents_tools"
local layers = mg.layers

local function normal(...) return mg.random.normal({ ... }, 0, 1, { dtype = "float64" }) end

local function maker(C, units, own)
  return function(options)
    for key, value in pairs(own or {}) do options[key] = value end
    return C(units, options)
  end
end

before_each(function()
  mg.set_floatx("float32")
  mg.set_random_seed(3)
end)

describe("LSTM and SimpleRNN", function()
  it("hold the contract of layers", function()
    local mask = mg.tensor { { true, false, true }, { false, true, false } }
    local lstm = { { "kernel", { 4, 12 } }, { "recurrent_kernel", { 3, 12 } }, { "bias", { 12 } } }
    contract { make = maker(layers.LSTM, 3), input = normal(2, 3, 4), weights = lstm, output_shape = { { 2, 3 } } }
    contract { make = maker(layers.LSTM, 3, { return_sequences = true, return_state = true, go_backwards = true }),
      input = normal(2, 3, 4), call = { mask = mask }, weights = lstm, output_shape = { { 2, 3, 3 }, { 2, 3 }, { 2, 3 } } }
    local simple = { { "kernel", { 4, 3 } }, { "recurrent_kernel", { 3, 3 } } }
    contract { make = maker(layers.SimpleRNN, 3, { use_bias = false }), input = normal(2, 3, 4), weights = simple,
      output_shape = { { 2, 3 } } }
    contract { make = maker(layers.SimpleRNN, 3, { use_bias = false, return_sequences = true }), input = normal(2, 3, 4),
      call = { mask = mask }, weights = simple, output_shape = { { 2, 3, 3 } } }
  end)

  -- The signatures of Keras 3.15.
  it("take their arguments in Keras's order", function()
    local weights = { "kernel_initializer", "recurrent_initializer", "bias_initializer", "unit_forget_bias", "kernel_regularizer",
      "recurrent_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint", "recurrent_constraint",
      "bias_constraint", "dropout", "recurrent_dropout" }
    local flags = { "return_sequences", "return_state", "go_backwards", "stateful", "unroll" }
    local values = { unit_forget_bias = false, use_cudnn = false, reset_after = false }
    for name, value in pairs(tools.other_values) do values[name] = value end
    local function order(without, ...)
      local list = {}
      for _, part in ipairs { ... } do
        for _, name in ipairs(part) do
          if name ~= without and not (without == "both" and (name == "unit_forget_bias" or name == "activity_regularizer")) then
            list[#list + 1] = name
          end
        end
      end
      return list
    end
    local gates, plain = { "units", "activation", "recurrent_activation", "use_bias" }, { "units", "activation", "use_bias" }
    for class, own in pairs {
      [layers.LSTM] = order(nil, gates, weights, { "seed" }, flags, { "use_cudnn" }),
      [layers.SimpleRNN] = order("unit_forget_bias", plain, weights, flags, { "seed" }),
      [layers.LSTMCell] = order("activity_regularizer", gates, weights, { "seed" }),
      [layers.SimpleRNNCell] = order("both", plain, weights, { "seed" }),
      [layers.GRUCell] = order("both", gates, weights, { "reset_after", "seed" }),
    } do
      tools.takes_in_order(class, own, values)
    end
  end)

  it("are RNNs with the cell's fields", function()
    local layer = layers.LSTM(3, { unit_forget_bias = false, recurrent_activation = "hard_sigmoid" })
    assert.is_true(layer:is(layers.RNN))
    assert.is_false(layer.unit_forget_bias)
    assert.are.equal("hard_sigmoid", layer.recurrent_activation.name)
    assert.are.equal("lstm_cell", layer.cell.name)
    assert.are.equal(4 * 3 * (2 + 3) + 4 * 3, (function()
      layer:build { 1, 1, 2 }
      return layer:count_params()
    end)())
  end)

  it("start the forget gate's bias at 1, unless told otherwise", function()
    local layer = layers.LSTM(2, { bias_initializer = mg.initializers.Constant(0.25) })
    layer:build { 1, 1, 3 }
    near(layer.bias, { 0.25, 0.25, 1, 1, 0.25, 0.25, 0.25, 0.25 })
    local plain = layers.LSTM(2, { unit_forget_bias = false })
    plain:build { 1, 1, 3 }
    near(plain.bias, { 0, 0, 0, 0, 0, 0, 0, 0 })
  end)

  it("compute a step by hand", function()
    -- Linear activations, one unit: i = 0.5 + 0.1 + 2 * 0.5 = 1.6, f = 1 + 0.2 = 1.2, candidate = 2 + 0.3 + 0.5 = 2.8,
    -- o = -1 + 0.4.
    local cell = layers.LSTMCell(1, { activation = "linear", recurrent_activation = "linear", dtype = "float64" })
    cell:build { 1, 1 }
    cell:set_weights { { { 0.5, 1, 2, -1 } }, { { 2, 0, 1, 0 } }, { 0.1, 0.2, 0.3, 0.4 } }
    local one = mg.ones({ 1, 1 }, { dtype = "float64" })
    local h, states = cell(one, { one * 0.5, one * 0.25 })
    local kept = 1.2 * 0.25 + 1.6 * 2.8
    near(states[2], { { kept } }, 1e-12)
    near(h, { { -0.6 * kept } }, 1e-12)
    near(states[1], { { -0.6 * kept } }, 1e-12)
    local simple = layers.SimpleRNNCell(1, { activation = "linear", dtype = "float64" })
    simple:build { 1, 1 }
    simple:set_weights { { { 0.5 } }, { { 2 } }, { 0.25 } }
    local output, list = simple(one, { one * 3 })
    near(output, { { 6.75 } }, 1e-12)
    near(list[1], { { 6.75 } }, 1e-12)
    local _, bare = simple(one, one * 3)
    assert.is_true(mg.is_tensor(bare))
  end)

  it("give the cell's numbers over a sequence, with masks", function()
    for _, pair in ipairs { { layers.LSTM, layers.LSTMCell }, { layers.SimpleRNN, layers.SimpleRNNCell } } do
      local flags = { return_sequences = true, return_state = true, dtype = "float64", go_backwards = true }
      local layer = pair[1](3, flags)
      local other = layers.RNN(pair[2](3, { dtype = "float64" }), flags)
      local x, mask = normal(2, 4, 2), mg.tensor { { true, false, true, true }, { false, false, true, false } }
      layer:build { 2, 4, 2 }
      other:build { 2, 4, 2 }
      other:set_weights(layer:get_weights())
      local expected, found = { other(x, { mask = mask }) }, { layer(x, { mask = mask }) }
      assert.are.equal(#expected, #found)
      for i = 1, #expected do near(found[i], expected[i]:to_table(), 1e-12) end
    end
  end)

  it("drop with four masks or one, seeded, anew in each batch", function()
    for _, options in ipairs { { dropout = 0.5 }, { dropout = 0.5, implementation = 1 }, { recurrent_dropout = 0.5 } } do
      options.seed = 7
      local layer, again = layers.LSTM(4, options), layers.LSTM(4, options)
      local x = mg.random.normal { 2, 3, 5 }
      layer:build { 2, 3, 5 }
      again:build { 2, 3, 5 }
      again:set_weights(layer:get_weights())
      local first, second = layer(x, { training = true }), layer(x, { training = true })
      assert.are.same(first:to_table(), again(x, { training = true }):to_table())
      assert.are_not.same(first:to_table(), second:to_table())
      assert.are.same(layer(x):to_table(), layer(x):to_table())
    end
    local ones = mg.ones(2, 5)
    assert.are.equal(4, #layers.LSTMCell(3, { dropout = 0.5, implementation = 1 }):get_dropout_mask(ones))
    assert.are.equal(4, #layers.LSTMCell(5, { recurrent_dropout = 0.5 }):get_recurrent_dropout_mask(ones))
    assert.is_true(mg.is_tensor(layers.LSTMCell(3, { dropout = 0.5 }):get_dropout_mask(ones)))
    assert.is_true(mg.is_tensor(layers.SimpleRNNCell(3, { dropout = 0.5 }):get_dropout_mask(ones)))
  end)

  it("explain which kernel a call takes", function()
    local layer, x = layers.LSTM(4), mg.random.normal { 2, 3, 5 }
    local plan = layer:explain(x)
    assert.are.equal(7, #plan.requirements)
    for _, item in ipairs(plan.requirements) do assert.is_true(item.met, item.text) end
    assert.is_false(layer:explain(x, mg.tensor { { false, true, true }, { true, true, true } }).requirements[6].met)
    assert.is_true(#plan.kernel > 0)
    assert.matches("step by step on the tape", tostring(layers.LSTM(4, { activation = "softmax" }):explain(x)), 1, true)
    local simple = layers.SimpleRNN(4):explain(x)
    assert.are.equal(0, #simple.requirements)
    assert.matches("^kernel: ", tostring(simple))
  end)

  it("give the same numbers on the tape, with dropout, in time-major order and from step to step", function()
    for _, C in ipairs { layers.LSTM, layers.SimpleRNN } do
      for _, own in ipairs { { dropout = 0.5 }, { dropout = 0.5, recurrent_dropout = 0.5 }, { time_major = true }, {} } do
        local flags = { dtype = "float64", return_sequences = true, return_state = true, seed = 5 }
        for key, value in pairs(own) do flags[key] = value end
        local layer, slow = C(3, flags), C(3, flags)
        slow.cell.is_fused = function() return false end
        local x = normal(3, 4, 2)
        layer:build { 3, 4, 2 }
        slow:build { 3, 4, 2 }
        slow:set_weights(layer:get_weights())
        local found, expected = { layer(x, { training = true }) }, { slow(x, { training = true }) }
        for i = 1, #expected do near(found[i], expected[i]:to_table(), 1e-12) end
        local first = mg.gradients(found[1]:sum(), layer.trainable_weights)
        local second = mg.gradients(expected[1]:sum(), slow.trainable_weights)
        for i = 1, #first do near(first[i], second[i]:to_table(), 1e-11) end
      end
    end
  end)

  it("say what is wrong", function()
    local layer = layers.LSTM(3)
    assert.matches("initial_state has 1 states, expected 2", message_of(layer, mg.ones(2, 4, 5), { initial_state = mg.ones(2, 3) }),
      1, true)
    assert.matches("initial_state[2] has shape (2, 4), expected (2, 3)",
      message_of(layer, mg.ones(2, 4, 5), { initial_state = { mg.ones(2, 3), mg.ones(2, 4) } }), 1, true)
    assert.matches("has 2 dimensions, expected 3", message_of(layer, mg.ones(2, 4)), 1, true)
    assert.matches("1 states were given, expected 2", message_of(layers.LSTMCell(3), mg.ones(2, 4), { mg.ones(2, 3) }), 1, true)
    assert.matches("missing: a cuDNN kernel", message_of(layers.LSTM(2, { use_cudnn = true }), mg.ones(1, 2, 3)), 1, true)
    assert.matches("LSTM: argument dropout is 1.5, expected a number in [0, 1]", message_of(layers.LSTM, 2, { dropout = 1.5 }), 1,
      true)
  end)
end)
