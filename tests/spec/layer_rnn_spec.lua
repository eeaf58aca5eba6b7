-- RNN over cells in Lua and lists of cells: states, inputs, flags, dropout masks, stored and carried states.
local carry = require "moongate.layers.rnn_carry"
local contract = require "layer_contract"
local message_of = require "message_of"
local mg = require "moongate"
local near = require "near"
local layers = mg.layers

local function normal(...) return mg.random.normal({ ... }, 0, 1, { dtype = "float64" }) end

local options = { dtype = "float64" }

-- A cell in plain Lua with two states of different size: a sum of its inputs, and how many steps it has seen.
local Counter = layers.Layer.extend("CounterCellForSpec", { { "units" } }, { "units" })
function Counter:setup(given)
  layers.Layer.setup(self, given)
  self.state_size, self.output_size = { self.units, 1 }, self.units
end
function Counter:build(shape)
  self.kernel = self:add_weight { name = "kernel", shape = { shape[2], self.units }, initializer = "ones" }
  layers.Layer.build(self, shape)
end
function Counter:call(x, states, call_options)
  self.was_training = call_options.training
  local sum = states[1] + x:matmul(self.kernel)
  return sum * states[2], { sum, states[2] + 1 }
end

before_each(function()
  mg.set_floatx("float32")
  mg.set_random_seed(5)
end)

