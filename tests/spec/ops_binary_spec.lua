local mg = require "moongate"
local near = require "near"
local ops = mg.ops

local function f64(value) return mg.tensor(value, { dtype = "float64" }) end

describe("arithmetic", function()
  local a, b = mg.tensor { { 1, 2, 3 }, { 4, 5, 6 } }, mg.tensor { 10, 20, 30 }

  it("broadcasts", function()
    near(a + b, { { 11, 22, 33 }, { 14, 25, 36 } })
    near(b - a, { { 9, 18, 27 }, { 6, 15, 24 } })
    near(a * b, { { 10, 40, 90 }, { 40, 100, 180 } })
    near(b / a, { { 10, 10, 10 }, { 2.5, 4, 5 } })
    near(a ^ mg.tensor { 2, 0, 1 }, { { 1, 1, 3 }, { 16, 1, 6 } })
    near(ops.maximum(a, mg.tensor { 2, 2, 9 }), { { 2, 2, 9 }, { 4, 5, 9 } })
    near(ops.minimum(a, mg.tensor { 2, 2, 9 }), { { 1, 2, 3 }, { 2, 2, 6 } })
    near(mg.zeros(2, 1) + mg.ones(1, 3), { { 1, 1, 1 }, { 1, 1, 1 } })
  end)

  it("takes numbers on either side", function()
    local x = mg.tensor { 1, 2, 4 }
    near(x + 1, { 2, 3, 5 })
    near(1 + x, { 2, 3, 5 })
    near(x - 1, { 0, 1, 3 })
    near(1 - x, { 0, -1, -3 })
    near(x * 3, { 3, 6, 12 })
    near(x / 3, { 1 / 3, 2 / 3, 4 / 3 })
    near(8 / x, { 8, 4, 2 })
    near(x ^ 2, { 1, 4, 16 })
    near(2 ^ x, { 2, 4, 16 })
    near(ops.maximum(x, 2), { 2, 2, 4 })
    near(ops.minimum(3, x), { 1, 2, 3 })
    near(-x, { -1, -2, -4 })
  end)

  it("promotes dtypes", function()
    local i, u, d = mg.tensor({ 1, 2 }, { dtype = "int32" }), mg.tensor({ 3, 4 }, { dtype = "uint8" }), f64 { 0.5, 0.25 }
    assert.equal("int32", (i + u).dtype)
    assert.equal("int32", (i * 2).dtype)
    assert.equal("float32", (i * 0.5).dtype)
    assert.equal("float32", (i / u).dtype)
    assert.equal("float32", (i ^ 2).dtype)
    assert.equal("float64", (mg.ones(2) + d).dtype)
    assert.equal("float64", (i + d).dtype)
    near(i / u, { 1 / 3, 0.5 })
    near(u + 1, { 4, 5 })
  end)

  it("passes NaN through maximum and minimum", function()
    near(ops.maximum(mg.tensor { 0 / 0, 1 }, mg.tensor { 1, 0 / 0 }), { 0 / 0, 0 / 0 })
    near(ops.minimum(mg.tensor { 0 / 0, 1 }, 0), { 0 / 0, 0 })
  end)

  it("refuses what does not fit, naming both shapes", function()
    local ok, message = pcall(function() return a + mg.zeros(2) end)
    assert.is_false(ok)
    assert.truthy(message:find("ops_binary_spec.lua:%d+: add: shapes {2, 3} and {2} do not broadcast"), message)
    for _, bad in ipairs { "x", true, {}, print } do
      assert.is_false(pcall(function() return a + bad end))
      assert.is_false(pcall(function() return bad * a end))
      assert.is_false(pcall(ops.pow, a, bad))
    end
    assert.is_false(pcall(ops.add, a, nil))
    assert.is_false(pcall(ops.add, nil, a))
    assert.is_false(pcall(ops.add, 1, 2))
  end)

  it("has gradients", function()
    local x, y = f64 { { 0.5, -1.5, 2 }, { 3, 0.7, -0.2 } }, f64 { 1.5, 0.3, 2.5 }
    for _, f in ipairs { ops.add, ops.sub, ops.mul, ops.div, ops.maximum, ops.minimum } do
      assert(mg.gradcheck(f, { x, y }))
      assert(mg.gradcheck(f, { y, x }))
      assert(mg.gradcheck(function(t) return f(t, 0.6), f(0.6, t) end, { x }))
    end
    local p = x:abs() + 0.1
    assert(mg.gradcheck(ops.pow, { p, y }))
    assert(mg.gradcheck(function(t) return t ^ 3, 1.7 ^ t end, { x }))
    assert(mg.gradcheck(function(t) return t ^ 0.5 end, { p }))
  end)

  it("has the stated gradients at corners", function()
    local x = f64({ 0, 2 }):requires_grad_()
    near(mg.gradients((x ^ 0):sum(), { x })[1], { 0, 0 })
    near(mg.gradients((x ^ 2):sum(), { x })[1], { 0, 4 })
    near(mg.gradients((x ^ f64 { 3, 3 }):sum(), { x })[1], { 0, 12 })
    local e = f64({ 2, 1 }):requires_grad_()
    near(mg.gradients((f64 { 0, 1 } ^ e):sum(), { e })[1], { 0, 0 })
    local a1, b1 = f64({ 1, 1 }):requires_grad_(), f64({ 1, 2 }):requires_grad_()
    local g = mg.gradients(ops.maximum(a1, b1):sum(), { a1, b1 })
    near(g[1], { 1, 0 })
    near(g[2], { 0, 1 })
  end)

  it("has gradients through mixed dtypes", function()
    local x = mg.ones(2):requires_grad_()
    local g = mg.gradients((x * f64 { 2, 3 }):sum(), { x })[1]
    assert.equal("float32", g.dtype)
    near(g, { 2, 3 })
  end)
end)
