-- Lambda: calls, symbolic shapes, configs of functions that are registered by name.
local mg = require "moongate"
local Lambda = mg.layers.Lambda

local function scaled(x, options) return x * options.by end

local function failure(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return message
end

describe("Lambda", function()
  it("calls its function with the arguments, the mask and the training flag", function()
    local seen
    local layer = Lambda(function(x, options)
      seen = options
      return x + 1
    end, { arguments = { by = 3 } })
    assert.are.same({ { 2, 3 } }, layer(mg.tensor { { 1, 2 } }, { training = true }):to_table())
    assert.are.equal(3, seen.by)
    assert.is_true(seen.training)
    assert.are.same({ 4 }, Lambda(function(list) return list[1] - list[2] end)({ mg.tensor { 5 }, mg.tensor { 1 } }):to_table())
  end)

  it("passes gradients through", function()
    local x = mg.tensor({ 1, 2 }, { dtype = "float64" }):requires_grad_()
    local layer = Lambda(function(v) return v * v end, { dtype = "float64" })
    assert.are.same({ 2, 4 }, mg.gradients(layer(x):sum(), { x })[1]:to_table())
  end)

  it("makes a mask only by its option", function()
    local x = mg.ones(1, 2, 3)
    x.keras_mask = mg.tensor({ { 1, 0 } }, "uint8")
    local layer = Lambda(function(v) return v * 2 end, { mask = function(_, mask) return mask end })
    assert.are.same({ { 1, 0 } }, layer(x).keras_mask:to_table())
  end)

  it("finds its output's shape by trying, or is told", function()
    local x = mg.Input { shape = { mg.null, 4 } }
    assert.are.equal("(None, 4)", mg.layers.Layer.shape_text(Lambda(function(v) return v:sum(2) end)(x).shape))
    assert.are.equal("(None, None, 4)", mg.layers.Layer.shape_text(Lambda(function(v) return v * 2 end)(x).shape))
    assert.are.equal("(None, 7)", mg.layers.Layer.shape_text(Lambda(error, { output_shape = { 7 } })(x).shape))
    assert.matches("likely fix: the option output_shape", failure(Lambda(function() error "no" end), x))
  end)

  it("has a config when the function is registered", function()
    assert.matches("without a name", failure(function() return Lambda(scaled):get_config() end))
    mg.utils.register_keras_serializable("lambda_spec", "scaled")(scaled)
    local layer = Lambda(scaled, { name = "twice", arguments = { by = 2 } })
    local text = mg.json.encode(layer:get_config())
    assert.are.equal('{"name": "twice", "trainable": true, "dtype": {"module": "keras", "class_name": "DTypePolicy", "config": '
      .. '{"name": "float32"}, "registered_name": null}, "function": {"module": "builtins", "class_name": "function", "config": '
      .. '"lambda_spec>scaled", "registered_name": "function"}, "arguments": {"by": 2}}', text)
    assert.are.equal(text, mg.json.encode(Lambda.from_config(text):get_config()))
    assert.are.same({ 6 }, Lambda.from_config(layer:get_config("tf2"))(mg.tensor { 3 }):to_table())
    assert.are.same({ 6 }, mg.layers.deserialize(layer:serialize())(mg.tensor { 3 }):to_table())
  end)

  it("takes custom objects, and refuses what it cannot know", function()
    local config = { class_name = "Lambda", config = { ["function"] = "other" } }
    local layer = mg.layers.deserialize(config, { custom_objects = { other = function(x) return x - 1 end } })
    assert.are.same({ 2 }, layer(mg.tensor { 3 }):to_table())
    assert.matches('config.config.function: no function of the name "other"', failure(mg.layers.deserialize, config))
    config.config["function"] = { class_name = "__lambda__", config = { code = "4wEAAAA" } }
    assert.matches("a Lambda of Keras, whose function is Python code", failure(mg.layers.deserialize, config))
    assert.matches("argument function is 3, expected a function", failure(Lambda, 3))
  end)
end)
