-- Streams: what they give is what the layer gives for the whole sequence, by a float64 twin of it and by Keras's numbers.
local golden = require "stream_golden"
local makers = require "stream_makers"
local message_of = require "message_of"
local mg = require "moongate"
local near = require "near"

local L, null = mg.layers, mg.null

local function sequential(layers)
  return function()
    local list = {}
    for i, make in ipairs(layers) do list[i] = make() end
    return mg.Sequential(list)
  end
end
local function layer(name, ...)
  local arguments = { ... }
  return function() return L[name](unpack(arguments)) end
end
local SEQUENCES = { return_sequences = true }

describe("a stream of one layer", function()
  for _, sizes in ipairs { { 1, 8 }, { 1, 16 }, { 8, 32 }, { 40, 24 }, { 3, 5 }, { 7, 33 }, { 2, 70 } } do
    for _, after in ipairs { true, false } do
      it(("GRU %d -> %d, reset_after %s"):format(sizes[1], sizes[2], tostring(after)), function()
        makers.same_as_sequence(layer("GRU", sizes[2], { return_sequences = true, reset_after = after }), sizes[1])
      end)
    end
  end

  for _, activation in ipairs { "relu", "hard_sigmoid", "elu", "gelu", "softsign", "linear", "leaky_relu" } do
    it("GRU with " .. activation, function()
      for _, after in ipairs { true, false } do
        makers.same_as_sequence(layer("GRU", 6, { return_sequences = true, activation = activation, reset_after = after,
          recurrent_activation = "hard_sigmoid" }), 4, { 1, 3 })
      end
    end)
  end

  it("without a bias, without return_sequences, unrolled, with return_state, stateful, with dropout", function()
    makers.same_as_sequence(layer("GRU", 5, { use_bias = false, unroll = true }), 3)
    makers.same_as_sequence(layer("GRU", 5, { use_bias = false, reset_after = false, return_sequences = true }), 3)
    makers.same_as_sequence(layer("LSTM", 5, { use_bias = false, return_state = true }), 3)
    makers.same_as_sequence(layer("SimpleRNN", 5, { use_bias = false, dropout = 0.5, recurrent_dropout = 0.5 }), 3)
    local owner = L.GRU(4, { stateful = true, return_sequences = true })
    owner(mg.ones(2, 3, 2))
    local before = owner.states[1]:to_table()
    owner:stream { batch = 3 }:step(mg.ones(3, 2))
    assert.same(before, owner.states[1]:to_table())
  end)

  it("LSTM and SimpleRNN", function()
    for _, sizes in ipairs { { 1, 8 }, { 8, 32 }, { 40, 24 }, { 3, 5 } } do
      makers.same_as_sequence(layer("LSTM", sizes[2], SEQUENCES), sizes[1])
      makers.same_as_sequence(layer("SimpleRNN", sizes[2], SEQUENCES), sizes[1])
    end
  end)

  it("RNN of moongate's cells, one or several, and the GRUs of compat", function()
    makers.same_as_sequence(function() return L.RNN(L.GRUCell(5), SEQUENCES) end, 3)
    makers.same_as_sequence(function() return L.RNN({ L.GRUCell(5), L.LSTMCell(4), L.SimpleRNNCell(6) }, SEQUENCES) end, 3)
    makers.same_as_sequence(function() return mg.compat.v1.layers.GRU(5, { return_sequences = true }) end, 3)
    makers.same_as_sequence(function() return mg.compat.v2.layers.GRU(5, { return_sequences = true }) end, 3)
  end)

  -- Masked steps are left out: the stream of a row is not stepped there.
  it("gives Keras's numbers", function()
    local count = 0
    for _, case in ipairs(golden.cases()) do
      count = count + 1
      for row = 1, case.rows do
        local stream = case.layer:stream()
        if case.state then stream:set_states { case.state:slice(1, row, row) } end
        local y
        for t = 1, case.steps do
          if not case.mask or case.mask:slice(1, row, row):slice(2, t, t):item() ~= 0 then
            y = stream:step(case.x:slice(1, row, row):slice(2, t, t))
            if #case.y.shape == 3 then near(y, case.y:slice(1, row, row):slice(2, t, t):squeeze(2):to_table(), 2e-6) end
          end
        end
        if y and #case.y.shape == 2 then near(y, case.y:slice(1, row, row):to_table(), 2e-6) end
        if case.last then near(stream:states()[1], case.last:slice(1, row, row):to_table(), 2e-6) end
      end
    end
    assert(count >= 10, ("%d cases"):format(count))
  end)
end)

