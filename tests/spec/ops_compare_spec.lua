local mg = require "moongate"
local near = require "near"
local ops = mg.ops

describe("comparisons", function()
  local a, b = mg.tensor { 1, 2, 3 }, mg.tensor { 2, 2, 2 }

  it("compare tensors and numbers", function()
    near(a:eq(b), { 0, 1, 0 })
    near(a:ne(b), { 1, 0, 1 })
    near(a:lt(b), { 1, 0, 0 })
    near(a:le(2), { 1, 1, 0 })
    near(a:gt(2), { 0, 0, 1 })
    near(ops.ge(2, a), { 1, 1, 0 })
    assert.equal("uint8", a:eq(b).dtype)
    near(mg.tensor({ 1, 2 }, { dtype = "int32" }):lt(1.5), { 1, 0 })
    near(mg.tensor { { 1 }, { 3 } }:gt(a), { { 0, 0, 0 }, { 1, 1, 0 } })
    near(mg.tensor({ 0 / 0 }):eq(mg.tensor { 0 / 0 }), { 0 })
    near(mg.tensor({ 0 / 0 }):ne(1), { 1 })
  end)

  it("combine truth values", function()
    local p, q = mg.tensor { true, true, false, false }, mg.tensor { true, false, true, false }
    near(p:logical_and(q), { 1, 0, 0, 0 })
    near(p:logical_or(q), { 1, 1, 1, 0 })
    near(p:logical_not(), { 0, 0, 1, 1 })
    near(mg.tensor({ 0.5, 0, -2 }):logical_and(mg.ones(3)), { 1, 0, 1 })
    near(mg.tensor({ 0.5, 0, 0 / 0 }):logical_not(), { 0, 1, 0 })
  end)

  it("choose", function()
    near(ops.where(a:gt(1), a, -1), { -1, 2, 3 })
    near(ops.where(a:gt(1), 1, 0), { 0, 1, 1 })
    near(ops.where(mg.tensor { { 1 }, { 0 } }, a, b), { { 1, 2, 3 }, { 2, 2, 2 } })
    near(mg.tensor({ true, false }):where(mg.tensor({ 1, 2 }, { dtype = "int32" }), 0.5), { 1, 0.5 })
  end)

  it("pass gradients to what was chosen", function()
    local condition = mg.tensor { { 1, 0 }, { 0, 1 } }
    local x, y = mg.tensor({ { 1, 2 }, { 3, 4 } }, { dtype = "float64" }), mg.tensor({ 5, 6 }, { dtype = "float64" })
    assert(mg.gradcheck(function(u, v) return ops.where(condition, u, v), ops.where(condition, v, 2) end, { x, y }))
  end)

  it("refuse what does not fit", function()
    assert.is_false(pcall(ops.eq, a, mg.ones(2)))
    assert.is_false(pcall(ops.lt, a, "x"))
    assert.is_false(pcall(ops.where, a:gt(1), a, mg.ones(2)))
    assert.is_false(pcall(ops.where, true, a, b))
    assert.is_false(pcall(ops.where, a, nil, b))
    assert.is_false(pcall(ops.logical_and, a, 1))
  end)
end)
