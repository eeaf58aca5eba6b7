-- Activations: names, options, identifiers; the numbers are in tests/keras.
local mg = require "moongate"
local near = require "near"
local activations = mg.activations

describe("activations", function()
  it("are called with a tensor and Keras's options", function()
    local x = mg.tensor { -2, -0.5, 0, 1, 7 }
    near(activations.relu(x), { 0, 0, 0, 1, 7 })
    near(activations.relu(x, { negative_slope = 0.1, max_value = 6, threshold = 0.5 }), { -0.25, -0.1, -0.05, 1, 6 })
    near(activations.relu6(x), { 0, 0, 0, 1, 6 })
    near(activations.leaky_relu(x), { -0.4, -0.1, 0, 1, 7 })
    near(activations.linear(x), { -2, -0.5, 0, 1, 7 })
    near(activations.hard_sigmoid(x), { 1 / 6, 0.5 - 1 / 12, 0.5, 2 / 3, 1 })
    near(activations.softsign(x), { -2 / 3, -1 / 3, 0, 0.5, 7 / 8 })
    near(activations.threshold(x, { threshold = 0.5, default_value = -1 }), { -1, -1, -1, 1, 7 })
    near(activations.elu(x, { alpha = 2 }), { 2 * (math.exp(-2) - 1), 2 * (math.exp(-0.5) - 1), 0, 1, 7 })
  end)

  it("along an axis count it from 0 as Keras does", function()
    local x = mg.tensor { { 0, math.log(3) }, { 0, 0 } }
    near(activations.softmax(x), { { 0.25, 0.75 }, { 0.5, 0.5 } })
    near(activations.softmax(x, { axis = 0 }), { { 0.5, 0.75 }, { 0.5, 0.25 } })
    near(activations.log_softmax(x), { { math.log(0.25), math.log(0.75) }, { math.log(0.5), math.log(0.5) } })
    near(activations.glu(mg.tensor { { 2, 4, 0, 0 } }), { { 1, 2 } })
    near(activations.glu(mg.tensor { { 2 }, { 0 } }, { axis = 0 }), { { 1 } })
    near(activations.sparsemax(mg.tensor { { 5, 1 } }), { { 1, 0 } })
    near(activations.sparsemax(mg.tensor { { 5 }, { 1 } }, { axis = 0 }), { { 1 }, { 0 } })
    assert.is_false(pcall(activations.glu, mg.ones(2, 3)))
  end)

  it("have exact gradients", function()
    local x = mg.tensor({ { 0.5, -0.7, 1.1, 0.2 } }, "float64")
    for _, name in ipairs { "softmax", "log_softmax", "glu", "sparsemax", "gelu", "mish", "celu" } do
      assert(mg.gradcheck(function(v) return activations[name](v) end, x))
    end
  end)

  it("are found by name, alias, null, config and function", function()
    assert.are.equal(activations.silu, activations.get "swish")
    assert.are.equal(activations.hard_silu, activations.get "hard_swish")
    assert.are.equal(activations.linear, activations.get(nil))
    assert.are.equal(activations.linear, activations.get(mg.null))
    assert.are.equal("silu", activations.serialize(activations.get "swish"))
    local own = function(x) return x * 2 end
    assert.are.equal(own, activations.get(own))
  end)

  it("with options of their own go through a config", function()
    local leaky = activations.relu:with { negative_slope = 0.5 }
    near(leaky(mg.tensor { -2, 2 }), { -1, 2 })
    local config = activations.serialize(leaky)
    assert.are.equal('{"module": "keras.activations", "class_name": "relu", "config": {"negative_slope": 0.5}, '
      .. '"registered_name": null}', tostring(config))
    near(activations.deserialize(mg.json.decode(tostring(config)))(mg.tensor { -2, 2 }), { -1, 2 })
    near(mg.layers.Activation(leaky)(mg.tensor { -2, 2 }), { -1, 2 })
    local ok, message = pcall(activations.relu, mg.ones(1), { negative_slop = 1 })
    assert.is_false(ok)
    assert.matches('did you mean "negative_slope"', message, 1, true)
    assert.is_false(pcall(activations.relu.with, activations.relu, { threshold = "x" }))
  end)
end)
