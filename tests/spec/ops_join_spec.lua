local mg = require "moongate"
local near = require "near"
local ops = mg.ops

describe("copies", function()
  local a, b = mg.tensor { { 1, 2 }, { 3, 4 } }, mg.tensor { { 5, 6 } }

  it("concatenate and stack", function()
    near(ops.concat { a, b }, { { 1, 2 }, { 3, 4 }, { 5, 6 } })
    near(ops.concat({ a, b:t() }, -1), { { 1, 2, 5 }, { 3, 4, 6 } })
    near(ops.concat { a, mg.zeros(0, 2) }, { { 1, 2 }, { 3, 4 } })
    near(ops.stack({ a[1], a[2] }, 2), { { 1, 3 }, { 2, 4 } })
    near(ops.stack { mg.tensor(1), mg.tensor(2) }, { 1, 2 })
    assert.equal("float64", ops.concat({ a, b:double() }).dtype)
    for _, bad in ipairs { {}, { a, mg.zeros(2) }, { a, 1 }, { a, mg.zeros(1, 3) } } do assert.is_false(pcall(ops.concat, bad)) end
    assert.is_false(pcall(ops.concat, a))
    assert.is_false(pcall(ops.concat, { a }, 3))
    assert.is_false(pcall(ops.stack, { a, b }))
    assert.is_false(pcall(ops.stack, nil))
  end)

  it("pad", function()
    near(ops.pad(b, { { 1, 0 }, { 0, 2 } }), { { 0, 0, 0, 0 }, { 5, 6, 0, 0 } })
    near(ops.pad(b, { { 0, 0 }, { 1, 0 } }, -1), { { -1, 5, 6 } })
    for _, bad in ipairs { { { 1, 1 } }, { { 1, -1 }, { 0, 0 } }, { { 1 }, { 0, 0 } }, { 1, 2 } } do
      assert.is_false(pcall(ops.pad, b, bad))
    end
    assert.is_false(pcall(ops.pad, b, { { 0, 0 }, { 0, 0 } }, "x"))
  end)

  it("cast: floats truncate and saturate", function()
    near(mg.tensor({ 1.9, -1.9, 1e12, 0 / 0 }):cast "int32", { 1, -1, 2 ^ 31 - 1, 0 })
    near(mg.tensor({ -3, 300 }):cast "uint8", { 0, 255 })
    assert.equal(a, a:cast "float32")
    assert.is_false(pcall(ops.cast, a))
    assert.is_false(pcall(ops.cast, a, "float16"))
  end)

  it("have gradients", function()
    local x, y = a:double(), b:double()
    assert(mg.gradcheck(function(p, q) return ops.concat { p, q, p }, ops.concat({ p, q:t() }, 2) end, { x, y }))
    assert(mg.gradcheck(function(p, q) return ops.stack({ p[1], q[1] }, 2) end, { x, y }))
    assert(mg.gradcheck(function(p) return p:copy(), p:contiguous(), ops.pad(p, { { 1, 2 }, { 0, 1 } }, 3) end, { x }))
    local z = mg.ones(2):requires_grad_()
    local g = mg.gradients((z:double() * 3):sum(), { z })[1]
    assert.equal("float32", g.dtype)
    near(g, { 3, 3 })
  end)
end)
