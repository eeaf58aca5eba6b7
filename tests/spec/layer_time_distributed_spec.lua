-- TimeDistributed: folding and stepping give the same, masks, models, states; and dropout masks for cells of one's own.
local contract = require "layer_contract"
local message_of = require "message_of"
local mg = require "moongate"
local near = require "near"
local layers = mg.layers

local function normal(...) return mg.random.normal({ ... }, 0, 1, { dtype = "float64" }) end

before_each(function()
  mg.set_floatx("float32")
  mg.set_random_seed(12)
end)

describe("TimeDistributed", function()
  it("holds the contract of layers", function()
    contract { make = function(given)
      if given.no_such_option then return layers.TimeDistributed(given) end
      return layers.TimeDistributed(layers.Dense(2, { dtype = given.dtype, activation = "tanh" }), { dtype = given.dtype })
    end, input = normal(2, 3, 4), weights = { { "kernel", { 4, 2 } }, { "bias", { 2 } } }, output_shape = { { 2, 3, 2 } } }
    contract { make = function(given)
      if given.no_such_option then return layers.TimeDistributed(given) end
      return layers.TimeDistributed(layers.GRU(2, { dtype = given.dtype, return_sequences = true }), { dtype = given.dtype })
    end, input = normal(2, 2, 3, 2), output_shape = { { 2, 2, 3, 2 } },
      weights = { { "kernel", { 2, 6 } }, { "recurrent_kernel", { 2, 6 } }, { "bias", { 2, 6 } } } }
  end)

  it("applies a layer or a model to every step", function()
    local model = mg.Sequential { layers.Dense(3, { activation = "relu" }), layers.Dense(2) }
    local x = mg.random.normal { 2, 4, 5 }
    local output = layers.TimeDistributed(model)(x)
    for t = 1, 4 do near(output[{ {}, t }], model(x[{ {}, t }]):to_table(), 1e-6) end
    local ids = layers.TimeDistributed(layers.Embedding(5, 3))
    assert.are.same({ 1, 2, 2, 3 }, { unpack(ids(mg.tensor({ { { 0, 4 }, { 1, 2 } } }, { dtype = "int32" })).shape) })
  end)

  it("calls a layer that it does not know once for each step", function()
    local calls, Center = 0, layers.Layer.extend "CenterForSpec"
    function Center.call(_, x)
      calls = calls + 1
      return x - x:mean(1, true)
    end
    local x = normal(3, 2, 4)
    local output = layers.TimeDistributed(Center { dtype = "float64" }, { dtype = "float64" })(x)
    assert.are.equal(2, calls)
    near(output, (x - x:mean(1, true)):to_table(), 1e-12)
  end)

  it("hands a stateful layer's state from step to step", function()
    local layer = layers.TimeDistributed(layers.SimpleRNN(1, { stateful = true, activation = "linear", use_bias = false,
      kernel_initializer = "ones", recurrent_initializer = "ones" }))
    near(layer(mg.tensor { { { { 1 }, { 2 } }, { { 3 }, { 4 } } } }), { { { 3 }, { 10 } } })
  end)

  it("does not apply the layer's activity regularizer; those inside the layer count for each step", function()
    local function losses_of(inner)
      local layer, list = layers.TimeDistributed(inner), {}
      layer(mg.ones { 2, 3, 4 })
      for i, loss in ipairs(layer.losses) do list[i] = loss:item() end
      return list
    end
    local own = layers.Layer.extend "SteppedForSpec" { activity_regularizer = "l2" }
    local function dense() return layers.Dense(2, { activity_regularizer = "l2", kernel_initializer = "ones" }) end
    assert.are.same({}, losses_of(dense()))
    assert.are.same({}, losses_of(own))
    assert.are.same({}, losses_of(layers.ActivityRegularization { l2 = 0.1 }))
    -- 0.01 * (4 outputs of 4^2) / 2 rows, at each of the 3 steps
    near(mg.tensor(losses_of(mg.Sequential { dense() })), { 0.32, 0.32, 0.32 }, 1e-6)
  end)

  it("passes the mask on, and masks of more axes to the layer", function()
    local layer = layers.TimeDistributed(layers.GRU(2, { dtype = "float64" }), { dtype = "float64" })
    local x = normal(2, 2, 3, 2)
    local mask = mg.tensor({ { { 1, 1, 0 }, { 1, 0, 1 } }, { { 0, 1, 1 }, { 0, 0, 0 } } }, { dtype = "uint8" })
    local output = layer(x, { mask = mask })
    for t = 1, 2 do
      local m = mask[{ {}, t }]
      near(output[{ {}, t }], layer.layer(x[{ {}, t }], { mask = m }):to_table(), 1e-13)
    end
    local steps = mg.tensor { { true, false }, { true, true } }
    near(layer(x, { mask = steps }).keras_mask, steps:to_table())
  end)

  it("says what is wrong", function()
    local layer = layers.TimeDistributed(layers.Dense(2))
    assert.matches("has 2 dimensions, expected at least 3", message_of(layer, mg.ones(2, 3)), 1, true)
    assert.matches("mask has shape (2,), expected at least", message_of(layer, mg.ones(2, 3, 4), { mask = mg.ones(2) }), 1, true)
    assert.matches("argument layer is 5, expected a layer", message_of(layers.TimeDistributed, 5), 1, true)
    assert.are.same({ mg.null, mg.null, 2 }, layer:compute_output_shape { mg.null, mg.null, 4 })
  end)
end)

describe("DropoutRNNCell", function()
  local Cell = layers.Layer.extend("DroppingCellForSpec", { { "units" } }, { "units" }, layers.DropoutRNNCell)
  function Cell:setup(options)
    layers.Layer.setup(self, options)
    self.state_size = self.units
  end
  function Cell:call(x, states, options)
    if options.training then x = x * self:get_dropout_mask(x) end
    local h = states[1] + x
    return h, { h }
  end

  it("keeps a mask over the steps of a batch and draws another for the next", function()
    local layer = layers.RNN(Cell(64, { dropout = 0.5, seed = 3 }), { return_sequences = true })
    local function steps()
      local output = layer(mg.ones(1, 3, 64), { training = true })
      near(output[{ 1, 2 }], (output[{ 1, 1 }] * 2):to_table())
      near(output[{ 1, 3 }], (output[{ 1, 1 }] * 3):to_table())
      return output[{ 1, 1 }]:to_table()
    end
    local first = steps()
    for _, value in ipairs(first) do assert.is_true(value == 0 or value == 2) end
    assert.are_not.same(first, steps())
    near(layer(mg.ones(1, 1, 64)), { { (function()
      local ones = {}
      for i = 1, 64 do ones[i] = 1 end
      return ones
    end)() } })
  end)

  it("mixes into classes with other parents, and gives lists of masks", function()
    local Other = layers.Layer.extend("MixedCellForSpec", { { "dropout", default = 0.5 }, { "recurrent_dropout", default = 0.25 } })
    layers.DropoutRNNCell.mixin(Other)
    local cell, x = Other(), mg.ones(2, 3)
    assert.is_true(mg.is_tensor(cell:get_dropout_mask(x)))
    cell.dropout_mask_count = 3
    assert.are.equal(3, #cell:get_recurrent_dropout_mask(x))
    local kept = cell:get_dropout_mask(x)[1]
    assert.is_true(kept == cell:get_dropout_mask(x)[1])
    cell:reset_dropout_mask()
    assert.is_false(rawequal(kept, cell:get_dropout_mask(x)[1]))
  end)
end)
