-- The optimizers made of tensor operations, against their formulas for single numbers, written out here; and what wraps or
-- surrounds an update: loss scaling, names that weight decay leaves alone, older configs.
local mg = require "moongate"
local optimizers = mg.optimizers

local function f64(list) return mg.tensor(list, { dtype = "float64" }) end
local function variable(list, name) return mg.Variable(f64(list), { name = name or "w" }) end

-- Each takes weight, gradient, step and a table of state, and returns the new weight; the rate is 1/8.
local RATE = 0.125
local formulas = {}

function formulas.Adagrad(w, g, _, s)
  s.a = (s.a or 0.1) + g * g
  return w - RATE * g / math.sqrt(s.a + 1e-7)
end

function formulas.Adadelta(w, g, _, s)
  s.a = 0.95 * (s.a or 0) + 0.05 * g * g
  local d = math.sqrt((s.u or 0) + 1e-7) / math.sqrt(s.a + 1e-7) * g
  s.u = 0.95 * (s.u or 0) + 0.05 * d * d
  return w - RATE * d
end

function formulas.Adamax(w, g, t, s)
  s.m = 0.9 * (s.m or 0) + 0.1 * g
  s.u = math.max(0.999 * (s.u or 0), math.abs(g))
  return w - RATE / (1 - 0.9 ^ t) * s.m / (s.u + 1e-7)
end

function formulas.Nadam(w, g, t, s)
  local function u(k) return 0.9 * (1 - 0.5 * 0.96 ^ k) end
  s.product = (s.product or 1) * u(t)
  s.m, s.v = 0.9 * (s.m or 0) + 0.1 * g, 0.999 * (s.v or 0) + 0.001 * g * g
  local mean = u(t + 1) * s.m / (1 - s.product * u(t + 1)) + (1 - u(t)) * g / (1 - s.product)
  return w - RATE * mean / (math.sqrt(s.v / (1 - 0.999 ^ t)) + 1e-7)
end

function formulas.Lion(w, g, _, s)
  local c = 0.9 * (s.m or 0) + 0.1 * g
  s.m = 0.99 * (s.m or 0) + 0.01 * g
  return w - RATE * (c > 0 and 1 or c < 0 and -1 or 0)
end

function formulas.Ftrl(w, g, _, s)
  local before = s.a or 0.1
  s.a = before + g * g
  s.z = (s.z or 0) + g - (math.sqrt(s.a) - math.sqrt(before)) / RATE * w
  return -s.z / (math.sqrt(s.a) / RATE)
end

local GRADIENTS = { { 0.5, -1.5 }, { -0.25, 2 }, { 1, 0.125 } }

describe("one update after another", function()
  for name, formula in pairs(formulas) do
    it("by " .. name, function()
      local w, optimizer = variable { 1, -2 }, optimizers[name] { learning_rate = RATE }
      local expected, states = { 1, -2 }, { {}, {} }
      for t, g in ipairs(GRADIENTS) do
        optimizer:apply({ f64(g) }, { w })
        for i = 1, 2 do
          expected[i] = formula(expected[i], g[i], t, states[i])
          assert.near(expected[i], w[i]:item(), 1e-9)
        end
      end
    end)
  end

  it("by Lamb: as long as the variable itself, each of them", function()
    local a, b = variable({ 3, 4 }, "a"), variable({ 0, 0 }, "b")
    optimizers.Lamb { learning_rate = RATE, epsilon = 0 }:apply({ f64 { 2, -1 }, f64 { 2, -1 } }, { a, b })
    -- the first direction is (1, -1), of length sqrt(2); of zero weights the rate alone counts
    local step = RATE * 5 / math.sqrt(2)
    assert.near(3 - step, a[1]:item(), 1e-12)
    assert.near(4 + step, a[2]:item(), 1e-12)
    assert.near(-RATE, b[1]:item(), 1e-12)
  end)

  it("by Adafactor: rows and columns for matrices, all squares for vectors", function()
    local matrix, vector = variable({ { 1, 1 }, { 1, 1 } }, "matrix"), variable({ 2, 2 }, "vector")
    local g = { { 1, 2 }, { 2, 4 } }
    optimizers.Adafactor { learning_rate = 0.5, clip_threshold = 100 }:apply({ f64(g), f64 { 1, -3 } }, { matrix, vector })
    -- squares (1, 4; 4, 16) are the product of their means, so that each g / sqrt(v) is 1; beta_2 of step 1 is 0
    assert.near(1 - 0.5, matrix[1][1]:item(), 1e-12)
    assert.near(1 - 0.5, matrix[2][2]:item(), 1e-12)
    assert.near(2 + 0.5 * 2, vector[2]:item(), 1e-12)
  end)
end)

