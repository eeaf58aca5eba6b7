-- GRU, GRUCell and RNN beyond the reference cases: states, empty input, slow paths against the fused one, explain, messages.
local message_of = require "message_of"
local mg = require "moongate"
local near = require "near"
local layers = mg.layers

local function normal(...) return mg.random.normal({ ... }, 0, 1, { dtype = "float64" }) end

local function gru(units, options)
  options = options or {}
  options.dtype = "float64"
  return layers.GRU(units, options)
end

-- The same layer with other options.
local function twin(layer, shape, changes)
  local config = layer:get_config()
  for key, value in pairs(changes) do config[key] = value end
  local other = layers.GRU.from_config(config)
  other:build(shape)
  other:set_weights(layer:get_weights())
  return other
end

before_each(function()
  mg.set_floatx("float32")
  mg.set_random_seed(9)
end)

describe("GRU", function()
  it("is an RNN with Keras's shapes and defaults", function()
    local layer = layers.GRU(4)
    assert.is_true(layer:is(layers.RNN))
    assert.is_true(layer:is(layers.Layer))
    local output = layer(mg.random.normal { 32, 10, 8 })
    assert.are.same({ 32, 4 }, { unpack(output.shape) })
    local sequence, state = layers.GRU(4, { return_sequences = true, return_state = true })(mg.random.normal { 32, 10, 8 })
    assert.are.same({ 32, 10, 4 }, { unpack(sequence.shape) })
    assert.are.same({ 32, 4 }, { unpack(state.shape) })
    assert.are.equal(3 * 4 * (8 + 4) + 6 * 4, layer:count_params())
    assert.are.equal("tanh", layer.activation.name)
    assert.is_true(layer.reset_after)
  end)

  it("takes null as the linear activation", function()
    assert.are.equal("linear", layers.GRU(4, { activation = mg.null }).activation.name)
    assert.are.equal("linear", layers.GRU(4, { activation = mg.null }):get_config().activation)
  end)

  it("computes z h + (1 - z) n by hand", function()
    -- One unit, one feature, one step from state 0.5, all weights chosen: see the formulas of keras.layers.GRU.
    local layer = gru(1, { reset_after = false, activation = "linear", recurrent_activation = "linear" })
    layer:build { 1, 1, 1 }
    layer:set_weights { { { 0.5, 0.25, 2 } }, { { 1, 2, 4 } }, { 0.1, 0.2, 0.3 } }
    -- x = 1: z = 0.5+0.1+0.5 = 1.1, r = 0.25+0.2+1 = 1.45, n = 2+0.3+4*(1.45*0.5) = 5.2
    near(layer(mg.tensor { { { 1 } } }, { initial_state = mg.tensor { { 0.5 } } }), { { 1.1 * 0.5 + (1 - 1.1) * 5.2 } }, 1e-12)
  end)

  it("gives the initial state back for T = 0, zeros as output, and empty tensors for B = 0", function()
    local layer = gru(2, { return_state = true })
    local state = normal(3, 2)
    local output, last = layer(mg.zeros(3, 0, 4), { initial_state = state })
    near(output, { { 0, 0 }, { 0, 0 }, { 0, 0 } })
    near(last, state:to_table())
    assert.are.same({ 0, 2 }, { unpack(layer(mg.zeros(0, 5, 4)).shape) })
    assert.are.same({ 3, 0, 2 }, { unpack(twin(layer, { 3, 0, 4 }, { return_sequences = true })(mg.zeros(3, 0, 4)).shape) })
  end)

  it("leaves the state of a row alone that is masked throughout", function()
    local layer, state = gru(2, { return_state = true }), normal(2, 2)
    local mask = mg.tensor { { false, false, false }, { true, true, true } }
    local output, last = layer(normal(2, 3, 4), { initial_state = state, mask = mask })
    near(output[1], { 0, 0 })
    near(last[1], state[1]:to_table())
  end)

  it("shows the last valid output, zero_output_for_mask or not, unless sequences are returned", function()
    local x, mask = normal(2, 4, 3), mg.tensor { { true, true, false, false }, { false, true, true, false } }
    local layer = gru(2, { zero_output_for_mask = true })
    local output = layer(x, { mask = mask })
    near(output, twin(layer, { 2, 4, 3 }, { zero_output_for_mask = false })(x, { mask = mask }):to_table(), 1e-14)
    local sequence = twin(layer, { 2, 4, 3 }, { return_sequences = true })(x, { mask = mask })
    near(sequence[{ 1, 2 }], output[1]:to_table(), 1e-14)
    near(sequence[{ 1, 4 }], { 0, 0 })
  end)

  it("ignores what a masked step holds, NaN included, on both roads", function()
    for _, activation in ipairs { "tanh", "softmax" } do
      local layer, mask = gru(2, { activation = activation }), mg.tensor { { true, false, true } }
      local x = normal(1, 3, 2)
      local expected = layer(x, { mask = mask }):to_table()
      local poisoned = x:copy()
      poisoned[{ {}, { 2, 2 } }] = 0 / 0
      near(layer(poisoned, { mask = mask }), expected, 1e-14)
      poisoned:requires_grad_()
      local gradient = mg.gradients(layer(poisoned, { mask = mask }):sum(), { poisoned })[1]
      near(gradient[{ 1, 2 }], { 0, 0 })
    end
  end)

  it("runs activations of a vector and Lua functions on the tape, with the same numbers", function()
    local backwards = { go_backwards = true, return_sequences = true }
    for _, options in ipairs { {}, { reset_after = false }, { use_bias = false }, backwards } do
      local layer, x = gru(3, options), normal(2, 4, 2)
      local expected = layer(x):to_table()
      local slow = twin(layer, { 2, 4, 2 }, {})
      slow.cell.activation = function(v) return v:tanh() end
      near(slow(x), expected, 1e-12)
    end
  end)

  it("uses dropout masks alike on both roads", function()
    for _, reset_after in ipairs { true, false } do
      local layer = gru(3, { dropout = 0.5, recurrent_dropout = 0.5, reset_after = reset_after, seed = 5 })
      local x = normal(2, 4, 2)
      layer:build { 2, 4, 2 }
      local slow = twin(layer, { 2, 4, 2 }, {})
      slow.cell.activation = function(v) return v:tanh() end
      near(slow(x, { training = true }), layer(x, { training = true }):to_table(), 1e-12)
    end
  end)

  it("accepts implementation, unroll and use_cudnn as Keras does", function()
    local x = normal(2, 3, 2)
    local layer = gru(2, { implementation = 1 })
    local expected = layer(x):to_table()
    near(twin(layer, { 2, 3, 2 }, { unroll = true })(x), expected, 1e-14)
    assert.is_nil(layer:get_config().implementation)
    assert.is_nil(layer:get_config().use_cudnn)
    assert.matches('GRU: argument use_cudnn is "maybe", expected one of auto, true, false',
      message_of(layers.GRU, 2, { use_cudnn = "maybe" }), 1, true)
    assert.matches('GRU: argument implementation is "x", expected one of 0, 1, 2',
      message_of(layers.GRU, 2, { implementation = "x" }), 1, true)
    assert.matches('use_cudnn = true cannot be kept; missing: a cuDNN kernel for the cpu, where the input is; likely fix: use_cudnn'
      .. ' = "auto"', message_of(layers.GRU(2, { use_cudnn = true }), mg.ones(1, 2, 3)), 1, true)
    local all = { use_cudnn = true, activation = "relu", recurrent_activation = "tanh", dropout = 0.5, unroll = true,
      use_bias = false, reset_after = false }
    assert.matches("missing: activation == tanh; recurrent_activation == sigmoid; dropout == 0 and recurrent_dropout == 0; "
      .. "unroll is false; use_bias is true; reset_after is true; inputs, if masked, are strictly right-padded; a cuDNN kernel",
      message_of(layers.GRU(2, all), mg.ones(1, 2, 3), { mask = mg.tensor { { false, true } } }), 1, true)
    assert.is_true(pcall(layers.GRU(2, { use_cudnn = false }), mg.ones(1, 2, 3)))
    assert.is_false(pcall(layers.GRU, 2, { implementation = 3 }))
  end)

  it("refuses wrong units and states", function()
    for _, units in ipairs { 0, -1, 2.5 } do assert.is_false(pcall(layers.GRU, units)) end
    assert.matches("GRU: argument units is missing", message_of(layers.GRU, {}), 1, true)
    local layer, x = gru(2), normal(3, 4, 2)
    local message = message_of(layer, x, { initial_state = normal(1, 2) })
    assert.matches("initial_state has shape (1, 2), expected (3, 2)", message, 1, true)
    message = message_of(layer, x, { initial_state = { normal(3, 2), normal(3, 2) } })
    assert.matches("initial_state has 2 states, expected 1", message, 1, true)
  end)

  it("explains itself", function()
    local mask = mg.tensor { { true, true, false }, { false, true, true } }
    local text = tostring(layers.GRU(4):explain(mg.ones(2, 3, 4), mask))
    assert.matches("[x] activation == tanh", text, 1, true)
    assert.matches("[ ] inputs, if masked, are strictly right-padded", text, 1, true)
    assert.matches("kernel: %S+", text)
    local layer = layers.GRU(4)
    assert.matches("mask has shape (2, 3), expected (2, 4)", message_of(layer.explain, layer, mg.ones(2, 4, 4), mask), 1, true)
    local slow = layers.GRU(4, { activation = "softmax", dropout = 0.5 }):explain()
    assert.is_false(slow.requirements[1].met)
    assert.is_false(slow.requirements[3].met)
    assert.matches("step by step", slow.kernel, 1, true)
    assert.are.equal(8, #slow.requirements)
  end)
end)

describe("a stateful GRU", function()
  it("goes on where it stopped", function()
    local layer, x = gru(3, { stateful = true, return_sequences = true }), normal(2, 6, 2)
    layer:build { 2, 6, 2 }
    local whole = twin(layer, { 2, 6, 2 }, { stateful = false })(x)
    layer(x[{ {}, { 1, 2 } }])
    near(layer(x[{ {}, { 3, 6 } }]), whole[{ {}, { 3, 6 } }]:to_table(), 1e-12)
    layer:reset_state()
    near(layer(x), whole:to_table(), 1e-12)
    layer:reset_states()
    near(layer.states[1], { { 0, 0, 0 }, { 0, 0, 0 } })
  end)

  it("sets states, zeroes rows, and checks both", function()
    local layer, x, state = gru(2, { stateful = true }), normal(2, 3, 2), normal(2, 2)
    layer(x)
    layer:reset_state(state)
    near(layer.states[1], state:to_table())
    local expected = twin(layer, { 2, 3, 2 }, { stateful = false })(x, { initial_state = state })
    near(layer(x), expected:to_table(), 1e-12)
    layer:reset_state(state)
    layer:reset_state { rows = { 2 } }
    near(layer.states[1], { state[1]:to_table(), { 0, 0 } })
    assert.is_false(pcall(layer.reset_state, layer, { rows = { 3 } }))
    assert.matches("states has shape (2, 3), expected (2, 2)", message_of(layer.reset_state, layer, normal(2, 3)), 1, true)
  end)

  it("takes a given state in place of the stored one", function()
    local layer, x, state = gru(2, { stateful = true }), normal(2, 3, 2), normal(2, 2)
    layer(x)
    near(layer(x, { initial_state = state }),
      twin(layer, { 2, 3, 2 }, { stateful = false })(x, { initial_state = state }):to_table(), 1e-12)
  end)

  it("names both batch sizes when another one comes, until reset_state", function()
    local layer = gru(2, { stateful = true })
    layer(normal(2, 3, 2))
    assert.matches("this batch has 3 rows and the stored state 2; call reset_state()", message_of(layer, normal(3, 3, 2)), 1, true)
    layer:reset_state()
    layer(normal(3, 3, 2))
  end)

  it("is the only kind that can be reset", function()
    assert.matches("not stateful", message_of(layers.GRU(2).reset_state, layers.GRU(2)), 1, true)
  end)

  it("keeps no graph: a step's backward ends at its own batch", function()
    local layer, x = gru(2, { stateful = true }), normal(2, 3, 2)
    layer(x):sum():backward()
    layer(x):sum():backward()
    assert.is_nil(layer.states[1].node or nil)
  end)
end)

describe("GRUCell", function()
  it("steps as the layer does, with the state in a list or alone", function()
    local layer, x = gru(3), normal(2, 2, 4)
    local expected = layer(x)
    local cell = layer.cell
    local state = cell:get_initial_state(2)
    local output
    for t = 1, 2 do output, state = cell(x[{ {}, t }], state) end
    near(output, expected:to_table(), 1e-12)
    assert.are.equal(output, state[1])
    local _, bare = cell(x[{ {}, 1 }], mg.zeros({ 2, 3 }, { dtype = "float64" }))
    assert.is_true(mg.is_tensor(bare))
  end)

  it("checks its state", function()
    local cell = layers.GRUCell(3)
    assert.matches("state has shape (2, 4), expected (2, 3)", message_of(cell, mg.ones(2, 4), mg.ones(2, 4)), 1, true)
    assert.is_false(pcall(cell, mg.ones(2, 4), "no"))
  end)
end)

describe("RNN", function()
  it("runs a cell written in Lua, and trains it", function()
    local Sum = layers.Layer.extend("SumCellForSpec", { { "units" } }, { "units" })
    function Sum:build(shape)
      self.kernel = self:add_weight { name = "kernel", shape = { shape[2], self.units }, initializer = "ones" }
    end
    function Sum:setup(options)
      layers.Layer.setup(self, options)
      self.state_size = self.units
    end
    function Sum:call(x, states)
      local h = states[1] + x:matmul(self.kernel)
      return h, { h }
    end
    local layer = layers.RNN(Sum { units = 1 }, { return_sequences = true, return_state = true })
    local output, state = layer(mg.tensor { { { 1, 1 }, { 2, 2 } } })
    near(output, { { { 2 }, { 6 } } })
    near(state, { { 6 } })
    near(mg.gradients(state:sum(), layer.trainable_weights)[1], { { 3 }, { 3 } })
    near(layers.RNN(Sum { units = 1 }, { go_backwards = true, return_sequences = true })(mg.tensor { { { 1, 1 }, { 2, 2 } } }),
      { { { 4 }, { 6 } } })
  end)

  it("gives a GRU's numbers with a GRUCell", function()
    local x, mask = normal(2, 4, 3), mg.tensor { { true, false, true, true }, { false, false, true, false } }
    local all = { go_backwards = true, return_sequences = true, zero_output_for_mask = true }
    for _, flags in ipairs { {}, { return_sequences = true }, all } do
      local layer = gru(2, flags)
      local expected = layer(x, { mask = mask }):to_table()
      local other = layers.RNN(layers.GRUCell(2, { dtype = "float64" }), { dtype = "float64",
        return_sequences = flags.return_sequences, go_backwards = flags.go_backwards,
        zero_output_for_mask = flags.zero_output_for_mask })
      other:build { 2, 4, 3 }
      other:set_weights(layer:get_weights())
      near(other(x, { mask = mask }), expected, 1e-12)
    end
  end)

  it("wants a cell", function()
    assert.matches("expected a layer with `call` and `state_size`", message_of(layers.RNN, layers.Dense(2)), 1, true)
  end)
end)
