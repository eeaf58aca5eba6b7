-- One step of each rule, with Keras's formulas worked out by hand.
local mg = require "moongate"
local near = require "near"
local ops = mg.ops

local function f64(value) return mg.tensor(value, { dtype = "float64" }) end

describe("optimizer_update", function()
  it("does SGD with momentum", function()
    local p, g, m = f64 { 1, 2 }, f64 { 0.5, -1 }, f64 { 0, 1 }
    ops.optimizer_update { kind = "sgd", parameter = p, gradient = g, learning_rate = 0.1 }
    near(p, { 0.95, 2.1 }, 1e-12)
    ops.optimizer_update { kind = "sgd", parameter = p, gradient = g, learning_rate = 0.1, momentum = 0.5, state = { m } }
    near(m, { -0.05, 0.6 }, 1e-12) -- momentum * m - learning_rate * g
    near(p, { 0.9, 2.7 }, 1e-12)
  end)

  it("does Adam", function()
    local p, g, m, v = f64 { 1 }, f64 { 0.5 }, f64 { 0 }, f64 { 0 }
    ops.optimizer_update { kind = "adam", parameter = p, gradient = g, state = { m, v }, step = 1, learning_rate = 0.1,
      beta_1 = 0.9, beta_2 = 0.999, epsilon = 0 }
    near(m, { 0.05 }, 1e-12)
    near(v, { 0.00025 }, 1e-12)
    near(p, { 0.9 }, 1e-12) -- the first step has the length of the learning rate
  end)

  it("does RMSprop", function()
    local p, g, v = f64 { 1 }, f64 { 2 }, f64 { 0 }
    ops.optimizer_update { kind = "rmsprop", parameter = p, gradient = g, state = { v }, learning_rate = 0.1, rho = 0.75,
      epsilon = 0 }
    near(v, { 1 }, 1e-12)
    near(p, { 0.8 }, 1e-12)
  end)

  it("refuses wrong arguments", function()
    local p, g = f64 { 1 }, f64 { 2 }
    for _, bad in ipairs { { kind = "adamw" }, { kind = "sgd", parameter = p },
      { kind = "sgd", parameter = p, gradient = f64 { 1, 2 } },
      { kind = "adam", parameter = p, gradient = g }, { kind = "sgd", parameter = p, gradient = g, step = 0 },
      { kind = "sgd", parameter = p, gradient = g, learning_rate = "x" },
      { kind = "sgd", parameter = p, gradient = g, lr = 1 } } do
      assert.is_false(pcall(ops.optimizer_update, bad))
    end
    assert.is_false(pcall(ops.optimizer_update))
  end)

  it("scales and then limits the gradient, which stays as it is", function()
    local p, g = f64 { 1, 1, 1 }, f64 { 1, -4, 8 }
    ops.optimizer_update { kind = "sgd", parameter = p, gradient = g, learning_rate = 1, gradient_scale = 0.5, gradient_limit = 3 }
    near(p, { 0.5, 3, -2 }, 1e-12)
    near(g, { 1, -4, 8 }, 0)
  end)

  it("averages", function()
    local p = f64 { 1, 2 }
    ops.optimizer_update { kind = "average", parameter = p, gradient = f64 { 3, 6 }, momentum = 0.75 }
    near(p, { 1.5, 3 }, 1e-12)
  end)

  it("gives the same bits for any number of threads", function()
    local threads, results, gradient = mg.get_threads(), {}, mg.random.normal { 40000 }
    for _, kind in ipairs { "adagrad", "adadelta", "adamax", "nadam", "lion" } do
      for n = 1, 3 do
        mg.set_threads(n)
        local p, s = mg.full({ 40000 }, 1), {}
        for i = 1, 2 do s[i] = mg.full({ 40000 }, 0.25) end
        ops.optimizer_update { kind = kind, parameter = p, gradient = gradient, state = s, step = 2, learning_rate = 0.1, rho = 0.5,
          beta_1 = 0.9, beta_2 = 0.99, epsilon = 1e-7, gradient_scale = 0.3 }
        results[n] = p
      end
      for n = 2, 3 do assert.equal(0, ops.sum(ops.ne(results[1], results[n])):item(), kind) end
    end
    mg.set_threads(threads)
  end)
end)
