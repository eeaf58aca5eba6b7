local mg = require "moongate"
local near = require "near"
local Variable = mg.Variable

describe("Variable", function()
  it("is a tensor that requires a gradient", function()
    local source = mg.tensor { 1, 2 }
    local v = Variable(source, { name = "kernel" })
    source:zero_()
    near(v, { 1, 2 })
    assert.equal("kernel", v.name)
    assert.is_true(v.trainable)
    assert.is_true(v.requires_grad)
    assert.is_true(Variable.is(v))
    assert.is_false(Variable.is(source))
    assert.is_true(mg.is_tensor(v))
    near(mg.gradients((v * v):sum(), { v })[1], { 2, 4 })
  end)

  it("may be untrainable or of integers", function()
    assert.is_false(Variable({ 1 }, { trainable = false }).requires_grad)
    assert.is_false(Variable({ 1 }, { dtype = "int32" }).requires_grad)
    local v = Variable { 1 }
    assert.is_false(v:set_trainable(false).requires_grad)
    assert.is_true(v:set_trainable(true).requires_grad)
  end)

  it("takes over values", function()
    local v = Variable { 1, 2 }
    v:assign { 3, 4 }
    near(v, { 3, 4 })
    v:assign(mg.tensor({ 5, 6 }, { dtype = "int32" }))
    near(v, { 5, 6 })
    local ok, message = pcall(v.assign, v, { 1, 2, 3 })
    assert.is_false(ok)
    assert.truthy(message:find("assign: value has shape {3}, expected {2}", 1, true), message)
  end)

  it("outlives the scope that made it", function()
    local v
    mg.memory.scope(function() v = Variable { 7 } end)
    near(v, { 7 })
  end)

  it("refuses unknown options", function()
    assert.is_false(pcall(Variable, { 1 }, { nam = "x" }))
    assert.is_false(pcall(Variable, "x"))
  end)
end)
