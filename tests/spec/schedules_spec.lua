local mg = require "moongate"
local schedules = mg.optimizers.schedules

describe("learning-rate schedules", function()
  it("decays exponentially, in steps with staircase", function()
    local smooth = schedules.ExponentialDecay(0.1, { decay_steps = 10, decay_rate = 0.5 })
    assert.near(0.1, smooth(0), 1e-15)
    assert.near(0.05, smooth(10), 1e-15)
    assert.near(0.1 * 0.5 ^ 0.5, smooth(5), 1e-15)
    local stairs = schedules.ExponentialDecay { initial_learning_rate = 0.1, decay_steps = 10, decay_rate = 0.5, staircase = true }
    assert.near(0.1, stairs(9), 1e-15)
    assert.near(0.025, stairs(20), 1e-15)
  end)

  it("keeps values piecewise, boundaries included", function()
    local s = schedules.PiecewiseConstantDecay { boundaries = { 2, 5 }, values = { 3, 2, 1 } }
    assert.same({ 3, 3, 2, 2, 1 }, { s(0), s(2), s(3), s(5), s(6) })
    assert.has_error(function() schedules.PiecewiseConstantDecay { boundaries = { 1 }, values = { 1 } } end)
  end)

  it("follows half a cosine, after a warmup", function()
    local s = schedules.CosineDecay(1, { decay_steps = 100 })
    assert.near(1, s(0), 1e-15)
    assert.near(0.5, s(50), 1e-15)
    assert.near(0, s(100), 1e-15)
    assert.near(0, s(500), 1e-15)
    local warm = schedules.CosineDecay { initial_learning_rate = 0, decay_steps = 10, warmup_target = 1, warmup_steps = 4,
      alpha = 0.5 }
    assert.near(0.25, warm(1), 1e-15)
    assert.near(1, warm(4), 1e-15)
    assert.near(0.75, warm(9), 1e-15)
    assert.near(0.5, warm(14), 1e-15)
  end)

  it("writes and reads Keras's config", function()
    local s = schedules.CosineDecay(0.1, { decay_steps = 50 })
    assert.equal('{"initial_learning_rate": 0.1, "decay_steps": 50, "alpha": 0.0, "name": "CosineDecay", "warmup_target": null, '
      .. '"warmup_steps": 0}', tostring(s:get_config()))
    assert.near(s(20), schedules.deserialize(schedules.serialize(s))(20), 0)
  end)

  it("names an unknown option and the nearest known one", function()
    local ok, message = pcall(schedules.CosineDecay, 0.1, { decay_step = 50 })
    assert.is_false(ok)
    assert.matches('decay_step.*decay_steps', message)
  end)
end)

describe("further schedules", function()
  it("fall along a power, once or in longer and longer cycles", function()
    local s = schedules.PolynomialDecay(1, { decay_steps = 10, end_learning_rate = 0.5, power = 2 })
    assert.near(0.5 + 0.5 * 0.25, s(5), 1e-15)
    assert.near(0.5, s(25), 1e-15)
    local cycle = schedules.PolynomialDecay(1, { decay_steps = 10, end_learning_rate = 0, cycle = true })
    assert.near(1, cycle(0), 1e-15)
    assert.near(1 - 15 / 20, cycle(15), 1e-15)
  end)

  it("fall with the inverse of time, in steps with staircase", function()
    local options = { decay_steps = 10, decay_rate = 0.5 }
    assert.near(1 / 1.25, schedules.InverseTimeDecay(1, options)(5), 1e-15)
    options.staircase = true
    assert.near(1 / 1.5, schedules.InverseTimeDecay(1, options)(19), 1e-15)
  end)

  it("start again, over longer times and from lower rates", function()
    local s = schedules.CosineDecayRestarts(1, { first_decay_steps = 10, t_mul = 3, m_mul = 0.5, alpha = 0.1 })
    assert.near(0.1 + 0.9 * 0.5, s(5), 1e-12)
    assert.near(0.1 + 0.9 * 0.5, s(10), 1e-12)
    assert.near(0.1 + 0.9 * 0.25, s(25), 1e-12)
    local even = schedules.CosineDecayRestarts(1, { first_decay_steps = 10, t_mul = 1 })
    assert.near(0.5, even(35), 1e-12)
    assert.has_error(function() schedules.InverseTimeDecay(1, { decay_steps = 0, decay_rate = 1 }) end)
  end)
end)
