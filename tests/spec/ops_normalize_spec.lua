-- normalize: the numbers of its formula, its gradients, its errors.
local makers = require "layer_makers"
local mg = require "moongate"
local ops = mg.ops

local function values(...) return makers.waves(1.3, ...) end

describe("normalize", function()
  it("gives mean 0 and variance 1, and what it took off and divided by", function()
    local y, mean, variance = ops.normalize(mg.tensor({ { 1, 3 }, { 2, 10 } }, { dtype = "float64" }), { 2 }, 0)
    assert.are.same({ { -1, 1 }, { -1, 1 } }, y:to_table())
    assert.are.same({ { 2 }, { 6 } }, mean:to_table())
    assert.are.same({ { 1 }, { 16 } }, variance:to_table())
  end)

  it("adds epsilon to the variance, multiplies by gamma and adds beta", function()
    local x = mg.tensor({ { 1 }, { 3 } }, { dtype = "float64" })
    local y = ops.normalize(x, { 1 }, 3, mg.tensor({ 4 }, { dtype = "float64" }), mg.tensor({ 10 }, { dtype = "float64" }))
    assert.are.same({ { 8 }, { 12 } }, y:to_table())
  end)

  it("has gradients in all its inputs", function()
    for _, dims in ipairs { { 3 }, { 1, 2 }, { 2, 3 }, { 1 } } do
      assert(mg.gradcheck(function(x) return (ops.normalize(x, dims, 0.1)) end, { values(2, 3, 4) }))
      assert(mg.gradcheck(function(x, gamma, beta) return (ops.normalize(x, dims, 0.1, gamma, beta)) end,
        { values(2, 3, 4), values(1, 1, 4), values(1, 3, 1) }))
    end
    local x = values(2, 3)
    assert(mg.gradcheck(function(gamma) return (ops.normalize(x, { 2 }, 0.1, gamma)) end, { values(3) }))
  end)

  it("takes integers and float32", function()
    assert.are.equal("float32", ops.normalize(mg.tensor({ 1, 3 }, "int32"), { 1 }, 0).dtype)
    assert.are.same({ -1, 1 }, ops.normalize(mg.tensor { 1, 3 }, { 1 }, 0):to_table())
  end)

  it("says what does not fit", function()
    local ok, message = pcall(ops.normalize, values(2, 3), { 2 }, 0, values(2, 2, 3))
    assert.is_false(ok)
    assert.matches("normalize: argument gamma {2, 2, 3} is larger than x {2, 3}", message)
    assert.is_false(pcall(ops.normalize, values(2, 3), { 3 }, 0))
    assert.is_false(pcall(ops.normalize, values(2, 3), 2, 0))
  end)
end)
