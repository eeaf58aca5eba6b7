local mg = require "moongate"
local near = require "near"
local ops = mg.ops

local exp, log, abs, max, min = math.exp, math.log, math.abs, math.max, math.min
local function sigmoid(v) return 1 / (1 + exp(-v)) end
local function tanh(v) return 1 - 2 / (exp(2 * v) + 1) end

-- Formulas of keras.activations.
local CASES = {
  { { kind = "linear" }, function(v) return v end },
  { { kind = "tanh" }, tanh },
  { { kind = "sigmoid" }, sigmoid },
  { { kind = "hard_sigmoid", a = 1 / 6, b = 0.5 }, function(v) return max(0, min(1, v / 6 + 0.5)) end },
  { { kind = "relu", b = math.huge }, function(v) return max(v, 0) end },
  { { kind = "relu", a = 0.25, b = 2, c = 0.5 }, function(v) return v >= 2 and 2 or v >= 0.5 and v or 0.25 * (v - 0.5) end },
  { { kind = "elu", a = 1.5 }, function(v) return v > 0 and v or 1.5 * (exp(v) - 1) end },
  { { kind = "selu" }, function(v) return 1.0507009873554805 * (v > 0 and v or 1.6732632423543772 * (exp(v) - 1)) end },
  { { kind = "celu", a = 2 }, function(v) return max(v, 0) + min(0, 2 * (exp(v / 2) - 1)) end },
  { { kind = "gelu_tanh" }, function(v) return 0.5 * v * (1 + tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v ^ 3))) end },
  { { kind = "silu" }, function(v) return v * sigmoid(v) end },
  { { kind = "hard_silu" }, function(v) return v * max(0, min(1, v / 6 + 0.5)) end },
  { { kind = "hard_tanh" }, function(v) return max(-1, min(1, v)) end },
  { { kind = "softplus" }, function(v) return log(1 + exp(v)) end },
  { { kind = "softsign" }, function(v) return v / (1 + abs(v)) end },
  { { kind = "exponential" }, exp },
  { { kind = "mish" }, function(v) return v * tanh(log(1 + exp(v))) end },
  { { kind = "log_sigmoid" }, function(v) return log(sigmoid(v)) end },
  { { kind = "hard_shrink", a = 0.5 }, function(v) return abs(v) > 0.5 and v or 0 end },
  { { kind = "soft_shrink", a = 0.5 }, function(v) return v > 0.5 and v - 0.5 or v < -0.5 and v + 0.5 or 0 end },
  { { kind = "tanh_shrink" }, function(v) return v - tanh(v) end },
  { { kind = "squareplus", a = 4 }, function(v) return (v + math.sqrt(v * v + 4)) / 2 end },
  { { kind = "sparse_plus" }, function(v) return v <= -1 and 0 or v >= 1 and v or 0.25 * (v + 1) ^ 2 end },
  { { kind = "sparse_sigmoid" }, function(v) return v <= -1 and 0 or v >= 1 and 1 or 0.5 * (v + 1) end },
  { { kind = "threshold", a = 0.3, b = 7 }, function(v) return v > 0.3 and v or 7 end },
}

describe("activations", function()
  local values = { -4.2, -1.3, -0.4, 0.2, 0.7, 1.6, 3.5 }

  for _, case in ipairs(CASES) do
    it("compute " .. case[1].kind, function()
      local expected = {}
      for i, v in ipairs(values) do expected[i] = case[2](v) end
      local x = mg.tensor(values, { dtype = "float64" })
      near(ops.activation(x, case[1]), expected, 1e-9)
      near(ops.activation(x:float(), case[1]), expected, 1e-5)
      assert(mg.gradcheck(function(t) return ops.activation(t, case[1]) end, { x }))
    end)
  end

  it("compute gelu by the error function", function()
    -- gelu(1) = Phi(1) = 0.841344746..., gelu(-2) = -2 Phi(-2) = -0.045500263896...
    local x = mg.tensor({ 1, -2 }, { dtype = "float64" })
    near(ops.activation(x, { kind = "gelu" }), { 0.8413447460685429, -0.0455002638963584 }, 1e-9)
    assert(mg.gradcheck(function(t) return ops.activation(t, { kind = "gelu" }) end, { mg.tensor(values) }))
  end)

  it("have short forms", function()
    near(mg.tensor({ -1, 2 }):relu(), { 0, 2 })
    near(mg.tensor({ 0, 1 }):tanh(), { 0, tanh(1) })
    near(mg.tensor({ 0, 1 }):sigmoid(), { 0.5, sigmoid(1) })
    near(mg.tensor({ 0 }, { dtype = "int32" }):sigmoid(), { 0.5 })
  end)

  it("refuse unknown kinds and parameters", function()
    local x = mg.ones(1)
    local ok, message = pcall(ops.activation, x, { kind = "rleu" })
    assert.is_false(ok)
    assert.truthy(message:find('did you mean "relu"', 1, true), message)
    for _, bad in ipairs { "relu", {}, { kind = 3 }, { kind = "relu", a = "x" } } do
      assert.is_false(pcall(ops.activation, x, bad))
    end
    assert.is_false(pcall(ops.activation, x))
    assert.is_false(pcall(ops.activation, 3, { kind = "relu" }))
  end)
end)
