local mg = require "moongate"
local near = require "near"
local ops = mg.ops

local function f64(value) return mg.tensor(value, { dtype = "float64" }) end

describe("reductions", function()
  local x = mg.tensor { { 1, 2, 3 }, { 4, 5, 6 } }

  it("reduce all, one or several dimensions", function()
    assert.equal(21, x:sum():item())
    assert.equal("{}", tostring(x:sum().shape))
    near(x:sum(1), { 5, 7, 9 })
    near(x:sum(-1), { 6, 15 })
    near(x:sum({ 1, 2 }, true), { { 21 } })
    near(x:mean(2, true), { { 2 }, { 5 } })
    assert.equal(720, x:prod():item())
    near(x:max(1), { 4, 5, 6 })
    near(x:min(2), { 1, 4 })
    near(mg.arange(8):reshape(2, 2, 2):sum { 1, 3 }, { 10, 18 })
    near(x:t():sum(1), { 6, 15 })
  end)

  it("of integers", function()
    local i = mg.tensor({ 200, 100 }, { dtype = "uint8" })
    assert.equal("int32", i:sum().dtype)
    assert.equal(300, i:sum():item())
    assert.equal("float32", i:mean().dtype)
    assert.equal(150, i:mean():item())
    assert.equal(20000, i:prod():item())
    assert.equal("uint8", i:max().dtype)
  end)

  it("of nothing, and with NaN", function()
    assert.equal(0, mg.zeros(0):sum():item())
    assert.equal(1, mg.zeros(0):prod():item())
    near(mg.zeros(0, 2):max(1), { -math.huge, -math.huge })
    local m = mg.zeros(0):mean():item()
    assert.is_true(m ~= m)
    near(mg.tensor({ { 1, 0 / 0 }, { 2, 3 } }):max(2), { 0 / 0, 3 })
  end)

  it("say where extremes are, from 0", function()
    local y = mg.tensor { { 3, 9, 9 }, { 7, 1, 1 } }
    near(y:argmax(2), { 1, 0 })
    near(y:argmin(-1), { 0, 1 })
    near(y:argmax(1), { 1, 0, 0 })
    assert.equal(1, y:argmax():item())
    assert.equal("int32", y:argmax().dtype)
  end)

  it("find the k largest", function()
    local values, ids = ops.top_k(mg.tensor { { 3, 1, 4 }, { 1, 5, 9 } }, 2)
    near(values, { { 4, 3 }, { 9, 5 } })
    near(ids, { { 2, 0 }, { 2, 1 } })
    assert.equal("int32", ids.dtype)
    for _, bad in ipairs { 0, 4, 1.5, "1" } do assert.is_false(pcall(ops.top_k, x, bad)) end
    assert.is_false(pcall(ops.top_k, mg.tensor(1), 1))
  end)

  it("add up along a dimension", function()
    near(ops.cumsum(x, 2), { { 1, 3, 6 }, { 4, 9, 15 } })
    near(ops.cumsum(x, 1), { { 1, 2, 3 }, { 5, 7, 9 } })
    near(ops.cumsum(x, 2, true), { { 6, 5, 3 }, { 15, 11, 6 } })
  end)

  it("normalize", function()
    local e = { math.exp(1), math.exp(2), math.exp(3) }
    local s = e[1] + e[2] + e[3]
    near(mg.tensor({ 1, 2, 3 }):softmax(), { e[1] / s, e[2] / s, e[3] / s })
    near(mg.tensor({ 1, 2, 3 }):log_softmax(1), { 1 - math.log(s), 2 - math.log(s), 3 - math.log(s) })
    near(mg.tensor({ { 1000, 1000 }, { 0, 0 } }):softmax(1), { { 1, 1 }, { 0, 0 } })
    near(mg.tensor({ { 1, 1 } }, { dtype = "int32" }):softmax(), { { 0.5, 0.5 } })
  end)

  it("have gradients", function()
    local y = f64 { { 0.5, -1.5, 2 }, { 3, 0.7, -0.2 } }
    for _, f in ipairs { ops.sum, ops.mean, ops.prod, ops.max, ops.min } do
      assert(mg.gradcheck(function(t) return f(t), f(t, 1), f(t, 2, true), f(t, { 1, 2 }) end, { y }))
    end
    for _, f in ipairs { ops.softmax, ops.log_softmax } do
      assert(mg.gradcheck(function(t) return f(t, 1), f(t) end, { y }))
    end
    assert(mg.gradcheck(function(t) return ops.cumsum(t, 1), ops.cumsum(t, 2, true) end, { y }))
    assert(mg.gradcheck(function(t) return (ops.top_k(t, 2)) end, { y }))
    assert(mg.gradcheck(function(t) return (ops.top_k(t:reshape(2, 1, 3), 2)) end, { y }))
  end)

  it("have the right slope of a product with zeros", function()
    local z = f64({ { 2, 0, 3 }, { 0, 0, 3 }, { 1, 2, 3 } }):requires_grad_()
    near(mg.gradients(z:prod(2):sum(), { z })[1], { { 0, 6, 0 }, { 0, 0, 0 }, { 6, 3, 2 } })
  end)

  it("share the slope among equal extremes", function()
    local z = f64({ { 1, 5, 5 } }):requires_grad_()
    near(mg.gradients(z:max(2):sum(), { z })[1], { { 0, 0.5, 0.5 } })
  end)

  it("refuse wrong dimensions", function()
    for _, bad in ipairs { 0, 3, -3, 1.5, "1" } do
      for _, f in ipairs { ops.sum, ops.max, ops.argmax, ops.softmax } do assert.is_false(pcall(f, x, bad)) end
    end
    assert.is_false(pcall(ops.sum, 3))
    assert.is_false(pcall(ops.sum, x, { 1, "2" }))
  end)
end)
