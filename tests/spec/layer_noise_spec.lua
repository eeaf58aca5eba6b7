-- Layers that draw random numbers: how much, where, seeds, threads; and what training = false means.
local mg = require "moongate"
local layers = mg.layers

local function moments(x)
  local mean = x:mean():item()
  return mean, ((x - mean) ^ 2):mean():item()
end

local MAKERS = {
  Dropout = { rate = 0.4 }, SpatialDropout1D = { rate = 0.4 }, AlphaDropout = { rate = 0.4 }, GaussianDropout = { rate = 0.4 },
  GaussianNoise = { stddev = 0.4 },
}

local function make(name, seed)
  local options = { seed = seed }
  for key, value in pairs(MAKERS[name]) do options[key] = value end
  return layers[name](options)
end

describe("a layer of noise", function()
  it("does nothing outside training, or at rate 0", function()
    local x = mg.ones(2, 3, 4)
    for name, options in pairs(MAKERS) do
      assert.are.same(x:to_table(), make(name)(x):to_table())
      for key in pairs(options) do assert.are.same(x:to_table(), layers[name] { [key] = 0 }(x, { training = true }):to_table()) end
    end
  end)

  it("draws the same numbers from the same seed, other ones in each call, on any number of threads", function()
    local x, threads = mg.ones(40, 30, 20), mg.get_threads()
    for name in pairs(MAKERS) do
      local first, second, other = make(name, 7), make(name, 7), make(name, 8)
      mg.set_threads(1)
      local a = first(x, { training = true }):to_table()
      mg.set_threads(2)
      assert.are.same(a, second(x, { training = true }):to_table())
      assert.are_not.same(a, second(x, { training = true }):to_table())
      assert.are_not.same(a, other(x, { training = true }):to_table())
    end
    mg.set_threads(threads)
  end)

  it("keeps mean and variance as its definition says", function()
    mg.set_random_seed(5)
    local x = mg.random.normal({ 100000 }, 0, 1, { seed = 3 })
    local mean, variance = moments(layers.GaussianNoise(0.5, { seed = 1 })(x, { training = true }) - x)
    assert.is_true(math.abs(mean) < 0.01 and math.abs(variance - 0.25) < 0.01)
    mean, variance = moments(layers.GaussianDropout(0.2, { seed = 1 })(mg.ones(100000), { training = true }))
    assert.is_true(math.abs(mean - 1) < 0.01 and math.abs(variance - 0.25) < 0.01)
    mean, variance = moments(layers.AlphaDropout(0.3, { seed = 1 })(x, { training = true }))
    assert.is_true(math.abs(mean) < 0.02 and math.abs(variance - 1) < 0.02)
  end)

  it("SpatialDropout1D drops a feature in all steps or in none", function()
    local y = layers.SpatialDropout1D(0.5, { seed = 4 })(mg.ones(20, 5, 10), { training = true })
    local first, kinds = y:select(2, 1), {}
    for t = 2, 5 do assert.are.same(first:to_table(), y:select(2, t):to_table()) end
    for _, value in ipairs(first:to_flat_table()) do kinds[value] = true end
    assert.are.same({ [0] = true, [2] = true }, kinds)
  end)

  it("passes the mask and gradients on", function()
    local x = mg.ones(2, 3, 4):requires_grad_()
    x.keras_mask = mg.tensor({ { 1, 1, 0 }, { 1, 0, 0 } }, "uint8")
    for name in pairs(MAKERS) do
      local y = make(name, 3)(x, { training = true })
      assert.are.same({ { 1, 1, 0 }, { 1, 0, 0 } }, y.keras_mask:to_table())
      local gradient = mg.gradients(y:sum(), { x })[1]
      if name == "GaussianNoise" then
        assert.are.same(mg.ones(2, 3, 4):to_table(), gradient:to_table())
      elseif name ~= "AlphaDropout" then
        assert.is_true((gradient - y:detach()):abs():max():item() < 1e-6)
      end
    end
  end)

  it("Attention drops weights of values in training only", function()
    local layer = layers.Attention { dropout = 0.5, seed = 2 }
    local x = mg.random.normal({ 2, 3, 4 }, 0, 1, { seed = 1 })
    local _, kept = layer({ x, x }, { return_attention_scores = true })
    local _, dropped = layer({ x, x }, { return_attention_scores = true, training = true })
    for i, value in ipairs(dropped:to_flat_table()) do
      assert.is_true(value == 0 or math.abs(value - 2 * kept:to_flat_table()[i]) < 1e-6)
    end
    assert.are_not.same(kept:to_table(), dropped:to_table())
  end)

  it("says which rates it takes", function()
    local function failure(...)
      local ok, message = pcall(...)
      assert.is_false(ok)
      return message
    end
    assert.matches("GaussianDropout: argument rate is 1, expected a number below", failure(layers.GaussianDropout, 1))
    assert.matches("GaussianNoise: argument stddev is 2, expected a number", failure(layers.GaussianNoise, 2))
    assert.matches("SpatialDropout1D: argument rate is 1.5", failure(layers.SpatialDropout1D, 1.5))
    assert.matches("has 2 dimensions, expected 3: batch, steps, features", failure(layers.SpatialDropout1D(0.5), mg.ones(2, 3)))
    assert.are.same({ 0, 0 }, layers.AlphaDropout(1)(mg.ones(2), { training = true }):to_table())
  end)
end)
