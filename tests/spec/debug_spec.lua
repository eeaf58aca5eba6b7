-- mg.debug.first_nan: the layer, step and row that it names are those that were made to fail.
local mg = require "moongate"

local layers = mg.layers

before_each(function() mg.set_random_seed(8) end)

local function same(expected, found)
  assert.is_table(found)
  for key, value in pairs(expected) do assert.are.equal(value, found[key], key) end
end

-- exp(h) grows beyond float32 where its input is large: in row 2 from step 3 on.
local function growing(options)
  options = options or {}
  options.activation, options.kernel_initializer, options.recurrent_initializer = "exponential", "ones", "zeros"
  options.recurrent_activation = "linear"
  local x = mg.zeros(4, 5, 2)
  x[{ 2, 3 }] = 100
  return layers.GRU(3, options), x
end

describe("debug.first_nan", function()
  it("gives nil when all is finite", function()
    local model = mg.Sequential { layers.GRU(3), layers.Dense(1) }
    model:compile { optimizer = "sgd", loss = "mse" }
    local x, y = mg.random.normal { 4, 5, 2 }, mg.zeros(4, 1)
    assert.is_nil(mg.debug.first_nan(function() model:fit(x, y, { epochs = 1, verbose = 0 }) end))
    assert.is_nil(mg.debug.first_nan(function() return 1 end))
  end)

  it("names layer, step and row of an output, whatever the layer returns", function()
    for _, options in ipairs { {}, { return_sequences = true }, { go_backwards = true }, { time_major = true },
      { activation = true } } do
      local layer, x = growing { return_sequences = options.return_sequences, go_backwards = options.go_backwards,
        time_major = options.time_major }
      -- A Lua function runs step by step.
      if options.activation then layer.cell.activation = function(v) return mg.ops.exp(v) end end
      if options.time_major then x = x:transpose(1, 2) end
      local found = mg.debug.first_nan(layer, x)
      same({ kind = "output", layer = layer, step = 3, row = 2, call = 1 }, found)
      assert.matches('GRU "' .. layer.name .. '", call 1: output is', tostring(found), 1, true)
      assert.matches("step 3, row 2", tostring(found), 1, true)
    end
  end)

  it("names layers inside wrappers, with the row and step of the wrapper", function()
    local _, x = growing()
    local dense = layers.Dense(2, { activation = "exponential", kernel_initializer = "ones" })
    same({ kind = "output", layer = dense, step = 3, row = 2 }, mg.debug.first_nan(layers.TimeDistributed(dense), x))
    local both = layers.Bidirectional((growing { return_sequences = true }))
    same({ kind = "output", layer = both.forward_layer, step = 3, row = 2 }, mg.debug.first_nan(both, x))
    local cell = layers.GRUCell(3, { activation = "exponential", recurrent_activation = "linear", kernel_initializer = "ones",
      recurrent_initializer = "zeros" })
    local stacked = layers.RNN { cell, layers.GRUCell(2) }
    same({ kind = "output", layer = stacked, step = 3, row = 2 }, mg.debug.first_nan(stacked, x))
  end)

  it("names cells that are called by themselves", function()
    local x = mg.zeros(4, 2)
    x[2] = 100
    for _, name in ipairs { "GRUCell", "LSTMCell", "SimpleRNNCell" } do
      local cell = layers[name](3, { activation = "exponential", kernel_initializer = "ones" })
      same({ kind = "output", layer = cell, row = 2, call = 1 }, mg.debug.first_nan(cell, x))
    end
  end)

  it("finds the weights that an update made infinite, and in which call", function()
    local dense = layers.Dense(1, { kernel_initializer = "ones" })
    local model = mg.Sequential { dense }
    model:compile { optimizer = mg.optimizers.SGD(1e30), loss = "mse" }
    local found = mg.debug.first_nan(function()
      model:fit(mg.full({ 4, 2 }, 1e10), mg.zeros(4, 1), { epochs = 3, verbose = 0 })
    end)
    same({ kind = "weight", name = "kernel", layer = dense, call = 2 }, found)
  end)

  it("names the inner layer of a model, and the call", function()
    local layer, x = growing { return_sequences = true }
    local model = mg.Sequential { layer, layers.Dense(1) }
    local found = mg.debug.first_nan(function()
      model(mg.zeros(4, 5, 2))
      model(x)
    end)
    same({ kind = "output", layer = layer, step = 3, row = 2, call = 2 }, found)
  end)

  it("blames an input that holds it, unless a mask hides the step", function()
    local layer, x = layers.GRU(3), mg.random.normal { 4, 5, 2 }
    x[{ 3, 4 }] = 0 / 0
    same({ kind = "input", layer = layer, step = 4, row = 3, value = "nan" }, mg.debug.first_nan(layer, x))
    local mask = mg.ones({ 4, 5 }, { dtype = "uint8" })
    mask[{ 3, 4 }] = 0
    assert.is_nil(mg.debug.first_nan(layer, x, { mask = mask }))
  end)

  it("blames a weight", function()
    local layer = layers.GRU(2)
    layer:build { 1, 3, 2 }
    layer.cell.recurrent_kernel:assign(mg.full({ 2, 6 }, 1 / 0))
    same({ kind = "weight", name = "recurrent_kernel", layer = layer }, mg.debug.first_nan(layer, mg.ones(1, 3, 2)))
  end)

  it("finds a gradient that arrives from the loss, by row", function()
    local dense = layers.Dense(1)
    local x, y = mg.random.normal { 4, 2 }, mg.zeros(4, 1)
    y[3] = 0 / 0
    local found = mg.debug.first_nan(function()
      local loss = ((dense(x) - y) ^ 2):mean()
      mg.gradients(loss, dense.trainable_weights)
    end)
    same({ kind = "gradient of output", layer = dense, row = 3 }, found)
  end)

  it("finds a gradient inside a recurrent layer, by step and row", function()
    -- d sqrt(v) at v = 0 is infinite: row 2 is zero at step 4 alone, without bias and with an unused state.
    local layer = layers.GRU(1, { use_bias = false, recurrent_initializer = "zeros", kernel_initializer = "ones",
      return_sequences = true })
    layer:build { 3, 5, 1 }
    layer.cell.activation = function(v) return mg.ops.sqrt(v) end
    local x = mg.ones(3, 5, 1)
    x[{ 2, 4 }] = 0
    local found = mg.debug.first_nan(function() mg.gradients(layer(x):sum(), layer.trainable_weights) end)
    same({ kind = "gradient of input", layer = layer, step = 4, row = 2, value = "inf" }, found)
  end)

  it("finds a fused layer's gradient by the step it begins at", function()
    -- The gradient that arrives overflows at step 2 of row 3 only.
    local layer = layers.GRU(2, { return_sequences = true, kernel_initializer = mg.initializers.Constant(1e20) })
    layer:build { 3, 4, 2 }
    layer.cell.kernel:assign(mg.full({ 2, 6 }, 1e20))
    local x = mg.zeros(3, 4, 2)
    local w = mg.zeros(3, 4, 2)
    w[{ 3, 2 }] = 1e20
    local found = mg.debug.first_nan(function() mg.gradients((layer(x) * w):sum(), layer.trainable_weights) end)
    same({ kind = "gradient of input", layer = layer, step = 2, row = 3 }, found)
  end)

  it("finds what no layer made, and is off again afterwards, after errors too", function()
    same({ kind = "result", row = 1 }, mg.debug.first_nan(function() return mg.tensor { -1 }:log() end))
    local ok, message = pcall(mg.debug.first_nan, function() error("stop", 0) end)
    assert.are.same({ false, "stop" }, { ok, message })
    for _, listening in pairs(require "moongate.watch") do assert.is_false(listening) end
    assert.is_false(pcall(mg.debug.first_nan, function() mg.debug.first_nan(print) end))
    for _, listening in pairs(require "moongate.watch") do assert.is_false(listening) end
  end)
end)
