local shapes = require "moongate.shape"
local own = shapes.own

describe("shape", function()
  it("prints, compares and counts", function()
    assert.equal("{2, 3}", tostring(own { 2, 3 }))
    assert.equal("{}", tostring(own {}))
    assert.is_true(own { 2, 3 } == own { 2, 3 })
    assert.is_false(own { 2, 3 } == own { 3, 2 })
    assert.is_false(own { 2 } == own { 2, 1 })
    assert.equal(24, shapes.count { 2, 3, 4 })
    assert.equal(1, shapes.count {})
  end)

  it("checks sizes", function()
    assert.same({ 2, 0 }, { unpack(shapes.of("op", { 2, 0 })) })
    assert.same({ 2, 3 }, { unpack(shapes.of("op", 2, 3)) })
    for _, bad in ipairs { { -1 }, { 1.5 }, { "2" }, { 0 / 0 }, { math.huge }, { 1, 1, 1, 1, 1, 1, 1, 1, 1 } } do
      assert.is_false(pcall(shapes.of, "op", bad))
    end
    assert.is_false(pcall(shapes.of, "op", "x"))
  end)

  it("counts dimensions from 1, negative from the end", function()
    assert.equal(1, shapes.dim("op", 1, 3))
    assert.equal(3, shapes.dim("op", -1, 3))
    assert.equal(4, shapes.dim("op", -1, 3, 1))
    for _, bad in ipairs { 0, 4, -4, 1.5, 0 / 0, "1", {} } do assert.is_false(pcall(shapes.dim, "op", bad, 3)) end
    assert.is_false(pcall(shapes.dim, "op", nil, 3))
  end)

  it("broadcasts", function()
    local function both(a, b) return { unpack(shapes.broadcast("op", own(a), own(b))) } end
    assert.same({ 2, 3 }, both({ 2, 3 }, { 3 }))
    assert.same({ 2, 3 }, both({ 2, 1 }, { 1, 3 }))
    assert.same({ 4, 2, 3 }, both({ 3 }, { 4, 2, 1 }))
    assert.same({ 0 }, both({ 1 }, { 0 }))
    assert.same({ 2 }, both({}, { 2 }))
    local function refusal(a, b) return select(2, pcall(shapes.broadcast, "add", own(a), own(b))) end
    assert.matches("add: shapes {2, 3} and {2} do not broadcast (3 against 2 in dimension 2), expected equal sizes or 1; "
      .. "likely fix: {2}:expand_dims(-1)", refusal({ 2, 3 }, { 2 }), 1, true)
    assert.matches("likely fix: transpose one of them", refusal({ 2, 3 }, { 3, 2 }), 1, true)
    assert.matches("or 1$", refusal({ 2, 3 }, { 4, 5 }))
  end)

  it("print as Keras's", function()
    assert.equal("(None, 3)", shapes.text { require "moongate.null", 3 })
    assert.equal("(4,)", shapes.text { 4 })
    assert.equal("()", shapes.text {})
  end)
end)
