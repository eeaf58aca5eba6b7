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

describe("layer_norm", function()
  local function same_as_normalize(shape, n)
    local dims, sizes = {}, {}
    for i = 1, n do
      dims[i] = #shape - n + i
      sizes[i] = shape[dims[i]]
    end
    local x, gamma, beta = values(unpack(shape)), values(unpack(sizes)), values(unpack(sizes))
    local a, b = ops.layer_norm(x, n, 0.1, gamma, beta), ops.normalize(x, dims, 0.1, gamma, beta)
    assert.is_true(ops.max(ops.abs(a - b)):item() < 1e-12)
  end

  it("is normalize over the last dimensions", function()
    same_as_normalize({ 2, 3, 4 }, 1)
    same_as_normalize({ 2, 3, 4 }, 2)
    same_as_normalize({ 2, 3, 4 }, 3)
    same_as_normalize({ 70, 33 }, 1)
    local y = ops.layer_norm(mg.tensor({ { 1, 3 }, { 2, 10 } }, { dtype = "float64" }), 1, 0)
    assert.are.same({ { -1, 1 }, { -1, 1 } }, y:to_table())
  end)

  it("has gradients in all its inputs", function()
    for n = 1, 2 do
      local sizes = n == 1 and { 4 } or { 3, 4 }
      assert(mg.gradcheck(function(x) return ops.layer_norm(x, n, 0.1) end, { values(2, 3, 4) }))
      assert(mg.gradcheck(function(x, gamma, beta) return ops.layer_norm(x, n, 0.1, gamma, beta) end,
        { values(2, 3, 4), values(unpack(sizes)), values(unpack(sizes)) }))
    end
    local x = values(5, 3)
    assert(mg.gradcheck(function(beta) return ops.layer_norm(x, 1, 0.1, nil, beta) end, { values(3) }))
    assert(mg.gradcheck(function(gamma) return ops.layer_norm(x:permute { 2, 1 }, 1, 0.1, gamma) end, { values(5) }))
  end)

  it("tells that x was changed before backward", function()
    local x = values(2, 3):requires_grad_()
    local z = x * 1
    local y = ops.sum(ops.layer_norm(z, 1, 0))
    mg.no_grad(function() z:fill_(1) end)
    assert.is_false(pcall(y.backward, y))
  end)

  it("takes float32, integers and no rows", function()
    assert.are.same({ -1, 1 }, ops.layer_norm(mg.tensor({ 1, 3 }, "int32"), 1, 0):to_table())
    assert.are.equal("{0, 3}", tostring(ops.layer_norm(mg.zeros { 0, 3 }, 1, 0).shape))
  end)

  it("says what does not fit", function()
    local ok, message = pcall(ops.layer_norm, values(2, 3), 1, 0, values(2))
    assert.is_false(ok)
    assert.matches("layer_norm: argument gamma {2} does not fit x {2, 3}, expected {3}", message, 1, true)
    assert.is_false(pcall(ops.layer_norm, values(2, 3), 3, 0))
    assert.is_false(pcall(ops.layer_norm, values(2, 3), 1, -1))
  end)
end)
