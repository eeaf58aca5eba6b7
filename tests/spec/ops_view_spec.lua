local mg = require "moongate"
local near = require "near"
local ops = mg.ops

describe("views", function()
  local x = mg.arange(6):reshape(2, 3)

  it("reshape", function()
    near(x:reshape(3, 2), { { 0, 1 }, { 2, 3 }, { 4, 5 } })
    near(x:reshape { -1 }, { 0, 1, 2, 3, 4, 5 })
    near(x:t():reshape(2, -1), { { 0, 3, 1 }, { 4, 2, 5 } })
    assert.equal("{1, 2, 3}", tostring(x:expand_dims(1).shape))
    assert.equal("{2, 3, 1}", tostring(x:expand_dims(-1).shape))
    assert.equal("{2, 3}", tostring(x:reshape(1, 2, 1, 3):squeeze().shape))
    assert.equal("{1, 2, 3}", tostring(x:reshape(1, 2, 1, 3):squeeze(3).shape))
    assert.equal("{0, 4}", tostring(mg.zeros(0, 2):reshape(0, 4).shape))
    for _, bad in ipairs { { 4 }, { -1, -1 }, { -1, 4 }, { 2.5 }, { -2 }, { "6" }, {} } do
      assert.is_false(pcall(ops.reshape, x, bad))
    end
    assert.is_false(pcall(ops.reshape, x))
    assert.is_false(pcall(ops.squeeze, x, 1))
  end)

  it("permute", function()
    near(x:t(), { { 0, 3 }, { 1, 4 }, { 2, 5 } })
    near(x:permute(2, 1), { { 0, 3 }, { 1, 4 }, { 2, 5 } })
    local y = mg.arange(24):reshape(2, 3, 4):permute { 3, 1, 2 }
    assert.equal("{4, 2, 3}", tostring(y.shape))
    assert.equal(1 * 12 + 2 * 4 + 3, y[{ 4, 2, 3 }]:item())
    assert.equal("{2, 4, 3}", tostring(ops.transpose(mg.zeros(2, 3, 4)).shape))
    assert.equal("{4, 3, 2}", tostring(ops.transpose(mg.zeros(2, 3, 4), 1, 3).shape))
    for _, bad in ipairs { { 1 }, { 1, 1 }, { 1, 3 }, { 0, 1 }, { 1, 2, 3 } } do assert.is_false(pcall(ops.permute, x, bad)) end
    assert.is_false(pcall(ops.t, mg.zeros(2)))
    assert.is_false(pcall(ops.transpose, mg.zeros(2)))
  end)

  it("slice", function()
    near(x:slice(2, 2, 3), { { 1, 2 }, { 4, 5 } })
    near(x:slice(2, 1, -1, 2), { { 0, 2 }, { 3, 5 } })
    near(x:slice(2, nil, nil, -1), { { 2, 1, 0 }, { 5, 4, 3 } })
    near(x:slice(2, -1, 2, -1), { { 2, 1 }, { 5, 4 } })
    assert.equal("{2, 0}", tostring(x:slice(2, 2, 1).shape))
    assert.equal("{2, 0}", tostring(x:slice(2, 4, 3).shape))
    assert.equal("{0, 3}", tostring(mg.zeros(0, 3):slice(1).shape))
    near(x:select(2, -1), { 2, 5 })
    for _, bad in ipairs { { 1, 4 }, { 0, 1 }, { 5, 5 }, { -4, 1 } } do assert.is_false(pcall(ops.slice, x, 2, bad[1], bad[2])) end
    assert.is_false(pcall(ops.slice, x, 2, 1, 2, 0))
    assert.is_false(pcall(ops.slice, x, 3, 1, 2))
  end)

  it("reverse, split, broadcast", function()
    near(x:reverse(2), { { 2, 1, 0 }, { 5, 4, 3 } })
    assert.equal("{0}", tostring(mg.zeros(0):reverse(1).shape))
    local pieces = x:split({ 1, 2 }, 2)
    near(pieces[1], { { 0 }, { 3 } })
    near(pieces[2], { { 1, 2 }, { 4, 5 } })
    local parts = mg.arange(5):split(2)
    assert.equal(3, #parts)
    near(parts[3], { 4 })
    near(mg.tensor({ { 1 }, { 2 } }):broadcast_to { 2, 2, 2 }, { { { 1, 1 }, { 2, 2 } }, { { 1, 1 }, { 2, 2 } } })
    assert.is_false(pcall(ops.split, x, { 1, 1 }, 2))
    assert.is_false(pcall(ops.split, x, 0, 2))
    assert.is_false(pcall(ops.broadcast_to, x, { 2, 2 }))
    assert.is_false(pcall(ops.broadcast_to, x, { 3 }))
    assert.is_false(pcall(ops.reverse, x, 3))
  end)

  it("share memory", function()
    local y = mg.zeros(2, 3)
    y:t()[1] = 1
    y:reshape(6)[-1] = 2
    y:reverse(1)[{ 1, 2 }] = 3
    near(y, { { 1, 0, 0 }, { 1, 3, 2 } })
  end)

  it("have gradients", function()
    local z = mg.tensor({ { 0.5, -1, 2 }, { 3, 0.7, -0.2 } }, { dtype = "float64" })
    local functions = {
      function(t) return t:reshape(3, 2), t:t():reshape(6), t:expand_dims(2), t:reshape(1, 2, 3):squeeze() end,
      function(t) return t:permute(2, 1), t:transpose(), t:t() end,
      function(t) return t:slice(2, 2, 3), t:slice(1, 2, 1, -1), t[2], t[{ {}, { 1, 3, 2 } }], t[{ -1, 2 }], t:select(2, 3) end,
      function(t) return t:reverse(1), t:reverse(2), t:broadcast_to { 4, 2, 3 } end,
      function(t) return unpack(t:split({ 1, 2 }, 2)) end,
      function(t) return t:split(1, 1)[2] end,
    }
    for _, f in ipairs(functions) do assert(mg.gradcheck(f, { z })) end
  end)
end)
