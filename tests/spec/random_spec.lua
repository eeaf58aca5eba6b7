local mg = require "moongate"

local function moments(t)
  local mean = t:mean():item()
  return mean, math.sqrt(((t - mean) ^ 2):mean():item())
end

describe("random numbers", function()
  before_each(function() mg.set_random_seed(1) end)

  it("have the moments of their distribution", function()
    local n = 20000
    local mean, deviation = moments(mg.random.uniform({ n }, -1, 3))
    assert.near(1, mean, 4 * (4 / math.sqrt(12)) / math.sqrt(n))
    assert.near(4 / math.sqrt(12), deviation, 0.03)
    mean, deviation = moments(mg.random.normal({ n }, 2, 3))
    assert.near(2, mean, 4 * 3 / math.sqrt(n))
    assert.near(3, deviation, 0.09)
    local t = mg.random.truncated_normal({ n })
    assert.truthy(t:abs():max():item() <= 2)
    assert.near(0.8796, select(2, moments(t)), 0.03) -- deviation of a normal cut at 2 deviations
    assert.near(0.3, mg.random.bernoulli({ n }, 0.3):mean():item(), 4 * math.sqrt(0.21 / n))
  end)

  it("repeat with the seed", function()
    local a, b = mg.random.uniform({ 3 }):to_table(), mg.random.uniform({ 3 }):to_table()
    assert.are_not.same(a, b)
    mg.set_random_seed(1)
    assert.same(a, mg.random.uniform({ 3 }):to_table())
    assert.same(b, mg.random.uniform({ 3 }):to_table())
    mg.set_random_seed(2)
    assert.are_not.same(a, mg.random.uniform({ 3 }):to_table())
    assert.same(mg.random.normal({ 2 }, 0, 1, { seed = 9 }):to_table(), mg.random.normal({ 2 }, { seed = 9 }):to_table())
  end)

  it("draw classes and orders", function()
    local logits = mg.tensor { { 0, -1e9, -1e9 }, { -1e9, -1e9, 0 } }
    assert.same({ 0, 2 }, mg.random.categorical(logits):to_table())
    local order = mg.random.permutation(10):to_table()
    table.sort(order)
    assert.same({ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }, order)
    assert.are_not.same(mg.random.permutation(50):to_table(), mg.random.permutation(50):to_table())
  end)

  it("come from seed generators", function()
    local first, second = mg.random.SeedGenerator(7), mg.random.SeedGenerator { seed = 7 }
    local a, b = first:next(), first:next()
    assert.same({ seed = 7, stream = 0, offset = 0 }, a)
    assert.same({ seed = 7, stream = 1, offset = 0 }, b)
    assert.same({ 7, 2 }, first:get_state())
    second:set_state(first:get_state())
    assert.same(first:next(), second:next())
    assert.are_not.same(mg.random.uniform({ 4 }, { key = a }):to_table(), mg.random.uniform({ 4 }, { key = b }):to_table())
    assert.is_true(mg.random.SeedGenerator().seed ~= mg.random.SeedGenerator().seed)
    mg.set_random_seed(3)
    local made = mg.random.SeedGenerator().seed
    mg.set_random_seed(3)
    assert.equal(made, mg.random.SeedGenerator().seed)
  end)

  it("refuse wrong arguments", function()
    for _, name in ipairs { "uniform", "normal", "truncated_normal", "bernoulli" } do
      assert.is_false(pcall(mg.random[name]))
      assert.is_false(pcall(mg.random[name], { -1 }))
      assert.is_false(pcall(mg.random[name], { 1 }, "x"))
      assert.is_false(pcall(mg.random[name], { 1 }, 0 / 0))
      assert.is_false(pcall(mg.random[name], { 1 }, { sed = 1 }))
    end
    assert.is_false(pcall(mg.random.categorical, mg.ones(3)))
    assert.is_false(pcall(mg.random.permutation, -1))
    assert.is_false(pcall(mg.set_random_seed, "x"))
    assert.is_false(pcall(mg.random.SeedGenerator, -1))
  end)
end)
