local mg = require "moongate"
local terminal = require "moongate.terminal"

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

  it("shows where each mask goes, and leaves stored states as they are", function()
    local L = mg.layers
    local model = mg.Sequential { L.Embedding(5, 3, { mask_zero = true, name = "words" }),
      L.GRU(2, { return_sequences = true, stateful = true, name = "first" }), L.Dropout(0.5, { name = "drop" }),
      L.GRU(2, { name = "last" }) }
    local ids = { { 1, 2, 0 }, { 3, 0, 0 } }
    model(ids)
    local state = model.layers[2].states[1]
    local masks = model:masks(ids)
    assert.equal(state, model.layers[2].states[1])
    for i = 1, 3 do assert.same({ { 1, 1, 0 }, { 1, 0, 0 } }, masks[i].mask:to_table()) end
    assert.is_nil(masks[4].mask)
    local columns = terminal.columns
    terminal.columns = function() return nil end -- whatever terminal the specs run in
    local text = tostring(masks)
    terminal.columns = columns
    assert.equal([[
layer               mask in               what becomes of it   mask out
words (Embedding)   -                     made                 (2, 3): 3 of 6 used
first (GRU)         (2, 3): 3 of 6 used   used, passed on      (2, 3): 3 of 6 used
drop (Dropout)      (2, 3): 3 of 6 used   passed on            (2, 3): 3 of 6 used
last (GRU)          (2, 3): 3 of 6 used   used, ends           -]], text)
    assert.has_error(function() model:masks(nil) end)
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

  it("comes back from a config without layers", function()
    local again = mg.Sequential.from_config(mg.Sequential(nil, { name = "bare" }):get_config())
    assert.same({ "bare", 0 }, { again.name, #again.layers })
  end)

  it("is a layer of another model", function()
    local inner = dense_model()
    local model = mg.Sequential { inner, mg.layers.Dense(2) }
    model:build { mg.null, 3 }
    assert.equal(6, #model.trainable_weights)
    local groups = {}
    for i, child in ipairs(model:children()) do groups[i] = child[1] end
    assert.same({ "layers/sequential", "layers/dense" }, groups)
    local again = mg.Sequential.from_config(model:to_json())
    assert.equal(tostring(model:get_config()), tostring(again:get_config()))
    again:set_weights(model:get_weights())
    local x = mg.random.uniform { 2, 3 }
    assert.same(model(x):to_table(), again(x):to_table())
  end)

  it("trains on with a part of its layers frozen", function()
    local model = dense_model()
    model:compile { optimizer = "sgd", loss = "mse" }
    local x, y = mg.random.uniform { 8, 3 }, mg.ones(8, 1)
    model:train_on_batch(x, y)
    model.layers[1].trainable = false
    local before = model:get_weights()
    model:train_on_batch(x, y)
    local after = model:get_weights()
    assert.same(before[1]:to_table(), after[1]:to_table())
    assert.not_same(before[3]:to_table(), after[3]:to_table())
  end)

  it("tells the shapes of its input and output, as model.input_shape of Keras does", function()
    local model = mg.Sequential { mg.Input { 5, 3 }, mg.layers.GRU(4, { return_sequences = true }), mg.layers.Dense(2) }
    assert.same({ mg.null, 5, 3 }, model.input_shape)
    assert.same({ mg.null, 5, 2 }, model.output_shape)
    assert.matches("output_shape: the model is not built", select(2, pcall(function() return mg.Sequential().output_shape end)))
  end)

  -- tf_keras 2.21: Sequential([GRU(3, batch_input_shape=(None, 5, 2))]).built
  it("takes the shape of its input from a first layer that says it", function()
    local model = mg.Sequential { mg.layers.GRU(3, { name = "g", batch_input_shape = { mg.null, 5, 2 } }), mg.layers.Dense(1) }
    assert.is_true(model.built)
    assert.same({ "g_input" }, model.input_names)
    assert.same({ mg.null, 5, 2 }, model.input_shape)
  end)

  it("says what is missing", function()
    local model = dense_model()
    local ok, message = pcall(model.fit, model, mg.zeros(2, 3), mg.zeros(2, 1))
    assert.is_false(ok)
    assert.matches("before compile", message)
    ok, message = pcall(model.compile, model, { loss = "msee" })
    assert.is_false(ok)
    assert.matches('did you mean "mse"', message)
    ok, message = pcall(model.compile, model, { loss = "categorical_crosentropy" })
    assert.is_false(ok)
    assert.matches('did you mean "categorical_crossentropy"', message)
  end)
end)