describe("state", function()
  local function names_of(optimizer, ...)
    local list = { ... }
    optimizer:build(list)
    local found = {}
    for i, v in ipairs(optimizer.variables) do found[i] = v.name .. tostring(v.shape) end
    return found
  end

  it("comes in Keras's order, with its names", function()
    assert.same({ "iteration{}", "learning_rate{}", "a_average{2}", "b_average{1}", "a_accumulator{2}", "a_linear{2}",
      "b_accumulator{1}", "b_linear{1}" },
      names_of(optimizers.Ftrl { use_ema = true }, variable({ 1, 2 }, "a"), variable({ 1 }, "b")))
    assert.same({ "iteration{}", "learning_rate{}", "m{2}", "m{3}", "m_velocity{2, 3}", "v{}", "v{}", "v_velocity{4}" },
      names_of(optimizers.Adafactor(), mg.Variable(mg.zeros(2, 3), { name = "m" }), mg.Variable(mg.zeros(4), { name = "v" })))
    assert.same({ "iteration{}", "learning_rate{}", "step_counter{}", "dynamic_scale{}", "iteration{}", "learning_rate{}",
      "v_velocity{4}" }, names_of(optimizers.LossScaleOptimizer "adafactor", mg.Variable(mg.zeros(4), { name = "v" })))
    assert.same({ "iteration{}", "a_momentum{1}", "a_velocity{1}", "variable{}" }, names_of(optimizers.Nadam {
      learning_rate = optimizers.schedules.PolynomialDecay(0.1, { decay_steps = 5 }) }, variable({ 1 }, "a")))
  end)
end)

describe("loss scaling", function()
  it("hands on the gradients of the plain loss, and grows", function()
    local w = variable { 1 }
    local optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.5), { initial_scale = 8, dynamic_growth_steps = 2 })
    for _, scale in ipairs { 8, 8, 16 } do
      local loss = optimizer:scale_loss(w:sum())
      assert.near(scale * w:item(), loss:item(), 1e-12)
      optimizer:apply(mg.gradients(loss, { w }), { w })
    end
    assert.near(1 - 3 * 0.5, w:item(), 1e-12)
    assert.equal(3, optimizer.iterations)
  end)

  it("skips a step that is not finite, and halves", function()
    local w = variable { 1 }
    local optimizer = optimizers.LossScaleOptimizer("sgd", { initial_scale = 8 })
    optimizer:apply({ f64 { 1 / 0 } }, { w })
    assert.equal(1, w:item())
    assert.equal(0, optimizer.iterations)
    assert.equal(4, optimizer.dynamic_scale:item())
    optimizer:apply({ f64 { 0 / 0 } }, { w })
    assert.equal(2, optimizer.dynamic_scale:item())
  end)

  it("comes back from its config with what it wraps, and trains a model", function()
    local optimizer = optimizers.LossScaleOptimizer(optimizers.Adam { beta_1 = 0.5 }, { initial_scale = 32 })
    local again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert.equal(0.5, again.inner_optimizer.beta_1)
    assert.equal(32, again.initial_scale)
    local model = mg.Sequential { mg.layers.Dense(1) }
    model:compile { optimizer = again, loss = "mse" }
    model:fit(mg.ones(8, 2), mg.ones(8, 1), { verbose = 0, batch_size = 4 })
    assert.equal(2, again.iterations)
  end)
end)

describe("weight decay", function()
  it("leaves out variables whose names match", function()
    local function decays(patterns)
      local optimizer, found = optimizers.AdamW { weight_decay = 0.5 }, {}
      optimizer:exclude_from_weight_decay { var_names = patterns }
      for _, name in ipairs { "kernel", "bias", "gamma_1", "layer-2" } do
        if optimizer:decays({ name = name }) then found[#found + 1] = name end
      end
      return table.concat(found, " ")
    end
    assert.equal("kernel gamma_1 layer-2", decays { "bias" })
    assert.equal("bias", decays { "^kernel$|gamma", "-" })
    assert.equal("kernel bias", decays { [[\d$]] })
    assert.equal("kernel gamma_1", decays { "b.as", "l[a]yer" })
    local ok, message = pcall(decays, { "(bias)+" })
    assert.is_false(ok)
    assert.matches("groups.*not offered", message)
  end)

  it("comes before the update: w (1 - lr decay) - lr sign", function()
    local w = variable { 2 }
    optimizers.Lion { learning_rate = 0.125, weight_decay = 0.5 }:apply({ f64 { 3 } }, { w })
    assert.near(2 * (1 - 0.0625) - 0.125, w:item(), 1e-12)
  end)
end)

describe("options", function()
  it("that exclude one another are refused", function()
    for options, text in pairs { [{ clipnorm = 1, clipvalue = 1 }] = "clipnorm and clipvalue are both set",
      [{ gradient_accumulation_steps = 1 }] = "expected 2 or more", [{ ema_momentum = 2 }] = "ema_momentum" } do
      local ok, message = pcall(optimizers.SGD, options)
      assert.is_false(ok)
      assert.matches(text, message)
    end
    assert.is_false((pcall(optimizers.Lion, { beta_1 = 0 })))
    assert.is_false((pcall(optimizers.Ftrl, { l1_regularization_strength = -1 })))
  end)

  it("of older configs keep their meaning", function()
    local sgd = optimizers.SGD.from_config({ lr = 0.5, decay = 0.25, momentum = 0, nesterov = false }, { dialect = "tf2" })
    local w = variable { 0 }
    for _, rate in ipairs { 0.5, 0.5 / 1.25, 0.5 / 1.5 } do
      local before = w:item()
      sgd:apply({ f64 { 1 } }, { w })
      assert.near(before - rate, w:item(), 1e-12)
    end
    assert.equal("PolynomialDecay", optimizers.schedules.PolynomialDecay.from_config(
      { initial_learning_rate = 1, decay_steps = 5, name = mg.null }).name)
  end)
end)