describe("a stream of a model", function()
  local BETWEEN = {
    { "Dense", layer("Dense", 5, { activation = "tanh" }) },
    { "Dense without a bias", layer("Dense", 5, { use_bias = false }) },
    { "Dense with softmax", layer("Dense", 5, { activation = "softmax" }) },
    { "TimeDistributed(Dense)", function() return L.TimeDistributed(L.Dense(5, { activation = "relu" })) end },
    { "TimeDistributed(model)", function() return L.TimeDistributed(mg.Sequential { L.Dense(5), L.ReLU() }) end },
    { "a nested model", function() return mg.Sequential { L.Dense(5), L.GRU(3, SEQUENCES), L.Dropout(0.5) } end },
    { "BatchNormalization", layer("BatchNormalization") },
    { "BatchNormalization, bare", layer("BatchNormalization", { center = false, scale = false }) },
    { "LayerNormalization", layer("LayerNormalization", { epsilon = 1e-5 }) },
    { "LayerNormalization, bare", layer("LayerNormalization", { center = false, scale = false, axis = { 2 } }) },
    { "Rescaling", layer("Rescaling", { scale = 0.3, offset = -1 }) },
    { "Rescaling by lists", layer("Rescaling", { scale = { 1, 2, 3, 4 }, offset = { 0.5, 0, -1, 2 } }) },
    { "ReLU", layer("ReLU", { max_value = 0.3, negative_slope = 0.1, threshold = 0.05 }) },
    { "LeakyReLU", layer("LeakyReLU", 0.3) }, { "ELU", layer("ELU", 0.5) }, { "Softmax", layer("Softmax") },
    { "Activation", layer("Activation", "hard_sigmoid") }, { "Activation softmax", layer("Activation", "softmax") },
    { "Activation linear", layer("Activation", "linear") },
    { "Dropout", layer("Dropout", 0.5) }, { "SpatialDropout1D", layer("SpatialDropout1D", 0.5) },
    { "GaussianNoise", layer("GaussianNoise", 0.5) }, { "GaussianDropout", layer("GaussianDropout", 0.5) },
    { "AlphaDropout", layer("AlphaDropout", 0.5) }, { "ActivityRegularization", layer("ActivityRegularization", { l2 = 1 }) },
  }
  for _, row in ipairs(BETWEEN) do
    it("with " .. row[1], function()
      makers.same_as_sequence(sequential { layer("GRU", 4, SEQUENCES), row[2], layer("LSTM", 3), layer("Dense", 2) }, 3)
      makers.same_as_sequence(sequential { row[2] , layer("Dense", 2) }, 4)
    end)
  end

  it("with an Embedding: ids as numbers and tensors of any dtype", function()
    local make = sequential { layer("Embedding", 9, 4), layer("GRU", 5, SEQUENCES), layer("Dense", 9) }
    local owner, twin = makers.twins(make, { null, null })
    for _, batch in ipairs { 1, 3, 17 } do
      local list = {}
      for i = 1, batch * 5 do list[i] = i * 7 % 9 end
      for _, dtype in ipairs { "int32", "uint8", "float32", "float64" } do
        local ids = mg.tensor(list, { dtype = dtype }):reshape(batch, 5)
        local y = twin(ids:int())
        makers.compare(owner:stream { batch = batch }, ids, y, 3e-6)
        near(owner:stream { batch = batch }:run(ids), y:to_table(), 3e-6)
        near(owner:stream { batch = batch }:step(ids:slice(2, 1, 1)), makers.at(y, 1):to_table(), 3e-6)
      end
    end
    local y, stream = twin(mg.tensor({ { 3, 8 } }, { dtype = "int32" })), owner:stream()
    near(stream:step(3), makers.at(y, 1):to_table(), 3e-6)
    near(stream:step(mg.tensor(8, { dtype = "int32" })), makers.at(y, 2):to_table(), 3e-6)
  end)

  it("functional, as a plain chain, and models in models", function()
    makers.same_as_sequence(function()
      local x = mg.Input { shape = { null, 3 } }
      local inner = mg.Sequential { L.Dense(4, { activation = "elu" }), L.BatchNormalization() }
      return mg.Model { inputs = x, outputs = L.Dense(2)(L.GRU(4)(inner(x))) }
    end, 3)
    makers.same_as_sequence(function()
      local x = mg.Input { shape = { null, 3 } }
      local h, last, carry = L.LSTM(4, { return_sequences = true, return_state = true })(x)
      assert(last and carry)
      return mg.Sequential { mg.Model { inputs = x, outputs = h }, L.SimpleRNN(2) }
    end, 3)
  end)

  it("takes (inputs), (batch, inputs), (batch, 1, inputs), views with gaps, other dtypes, a number", function()
    local owner, twin = makers.twins(layer("GRU", 4, SEQUENCES), { null, null, 3 })
    local x = makers.waves(1.3, 1, 1, 1, 3)
    local y = makers.at(twin(x:double()), 1):to_table()
    local stream = owner:stream()
    for _, form in ipairs { x, x:squeeze(2), x:reshape(3), x:double(), x:reshape(3):double() } do
      near(stream:reset():step(form), y, 3e-6)
    end
    local gaps = mg.zeros(3, 2)
    gaps:slice(2, 1, 1):copy_(x:reshape(3, 1))
    local column = gaps:slice(2, 1, 1):squeeze(2)
    assert.is_false(column:is_contiguous())
    near(stream:reset():step(column), y, 3e-6)
    near(stream:reset():step(mg.ones(3, { dtype = "int32" })), makers.at(twin(mg.ones(1, 1, 3):double()), 1):to_table(), 3e-6)
    local one = L.GRU(2)
    one:build { null, null, 1 }
    makers.fill(one)
    near(one:stream():step(0.25), one(mg.full({ 1, 1, 1 }, 0.25)):to_table(), 3e-6)
  end)

  it("may read what it gave", function()
    local owner = makers.twins(layer("GRU", 4), { null, null, 4 })
    local stream, other = owner:stream { batch = 2 }, owner:stream { batch = 2 }
    local y, copy = stream:step(mg.ones(2, 4)), other:step(mg.ones(2, 4)):clone()
    for _ = 1, 4 do
      y = stream:step(y)
      copy = other:step(copy):clone()
    end
    assert.same(copy:to_table(), y:to_table())
    local view = y:reshape(2, 1, 4)
    assert.matches("apart", message_of(function() stream:step(view) end))
  end)
end)

describe("numbers that are not finite", function()
  for _, class in ipairs { "GRU", "LSTM", "SimpleRNN" } do
    it(("leave a stream of %s with other states, and what an infinity gives is the layer's"):format(class), function()
      for _, units in ipairs { 1, 3, 5, 8, 20, 70 } do
        local gated = L[class](units, { return_sequences = true })
        gated:build { null, null, 3 }
        makers.fill(gated)
        local stream, other = gated:stream(), gated:stream()
        other:step(mg.ones(1, 3))
        stream:step(mg.full({ 1, 3 }, 0 / 0))
        stream:set_states(other:states())
        assert.same(other:step(mg.ones(1, 3)):to_table(), stream:step(mg.ones(1, 3)):to_table())
        local one = L[class](units, { return_sequences = true }) -- one feature: no sums of two infinities
        one:build { null, null, 1 }
        makers.fill(one)
        local x = mg.tensor { { { math.huge }, { 1 }, { -math.huge }, { 0.5 } } }
        near(one:stream():run(x), one(x):to_table(), 1e-6)
      end
    end)
  end
end)
