-- Convolution, pooling, normalization and shape layers: what differs between training and inference, and what they say of wrong
-- shapes and options.
local mg = require "moongate"
local layers = mg.layers

local function failure(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return message
end

describe("Conv1D", function()
  it("with causal padding sees no later step", function()
    local layer = layers.Conv1D(1, 2, { padding = "causal", kernel_initializer = "ones" })
    assert.are.same({ { { 1 }, { 3 }, { 5 } } }, layer(mg.tensor { { { 1 }, { 2 }, { 3 } } }):to_table())
  end)

  it("says which option or shape is wrong", function()
    local Conv1D = layers.Conv1D
    assert.matches("argument filters is 3, which groups = 2 does not divide", failure(Conv1D, 3, 1, { groups = 2 }))
    assert.matches("strides = 2 and dilation_rate = 2 are both above 1", failure(Conv1D, 3, 2, { strides = 2, dilation_rate = 2 }))
    assert.matches("argument kernel_size is 0, expected a whole number", failure(Conv1D, 3, 0))
    assert.matches("argument kernel_size has 2 numbers, expected 1", failure(Conv1D, 3, { 1, 2 }))
    assert.matches("argument padding is .*null, expected a value", failure(Conv1D, 3, 1, { padding = mg.null }))
    local layer = Conv1D(2, 5)
    assert.matches('has 3 steps, and a window of kernel_size = 5 needs 5; likely fix: padding = "same"',
      failure(layer, mg.ones { 1, 3, 2 }))
    layer(mg.ones { 1, 6, 2 })
    assert.matches("has 3 features on axis 2, expected 2: the layer was built for %(1, 6, 2%)", failure(layer, mg.ones { 1, 6, 3 }))
    assert.matches("has 2 dimensions, expected 3: batch, steps, features", failure(layer, mg.ones { 6, 2 }))
    assert.matches("has 3 features, which groups = 2 does not divide", failure(Conv1D(2, 1, { groups = 2 }), mg.ones { 1, 6, 3 }))
    assert.matches("axis 2 has to be known", failure(layer.build, Conv1D(2, 1), { mg.null, 5, mg.null }))
  end)

  it("knows its output's shape where the number of steps is open", function()
    assert.are.same({ mg.null, mg.null, 2 }, layers.Conv1D(2, 3):compute_output_shape { mg.null, mg.null, 4 })
    assert.are.same({ 4, 2, 5 }, layers.Conv1D(2, 3, { data_format = "channels_first" }):compute_output_shape { 4, 3, 7 })
  end)
end)

describe("BatchNormalization", function()
  local x = mg.tensor { { 0 }, { 2 }, { 4 } }

  it("moves its statistics in training only, and not when frozen", function()
    local layer = layers.BatchNormalization { momentum = 0.5, epsilon = 0 }
    layer(x)
    assert.are.same({ 0 }, layer.moving_mean:to_table())
    local y = layer(x, { training = true })
    assert.are.same({ 1 }, layer.moving_mean:to_table())
    assert.is_true(math.abs(layer.moving_variance:item() - (0.5 + 4 / 3)) < 1e-6)
    assert.is_true(math.abs(y:to_table()[1][1] + 2 / math.sqrt(8 / 3)) < 1e-6)
    layer.trainable = false
    local frozen = layer(x, { training = true })
    assert.are.same(layer(x):to_table(), frozen:to_table())
    assert.are.same({ 1 }, layer.moving_mean:to_table())
  end)

  it("counts valid steps only under a mask", function()
    local layer = layers.BatchNormalization { momentum = 0 }
    local steps = mg.tensor { { { 1 }, { 100 }, { 3 } } }
    layer(steps, { training = true, mask = mg.tensor({ { 1, 0, 1 } }, "uint8") })
    assert.is_true(math.abs(layer.moving_mean:item() - 2) < 1e-5)
    assert.is_true(math.abs(layer.moving_variance:item() - 1) < 1e-5)
  end)

  it("keeps its statistics beyond a training step, out of the gradients", function()
    local model = mg.Sequential { layers.Dense(2), layers.BatchNormalization { momentum = 0.5 }, layers.Dense(1) }
    model:compile { optimizer = "sgd", loss = "mse" }
    model:fit(mg.ones { 8, 3 }, mg.ones { 8, 1 }, { epochs = 2, verbose = 0 })
    assert.are.equal(2, #model.layers[2].non_trainable_weights)
    assert.are.equal(6, #model.trainable_weights)
    assert.are.equal(2, model.layers[2].moving_mean.count)
    assert.are_not.same({ 1, 1 }, model.layers[2].moving_variance:to_table())
  end)

  it("says what it does not offer", function()
    assert.matches("argument renorm is true, and only false is offered", failure(layers.BatchNormalization, { renorm = true }))
    assert.matches("argument synchronized is true", failure(layers.BatchNormalization, { synchronized = true }))
    assert.matches("argument axis has 2 axes, expected one", failure(layers.BatchNormalization, { axis = { 1, 2 } }))
    local layer = layers.BatchNormalization()
    layer(x)
    assert.matches("has 2 features on axis 1, expected 1", failure(layer, mg.ones { 3, 2 }))
    assert.matches("axis 3 does not exist in the input %(3, 1%), expected %-2..1", failure(layers.LayerNormalization(3), x))
    assert.matches("axis 1 is given twice for the input %(3, 1%); likely fix: each axis once",
      failure(layers.LayerNormalization { axis = { 1, -1 } }, x))
  end)
end)

describe("shape layers", function()
  it("keep integers", function()
    local ids = mg.tensor({ { { 1, 2 }, { 3, 4 } } }, "int32")
    local all = { Permute = { dims = { 2, 1 } }, ZeroPadding1D = {}, UpSampling1D = {}, Cropping1D = { cropping = { 0, 1 } } }
    for name, options in pairs(all) do
      assert.are.equal("int32", layers[name](options)(ids).dtype)
    end
    assert.are.equal("int32", layers.Concatenate()({ ids, ids }).dtype)
  end)

  it("say what is wrong", function()
    assert.matches("argument dims is %(1, 3%), expected each of 1..2 once", failure(layers.Permute, { 1, 3 }))
    assert.matches("takes 1 and 1 steps off the input %(1, 2, 3%), which leaves none",
      failure(layers.Cropping1D(), mg.ones { 1, 2, 3 }))
    assert.matches("argument n is 0", failure(layers.RepeatVector, 0))
    assert.matches("argument padding%[2%] is %-1", failure(layers.ZeroPadding1D, { 1, -1 }))
    assert.matches("shared_axes holds 3, expected 1..2", failure(layers.PReLU { shared_axes = { 3 } }, mg.ones { 1, 2, 3 }))
    assert.matches("argument negative_slope is %-1", failure(layers.LeakyReLU, -1))
    assert.matches("mask %(4,%) for the input %(2, 3%)", failure(layers.Softmax(), mg.ones { 2, 3 }, { mask = mg.ones { 4 } }))
    assert.matches("activity_regularizer is not taken", failure(layers.ActivityRegularization, { activity_regularizer = "l2" }))
  end)

  it("ActivityRegularization adds its losses, over the batch size", function()
    local layer = layers.ActivityRegularization { l1 = 0.5, l2 = 0.25 }
    layer(mg.tensor { { 1, -3 }, { 0, 2 } })
    assert.are.equal(1, #layer.losses)
    assert.are.equal((0.5 * 6 + 0.25 * 14) / 2, layer.losses[1]:item())
  end)
end)
