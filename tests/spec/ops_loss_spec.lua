local mg = require "moongate"
local near = require "near"
local ops = mg.ops

local function f64(value) return mg.tensor(value, { dtype = "float64" }) end
local log, exp = math.log, math.exp

describe("fused losses", function()
  local logits = f64 { { 1, 2, 0.5 }, { -1, 0, 3 } }
  local ids = mg.tensor({ 1, 0 }, { dtype = "int32" })
  local z1, z2 = log(exp(1) + exp(2) + exp(0.5)), log(exp(-1) + exp(0) + exp(3))

  it("cross-entropy of ids and of targets", function()
    near(ops.cross_entropy(logits, ids), { z1 - 2, z2 + 1 }, 1e-12)
    near(ops.cross_entropy(logits, ids, mg.tensor { 2, 0 }), { 2 * (z1 - 2), 0 }, 1e-12)
    near(ops.cross_entropy(logits, f64 { { 0.5, 0.5, 0 }, { 0, 0, 1 } }), { z1 - 1.5, z2 - 3 }, 1e-12)
    near(ops.cross_entropy(logits:float(), ids:float()), { z1 - 2, z2 + 1 }, 1e-5)
  end)

  it("skips rows of weight 0, whatever they hold", function()
    local x = f64({ { 0 / 0, 1, 2 }, { 1, 2, 3 } }):requires_grad_()
    local loss = ops.cross_entropy(x, mg.tensor({ 99, 0 }, { dtype = "int32" }), mg.tensor { 0, 1 })
    assert.equal(0, loss[1]:item())
    near(mg.gradients(loss:sum(), { x })[1][1], { 0, 0, 0 })
  end)

  it("pointwise", function()
    local p, t = f64 { { 1, -2 }, { 3, 0.5 } }, f64 { { 0, 1 }, { 3, 0 } }
    near(ops.pointwise_loss("squared", p, t), { 5, 0.125 }, 1e-12)
    near(ops.pointwise_loss("absolute", p, t), { 2, 0.25 }, 1e-12)
    near(ops.pointwise_loss("huber", p, t, nil, 1), { (0.5 + 2.5) / 2, 0.0625 }, 1e-12)
    near(ops.pointwise_loss("squared", p, t, mg.tensor { 3, 0 }), { 15, 0 }, 1e-12)
    local q = f64 { { 0, 1 }, { 1, 0 } }
    near(ops.pointwise_loss("binary_logits", p, q),
      { (log(1 + exp(1)) + log(1 + exp(2))) / 2, (log(1 + exp(-3)) + log(1 + exp(0.5))) / 2 }, 1e-12)
  end)

  it("have gradients", function()
    local w = f64 { 0.5, 2 }
    local targets = f64 { { 0.5, 0.5, 0 }, { 0.1, 0.2, 0.7 } }
    assert(mg.gradcheck(function(x)
      return ops.cross_entropy(x, ids), ops.cross_entropy(x, ids, w), ops.cross_entropy(x, targets, w)
    end, { logits }))
    for _, kind in ipairs { "squared", "absolute", "huber", "binary_logits" } do
      assert(mg.gradcheck(function(x) return ops.pointwise_loss(kind, x, targets, w, 0.8), ops.pointwise_loss(kind, x, targets) end,
        { logits }))
    end
  end)

  it("refuse what does not fit", function()
    local ok, message = pcall(ops.cross_entropy, logits, mg.tensor({ 1, 3 }, { dtype = "int32" }))
    assert.is_false(ok)
    assert.truthy(message:find("3", 1, true), message)
    assert.is_false(pcall(ops.cross_entropy, logits, mg.tensor({ 1 }, { dtype = "int32" })))
    assert.is_false(pcall(ops.cross_entropy, logits[1], ids))
    assert.is_false(pcall(ops.cross_entropy, logits, ids, mg.ones(3)))
    assert.is_false(pcall(ops.pointwise_loss, "squred", logits, logits))
    assert.is_false(pcall(ops.pointwise_loss, "squared", logits, logits[1]))
    assert.is_false(pcall(ops.pointwise_loss, "squared", logits, nil))
    assert.is_false(pcall(ops.pointwise_loss, "huber", logits, logits, nil, "x"))
  end)
end)
