local mg = require "moongate"
local near = require "near"
local ops = mg.ops

local function ids(value) return mg.tensor(value, { dtype = "int32" }) end

describe("rows by index", function()
  local source = mg.tensor { { 1, 2 }, { 3, 4 }, { 5, 6 } }

  it("gather", function()
    near(ops.gather(source, ids { 2, 0, 2 }), { { 5, 6 }, { 1, 2 }, { 5, 6 } })
    near(source:gather(ids { { 0, 1 }, { 1, 1 } }), { { { 1, 2 }, { 3, 4 } }, { { 3, 4 }, { 3, 4 } } })
    near(ops.gather(mg.tensor { 7, 8, 9 }, ids { 1, 2 }), { 8, 9 })
    near(ops.gather(source, mg.tensor { 1 }), { { 3, 4 } })
    assert.equal("uint8", ops.gather(mg.tensor { true, false }, ids { 0 }).dtype)
    local ok, message = pcall(ops.gather, source, ids { 0, 3 })
    assert.is_false(ok)
    assert.truthy(message:find("gather", 1, true) and message:find("3", 1, true), message)
    assert.is_false(pcall(ops.gather, source, ids { -1 }))
    assert.is_false(pcall(ops.gather, mg.tensor(1), ids { 0 }))
    assert.is_false(pcall(ops.gather, source, 1))
  end)

  it("add up", function()
    near(ops.scatter_add(source, ids { 0, 0, 2 }, mg.tensor { { 1, 1 }, { 10, 10 }, { 100, 100 } }),
      { { 12, 13 }, { 3, 4 }, { 105, 106 } })
    near(source, { { 1, 2 }, { 3, 4 }, { 5, 6 } })
    assert.is_false(pcall(ops.scatter_add, source, ids { 3 }, mg.ones(1, 2)))
    assert.is_false(pcall(ops.scatter_add, source, ids { 0 }, mg.ones(2, 2)))
  end)

  it("become one-hot vectors", function()
    near(ops.one_hot(ids { 1, 0, 3, -1 }, 3), { { 0, 1, 0 }, { 1, 0, 0 }, { 0, 0, 0 }, { 0, 0, 0 } })
    assert.equal("uint8", ops.one_hot(ids { 1 }, 2, "uint8").dtype)
    assert.equal("{2, 2, 4}", tostring(ops.one_hot(ids { { 1, 2 }, { 3, 0 } }, 4).shape))
    assert.is_false(pcall(ops.one_hot, ids { 1 }, 0))
    assert.is_false(pcall(ops.one_hot, ids { 1 }))
  end)

  it("have gradients", function()
    local t, r = source:double(), mg.tensor({ { 0.5, 1 }, { 2, 3 } }, { dtype = "float64" })
    local index = ids { 2, 0 }
    assert(mg.gradcheck(function(p) return ops.gather(p, ids { { 2, 0, 2 }, { 1, 1, 1 } }) end, { t }))
    assert(mg.gradcheck(function(p, q) return ops.scatter_add(p, index, q) end, { t, r }))
  end)

  it("notices ids that change before backward", function()
    local t, index = source:copy():requires_grad_(), ids { 2, 0 }
    local loss = ops.gather(t, index):sum()
    index[1] = 1
    local ok, message = pcall(mg.gradients, loss, { t })
    assert.is_false(ok)
    assert.truthy(message:find("changed in place", 1, true), message)
  end)

  it("takes whole numbers of any dtype for ids, and refuses NaN, of which a cast makes 0", function()
    assert.same({ { 5, 6 }, { 1, 2 } }, ops.gather(source, mg.tensor { 2, 0 }):to_table())
    assert.same({ { 3, 4 } }, ops.gather(source, mg.tensor { 1.5 }):to_table()) -- Keras casts too
    for _, dtype in ipairs { "float32", "float64" } do
      local bad = mg.tensor({ { 1, 0 / 0 } }, { dtype = dtype })
      assert.matches("gather: ids hold NaN", select(2, pcall(ops.gather, source, bad)))
      assert.matches("ids hold NaN", select(2, pcall(mg.layers.Embedding(3, 2, { dtype = dtype }), bad)))
    end
  end)
end)
