local mg = require "moongate"
local near = require "near"
local ops = mg.ops

local function f64(value) return mg.tensor(value, { dtype = "float64" }) end

describe("matrix products", function()
  local a, b = mg.tensor { { 1, 2, 3 }, { 4, 5, 6 } }, mg.tensor { { 1, 0 }, { 2, 1 }, { 0, 3 } }

  it("of matrices, batches and vectors", function()
    near(a:matmul(b), { { 5, 11 }, { 14, 23 } })
    near(b:t():matmul(a:t()), { { 5, 14 }, { 11, 23 } })
    near(a:matmul(mg.tensor { 1, 1, 1 }), { 6, 15 })
    near(mg.tensor({ 1, 1 }):matmul(a), { 5, 7, 9 })
    assert.equal(14, mg.tensor({ 1, 2, 3 }):matmul(mg.tensor { 1, 2, 3 }):item())
    local batch = ops.stack { a, a * 2 }
    near(batch:matmul(b), { { { 5, 11 }, { 14, 23 } }, { { 10, 22 }, { 28, 46 } } })
    near(a:matmul(ops.stack { b, b * 2 }), { { { 5, 11 }, { 14, 23 } }, { { 10, 22 }, { 28, 46 } } })
  end)

  it("with a bias", function()
    near(ops.linear(a, b, mg.tensor { 1, -1 }), { { 6, 10 }, { 15, 22 } })
    near(ops.linear(a[1], b), { 5, 11 })
    near(ops.linear(a:reshape(1, 2, 3), b, mg.tensor { 1, -1 }), { { { 6, 10 }, { 15, 22 } } })
    assert.equal("{0, 2}", tostring(ops.linear(mg.zeros(0, 3), b).shape))
  end)

  it("have gradients", function()
    local x, w, v = f64 { { 0.5, -1, 2 }, { 3, 0.7, -0.2 } }, f64 { { 1, 2 }, { 3, -4 }, { 5, 6 } }, f64 { 0.3, -0.6 }
    assert(mg.gradcheck(ops.matmul, { x, w }))
    assert(mg.gradcheck(function(p, q) return p:reshape(1, 2, 3):matmul(q), ops.matmul(q:t(), p:t()) end, { x, w }))
    assert(mg.gradcheck(function(p, q) return ops.matmul(p, ops.stack { q, q * 2 }) end, { x, w }))
    assert(mg.gradcheck(function(p, q) return ops.matmul(p, q[{ {}, 1 }]), ops.matmul(q[{ 1 }], p) end, { x, w }))
    assert(mg.gradcheck(ops.linear, { x, w, v }))
    assert(mg.gradcheck(function(p, q, r) return ops.linear(p:reshape(2, 1, 3), q, r), ops.linear(p[1], q) end, { x, w, v }))
  end)

  it("refuse shapes that do not fit", function()
    local function refuses(text, op, ...)
      local ok, message = pcall(op, ...)
      assert.is_false(ok)
      assert.matches(text, message, 1, true)
    end
    refuses("matmul: a {2, 3} has 3 columns and b {2, 3} 2 rows, expected (..., M, K) and (..., K, N); likely fix: b:t()",
      ops.matmul, a, a)
    refuses("likely fix: a:t()", ops.matmul, mg.zeros(4, 2), mg.zeros(4, 3))
    refuses("matmul: a {5, 4, 2} has 2 columns and b {4, 3} 4 rows", ops.matmul, mg.zeros(5, 4, 2), mg.zeros(4, 3))
    refuses("likely fix: give b 3 rows", ops.matmul, a, mg.zeros(5))
    refuses("likely fix: a * b", ops.matmul, a, mg.tensor(2))
    refuses("linear: x {2, 3} has 3 columns and kernel {2, 3} 2 rows", ops.linear, a, a)
    assert.is_false(pcall(ops.matmul, a, 2))
    assert.is_false(pcall(ops.matmul, mg.tensor(1), a))
    assert.is_false(pcall(ops.linear, a, b, mg.ones(3)))
    assert.is_false(pcall(ops.linear, mg.tensor(1), a))
    assert.is_false(pcall(ops.matmul, mg.zeros(2, 2, 3), mg.zeros(3, 3, 2)))
  end)
end)

describe("qr", function()
  it("gives orthonormal columns and an upper triangle", function()
    for _, shape in ipairs { { 4, 3 }, { 3, 4 }, { 3, 3 } } do
      local a = mg.random.normal(shape, 0, 1, { dtype = "float64", seed = 5 })
      local q, r = a:qr()
      local k = math.min(shape[1], shape[2])
      near(q:t():matmul(q), mg.eye(k):to_table(), 1e-12)
      near(q:matmul(r), a:to_table(), 1e-12)
      for i = 2, k do
        for j = 1, i - 1 do assert.equal(0, r[{ i, j }]:item()) end
      end
    end
    assert.is_false(pcall(ops.qr, mg.ones(3)))
  end)

  it("refuses to lose a gradient", function()
    local v = mg.Variable(mg.ones(2, 2))
    local ok, message = pcall(ops.qr, v)
    assert.is_false(ok)
    assert.matches("qr: argument a {2, 2} requires a gradient", message, 1, true)
    assert.is_false(mg.no_grad(ops.qr, v).requires_grad)
  end)
end)
