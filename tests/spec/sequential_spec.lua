local mg = require "moongate"

local function dense_model()
  mg.set_random_seed(3)
  return mg.Sequential { mg.layers.Dense(4, { activation = "tanh" }), mg.layers.Dense(1) }
end

describe("Sequential", function()
  it("is built layer by layer, or at once from an Input", function()
    local model = mg.Sequential { mg.Input { shape = { 3 } } }
    model:add(mg.layers.Dense(2))
    assert.is_true(model.layers[1].built)
    assert.equal(8, model:count_params())
    assert.equal(2, model(mg.zeros(5, 3)).shape[2])
    model:add(mg.layers.Dense(1, { name = "last" }))
    assert.equal("last", model:get_layer(-1).name)
    assert.equal("last", model:pop().name)
    assert.equal(1, #model.layers)
  end)

  it("names layers that are not there, and the nearest", function()
    local model = mg.Sequential { mg.layers.Dense(2, { name = "head" }) }
    local ok, message = pcall(model.get_layer, model, "haed")
    assert.is_false(ok)
    assert.matches('did you mean "head"', message)
    assert.has_error(function() model:add(mg.layers.Dense) end)
    assert.has_error(function() model:add(mg.layers.Dense(2, { name = "head" })) end)
  end)

  it("passes masks from layer to layer", function()
    local model = mg.Sequential {
      mg.layers.Embedding(5, 3, { mask_zero = true }), mg.layers.GRU(2, { return_sequences = true }), mg.layers.Dense(2),
    }
    local y = model(mg.tensor({ { 1, 2, 0 } }, { dtype = "int32" }))
    assert.same({ { 1, 1, 0 } }, y.keras_mask:to_table())
  end)

  it("freezes and thaws all layers", function()
    local model = dense_model()
    model:build { mg.null, 3 }
    model.trainable = false
    assert.equal(0, #model.trainable_weights)
    model.trainable = true
    assert.equal(4, #model.trainable_weights)
  end)

  it("comes back from its JSON, with fresh weights", function()
    local model = dense_model()
    model:build { mg.null, 3 }
    model:compile { optimizer = "adam", loss = "mse", metrics = { "mae" } }
    local text = model:to_json()
    local again = mg.Sequential.from_config(text)
    assert.equal(tostring(model:get_config()), tostring(again:get_config()))
    assert.equal(model:count_params(), again:count_params())
    assert.matches('"build_config": {"input_shape": %[null, 3%]}, "compile_config": {"optimizer"', text)
  end)

  it("says what is missing", function()
    local model = dense_model()
    local ok, message = pcall(model.fit, model, mg.zeros(2, 3), mg.zeros(2, 1))
    assert.is_false(ok)
    assert.matches("before compile", message)
    ok, message = pcall(model.compile, model, { loss = "msee" })
    assert.is_false(ok)
    assert.matches('did you mean "MSE"', message)
  end)
end)
