local mg = require "moongate"
local near = require "near"
local ops = mg.ops

local function f64(value) return mg.tensor(value, { dtype = "float64" }) end
local function map(list, f)
  local out = {}
  for i, v in ipairs(list) do out[i] = f(v) end
  return out
end
local function sign(v) return v > 0 and 1 or v < 0 and -1 or 0 end

local VALUES = { 0.3, 1.7, 2.5, 0.01 }
local FORMULAS = {
  neg = function(v) return -v end, abs = math.abs, square = function(v) return v * v end, sqrt = math.sqrt,
  rsqrt = function(v) return 1 / math.sqrt(v) end, reciprocal = function(v) return 1 / v end, exp = math.exp,
  expm1 = function(v) return math.exp(v) - 1 end, log = math.log, log1p = function(v) return math.log(1 + v) end, sin = math.sin,
  cos = math.cos, floor = math.floor, ceil = math.ceil, sign = sign,
}

describe("functions of one tensor", function()
  for name, formula in pairs(FORMULAS) do
    it("computes " .. name, function()
      near(ops[name](f64(VALUES)), map(VALUES, formula), 1e-12)
      near(ops[name](mg.tensor(VALUES)), map(VALUES, formula), 1e-5)
      near(f64({ VALUES, VALUES }):t()[name](f64({ VALUES, VALUES }):t())[{ {}, 1 }], map(VALUES, formula), 1e-12)
    end)
  end

  it("rounds halves to even", function()
    near(mg.tensor({ 0.5, 1.5, 2.5, -0.5, 2.6 }):round(), { 0, 2, 2, 0, 3 })
  end)

  it("clips, keeping NaN", function()
    near(mg.tensor({ -2, 0.5, 3, 0 / 0 }):clip(-1, 1), { -1, 0.5, 1, 0 / 0 })
    near(mg.tensor({ -2, 0.5, 3 }):clip(0), { 0, 0.5, 3 })
    near(mg.tensor({ -2, 5 }, { dtype = "int32" }):clip(0, 3), { 0, 3 })
    assert.is_false(pcall(ops.clip, mg.ones(1), 2, 1))
    assert.is_false(pcall(ops.clip, mg.ones(1), 0 / 0, 1))
  end)

  it("tests for NaN and infinity", function()
    local x = mg.tensor { 1, 0 / 0, math.huge, -math.huge }
    assert.equal("uint8", x:is_nan().dtype)
    near(x:is_nan(), { 0, 1, 0, 0 })
    near(x:is_finite(), { 1, 0, 0, 0 })
  end)

  it("converts integers where a float is needed", function()
    local i = mg.tensor({ -4, 9 }, { dtype = "int32" })
    assert.equal("int32", i:abs().dtype)
    assert.equal("int32", i:square().dtype)
    assert.equal("int32", i:neg().dtype)
    assert.equal("int32", i:floor().dtype)
    assert.equal("float32", i:sqrt().dtype)
    near(i:square(), { 16, 81 })
    near(i:abs():sqrt(), { 2, 3 })
  end)

  it("refuses what is no tensor", function()
    for name in pairs(FORMULAS) do
      for _, bad in ipairs { 1, "x", {}, true } do
        local ok, message = pcall(ops[name], bad)
        assert.is_false(ok)
        assert.truthy(message:find(name .. ": argument x is", 1, true), message)
      end
      assert.is_false(pcall(ops[name]))
    end
  end)

  it("has gradients", function()
    for _, name in ipairs { "neg", "abs", "square", "sqrt", "rsqrt", "reciprocal", "exp", "expm1", "log", "log1p", "sin", "cos" } do
      local ok, message = mg.gradcheck(ops[name], { f64 { { 0.3, 1.7 }, { 2.5, 0.4 } } }, { tolerance = 1e-5 })
      assert(ok, name .. ": " .. tostring(message))
    end
    assert(mg.gradcheck(function(x) return x:clip(-1, 1), x:abs() end, { f64 { -2, -0.5, 0.5, 3 } }))
    local x = f64({ -1, 1, 2 }):requires_grad_()
    near(mg.gradients(x:clip(-1, 1):sum(), { x })[1], { 1, 1, 0 })
  end)

  it("does not record step functions", function()
    local x = f64({ 0.5 }):requires_grad_()
    for _, name in ipairs { "floor", "ceil", "round", "sign" } do assert.is_false(x[name](x).requires_grad) end
  end)
end)