describe("RNN", function()
  it("trains a cell of several states written in Lua", function()
    local layer = layers.RNN(Counter(1), { return_sequences = true, return_state = true })
    local output, sum, count = layer(mg.tensor { { { 1, 1 }, { 2, 2 }, { 3, 3 } } }, { training = true })
    near(output, { { { 0 }, { 6 }, { 24 } } })
    near(sum, { { 12 } })
    near(count, { { 3 } })
    assert.is_true(layer.cell.was_training)
    -- Outputs 0 * 2k, 1 * 6k, 2 * 12k for a kernel of k twice: 6 and 24 come from 3 and 6 of each feature.
    near(mg.gradients(output:sum(), layer.trainable_weights)[1], { { 3 + 12 }, { 3 + 12 } })
  end)

  it("keeps every state of a masked row, and repeats the output", function()
    local layer = layers.RNN(Counter(1), { return_sequences = true, return_state = true })
    local mask = mg.tensor { { true, false, true } }
    local output, sum, count = layer(mg.tensor { { { 1 }, { 0 / 0 }, { 3 } } }, { mask = mask })
    near(output, { { { 0 }, { 0 }, { 4 } } })
    near(sum, { { 4 } })
    near(count, { { 2 } })
  end)

  it("takes steps of more axes", function()
    local plain = { state_size = 2 }
    function plain.call(_, x, states)
      local h = states[1] + x:sum(3)
      return h, { h }
    end
    local output = layers.RNN(plain)(mg.ones(3, 4, 2, 5), { mask = mg.tensor { { 1, 1, 1, 1 }, { 1, 0, 1, 0 }, { 0, 0, 0, 0 } } })
    near(output, { { 20, 20 }, { 10, 10 }, { 0, 0 } })
  end)

  it("holds the contract of layers, with a cell and with a list of cells", function()
    local function make(given)
      return layers.RNN(layers.LSTMCell(2, { dtype = given.dtype }), { return_sequences = true, dtype = given.dtype })
    end
    contract { make = function(given) return given.no_such_option and layers.RNN(given) or make(given) end, input = normal(2, 3, 4),
      weights = { { "kernel", { 4, 8 } }, { "recurrent_kernel", { 2, 8 } }, { "bias", { 8 } } }, output_shape = { { 2, 3, 2 } } }
    contract { make = function(given)
      local last = layers.GRUCell(3, { dtype = given.dtype, use_bias = false })
      return layers.RNN({ layers.SimpleRNNCell(2, { dtype = given.dtype }), last }, { dtype = given.dtype })
    end, input = normal(2, 3, 4), output_shape = { { 2, 3 } },
      weights = { { "kernel", { 4, 2 } }, { "recurrent_kernel", { 2, 2 } }, { "bias", { 2 } }, { "kernel", { 2, 9 } },
        { "recurrent_kernel", { 3, 9 } } } }
  end)

  it("takes states as an option, behind the input, flat and in lists", function()
    local cells = { layers.LSTMCell(2, options), layers.GRUCell(3, options) }
    local layer = layers.RNN(cells, { return_state = true, dtype = "float64" })
    local x, h, c, s = normal(2, 3, 4), normal(2, 2), normal(2, 2), normal(2, 3)
    local expected = { layer(x, { initial_state = { h, c, s } }) }
    assert.are.equal(4, #expected)
    for _, found in ipairs { { layer(x, { initial_state = { { h, c }, s } }) }, { layer { x, h, c, s } },
      { layer({ x, h, c, s }, { mask = { mg.ones({ 2, 3 }, { dtype = "uint8" }), false, false, false } }) } } do
      for i = 1, 4 do near(found[i], expected[i]:to_table(), 1e-14) end
    end
    near(layer({ x, h, c, s }, { mask = { false, false, false, false } }), expected[1]:to_table(), 1e-14)
    assert.matches("initial_state has 2 states, expected 3", message_of(layer, { x, h, c }), 1, true)
    assert.matches("initial_state[3] has shape (2, 2), expected (2, 3)", message_of(layer, { x, h, c, h }), 1, true)
    assert.matches("given in the list of inputs and as initial_state",
      message_of(layer, { x, h, c, s }, { initial_state = { h, c, s } }), 1, true)
    local shapes = { layer:compute_output_shape { mg.null, 3, 4 } }
    assert.are.same({ { mg.null, 3 }, { mg.null, 2 }, { mg.null, 2 }, { mg.null, 3 } }, shapes)
  end)

  it("makes first states in the cells' form", function()
    local layer = layers.RNN({ layers.LSTMCell(2), layers.SimpleRNNCell(3) })
    local list = layer:get_initial_state(5)
    assert.are.equal(2, #list)
    assert.are.same({ 5, 2 }, { unpack(list[1][2].shape) })
    assert.are.same({ 5, 3 }, { unpack(list[2][1].shape) })
    local cell = Counter(2)
    function cell.get_initial_state(_, batch) return { mg.ones(batch, 2), mg.ones(batch, 1) * 10 } end
    local output, _, count = layers.RNN(cell, { return_state = true })(mg.ones(1, 1, 1))
    near(output, { { 20, 20 } })
    near(count, { { 11 } })
  end)

  it("offers the time loop alone", function()
    local x, mask = normal(2, 4, 3), mg.tensor { { true, true, false, false }, { false, true, false, true } }
    local layer = layers.GRU(2, { return_sequences = true, zero_output_for_mask = true, dtype = "float64" })
    local state = normal(2, 2)
    local last, outputs, states = layer:inner_loop(x, state, mask)
    near(outputs, layer(x, { initial_state = state, mask = mask }):to_table(), 1e-14)
    near(last, states[1]:to_table(), 1e-14)
    near(last[1], outputs[{ 1, 2 }]:to_table(), 1e-14)
    local other = layers.GRU(2, { dtype = "float64" })
    local final, single = other:inner_loop(x, nil)
    near(single[{ {}, 1 }], final:to_table(), 1e-14)
  end)

  it("draws one set of masks a batch for each stacked cell, and forgets them after it", function()
    local cells = { layers.GRUCell(3, { dropout = 0.5, seed = 1 }), layers.SimpleRNNCell(2, { recurrent_dropout = 0.5, seed = 2 }) }
    local layer = layers.RNN(cells, { return_sequences = true })
    local x = mg.random.normal { 2, 4, 5 }
    local first, second = layer(x, { training = true }), layer(x, { training = true })
    assert.are_not.same(first:to_table(), second:to_table())
    assert.are.equal(2, cells[1].seed_generator.counter)
    assert.are.equal(2, cells[2].seed_generator.counter)
    assert.is_nil(cells[1].dropout_cache.input)
    assert.is_nil(cells[2].dropout_cache.recurrent)
  end)

  it("gives zeros, the first states and zero gradients for no steps, and empty tensors for no rows", function()
    local flags = { return_sequences = true, return_state = true, dtype = "float64" }
    local softmax = layers.LSTM(2, { activation = "softmax", return_sequences = true, return_state = true, dtype = "float64" })
    for _, layer in ipairs { layers.RNN(layers.LSTMCell(2, options), flags), softmax, layers.LSTM(2, flags) } do
      local x, h, c = mg.zeros({ 3, 0, 4 }, options), normal(3, 2), normal(3, 2)
      x:requires_grad_()
      local output, last_h, last_c = layer({ x, h, c })
      assert.are.same({ 3, 0, 2 }, { unpack(output.shape) })
      near(last_h, h:to_table())
      near(last_c, c:to_table())
      local loss = output:sum() + last_h:sum() + last_c:sum()
      for _, gradient in ipairs(mg.gradients(loss, layer.trainable_weights)) do
        assert.are.equal(0, gradient:abs():max():item())
      end
      assert.are.same({ 0, 5, 2 }, { unpack(layer(mg.zeros({ 0, 5, 4 }, options)).shape) })
    end
    near(layers.RNN(Counter(1))(mg.ones(2, 0, 3)), { { 0 }, { 0 } })
  end)

  it("goes through a config with cells of one's own", function()
    local layer = layers.RNN({ Counter(2, { name = "first" }), layers.LSTMCell(3, { name = "second" }) })
    local text = mg.json.encode(layer:get_config())
    assert.matches("unknown layer class \"CounterCellForSpec\" in config.cell.config.cells[1]", message_of(layers.RNN.from_config,
      text), 1, true)
    local again = layers.RNN.from_config(text, { custom_objects = { CounterCellForSpec = Counter } })
    assert.are.equal(text, mg.json.encode(again:get_config()))
    assert.is_true(again.cell.cells[1]:is(Counter))
    assert.matches("config.cell.config.cells[2].config.units", message_of(layers.RNN.from_config,
      (text:gsub('"units": 3', '"units": -3')), { custom_objects = { CounterCellForSpec = Counter } }), 1, true)
  end)

  it("says what is wrong with a cell", function()
    local wordy = { call = function() end, state_size = "two" }
    assert.matches("argument cell has the state_size", message_of(layers.RNN, wordy), 1, true)
    assert.matches("argument cell[2] is", message_of(layers.RNN, { layers.GRUCell(2), layers.Dense(2) }), 1, true)
    local short = { state_size = { 2, 2 } }
    function short.call(_, x, states) return x, { states[1] } end
    assert.matches("as states, expected 2", message_of(layers.RNN(short), mg.ones(1, 2, 2)), 1, true)
  end)

  it("clears stored states of a list of cells by rows", function()
    local layer = layers.RNN({ layers.LSTMCell(2), layers.GRUCell(3) }, { stateful = true })
    layer(mg.random.normal { 2, 3, 4 })
    assert.are.equal(3, #layer.states)
    local kept = layer.states[3]:to_table()
    layer:reset_state { rows = { 1 } }
    near(layer.states[3], { { 0, 0, 0 }, kept[2] })
    assert.matches("this batch has 3 rows and the stored state 2", message_of(layer, mg.ones(3, 3, 4)), 1, true)
    layer:reset_state()
    assert.is_true(pcall(layer, mg.ones(3, 3, 4)))
    layer:reset_state { mg.ones(3, 2), mg.zeros(3, 2), mg.ones(3, 3) }
    near(layer.states[1], { { 1, 1 }, { 1, 1 }, { 1, 1 } })
    assert.matches("states has 1 states, expected 3", message_of(layer.reset_state, layer, mg.ones(3, 2)), 1, true)
  end)
end)

describe("Carried states", function()
  it("go from piece to piece without history, and start at zeros in each batch", function()
    local model = mg.Sequential { layers.GRU(3, { return_sequences = true, dtype = "float64" }),
      layers.RNN({ layers.LSTMCell(2, options) }, options) }
    local x = normal(2, 6, 4)
    local whole = model(x):to_table()
    local list = carry.layers(model)
    assert.are.equal(2, #list)
    for _ = 1, 2 do
      carry.start(list)
      local last
      for t = 1, 5, 2 do last = model(x[{ {}, { t, t + 1 } }]) end
      near(last, whole, 1e-12)
      carry.stop(list)
    end
    assert.is_nil(rawget(list[1], "states"))
    near(model(x), whole, 1e-12)
  end)

  it("are not those of a layer inside TimeDistributed", function()
    assert.are.same({}, carry.layers(mg.Sequential { layers.TimeDistributed(layers.GRU(2)) }))
  end)

  it("leave stateful layers their states, and refuse what reads time backwards", function()
    local layer = layers.GRU(2, { stateful = true })
    layer(mg.ones(1, 2, 3))
    local before = layer.states[1]:to_table()
    carry.start { layer }
    near(layer.states[1], before)
    carry.stop { layer }
    near(layer.states[1], before)
    local bidirectional = layers.Bidirectional(layers.GRU(2))
    assert.matches("reads time from the end", message_of(carry.start, carry.layers(bidirectional)), 1, true)
  end)
end)
