local mg = require "moongate"
local near = require "near"

local function f64(value) return mg.tensor(value, { dtype = "float64" }) end
local function message(f, ...)
  local ok, text = pcall(f, ...)
  assert.is_false(ok)
  return tostring(text)
end

describe("gradients", function()
  it("follow the chain rule", function()
    local x = f64({ 2, 3 }):requires_grad_()
    local y = x * x + 3 * x -- dy/dx = 2x + 3
    near(mg.gradients(y:sum(), { x })[1], { 7, 9 })
  end)

  it("add up over several uses", function()
    local x = f64({ 2 }):requires_grad_()
    local y = x
    for _ = 1, 9 do y = y * x end -- x^10
    near(mg.gradients(y:sum() + x:sum() + x:sum(), { x })[1], { 10 * 512 + 2 })
  end)

  it("reach intermediate results, and give zeros where there is no way", function()
    local x, other = f64({ 2, 3 }):requires_grad_(), f64({ { 1 } }):requires_grad_()
    local y = x * x
    local loss = (y * 4):sum()
    local g = mg.gradients(loss, { y, x, other, loss })
    near(g[1], { 4, 4 })
    near(g[2], { 16, 24 })
    near(g[3], { { 0 } })
    near(g[4], 1)
  end)

  it("are memory of their own", function()
    local x, y = f64({ 1, 2 }):requires_grad_(), f64({ 3, 4 }):requires_grad_()
    local g = mg.gradients((x + y):sum(), { x, y })
    g[1]:add_(5)
    near(g[1], { 6, 6 })
    near(g[2], { 1, 1 })
  end)

  it("take the gradient of a result that is no scalar", function()
    local x = f64({ 1, 2 }):requires_grad_()
    near(mg.gradients(x * 3, { x }, { gradient = f64 { 1, 10 } })[1], { 3, 30 })
    assert.truthy(message(mg.gradients, x * 3, { x }):find("expected one element", 1, true))
    message(mg.gradients, x * 3, { x }, { gradient = f64 { 1 } })
    message(mg.gradients, x * 3, { x }, { gradient = mg.ones(2) })
  end)

  it("use the graph up unless it is retained", function()
    local x = f64({ 2 }):requires_grad_()
    local loss = (x * x):sum()
    near(mg.gradients(loss, { x }, { retain_graph = true })[1], { 4 })
    near(mg.gradients(loss, { x })[1], { 4 })
    assert.truthy(message(mg.gradients, loss, { x }):find("used already", 1, true))
    local shared = x * x
    mg.gradients(shared:sum(), { x })
    assert.truthy(message(mg.gradients, (shared * 2):sum(), { x }):find("used already", 1, true))
  end)

  it("need something that requires them", function()
    local x = f64 { 1 }
    assert.truthy(message(mg.gradients, x:sum(), { x }):find("depends on no tensor that requires a gradient", 1, true))
    local y = f64({ 1 }):requires_grad_()
    assert.truthy(message(mg.gradients, y:sum(), { x }):find("requires no gradient", 1, true))
    message(mg.gradients, 3, { y })
    message(mg.gradients, y:sum(), 3)
    message(mg.gradients, y:sum(), { y, 3 })
    message(mg.gradients, y:sum(), { y }, { retain = true })
    message(function() mg.ones(2, { dtype = "int32" }):requires_grad_() end)
  end)

  it("notice changes in place", function()
    local x = f64({ 1, 2 }):requires_grad_()
    local w = f64 { 3, 4 }
    local loss = (x * w):sum()
    w:mul_(2)
    assert.truthy(message(mg.gradients, loss, { x }):find("changed in place", 1, true))
    local e = x:exp()
    mg.no_grad(function() e:add_(1) end)
    assert.truthy(message(mg.gradients, e:sum(), { x }):find("changed in place", 1, true))
    local chosen = mg.tensor({ 1, 0 }, { dtype = "uint8" })
    local c = mg.ops.where(chosen, x * 2, 0):sum()
    chosen:fill_(0)
    assert.truthy(message(mg.gradients, c, { x }):find("changed in place", 1, true))
    local s = x + w
    w:zero_() -- a sum does not need its terms
    near(mg.gradients(s:sum(), { x })[1], { 1, 1 })
    assert.truthy(message(function() x:add_(1) end):find("cannot be changed in place", 1, true))
    message(function() x[1] = 1 end)
    message(function() w:copy_(x) end)
    message(function() w:add_(x) end)
    message(function() w[1] = x[1] end)
    near(w, { 0, 0 })
  end)

  it("leave nothing behind after an error", function()
    local x = f64({ 1, 2 }):requires_grad_()
    local w = f64 { 3, 4 }
    local loss = (x * w):sum() + (x * 2):sum()
    w:mul_(2)
    message(mg.gradients, loss, { x })
    near(mg.gradients((x * 5):sum(), { x })[1], { 5, 5 })
  end)

  it("walk long graphs", function()
    local x = f64({ 1 }):requires_grad_()
    local y = x
    for _ = 1, 20000 do y = y + 1 end
    near(mg.gradients(y:sum(), { x })[1], { 1 })
  end)

  it("free what they made on their way", function()
    local x = mg.ones(1000):requires_grad_()
    local loss = (x:exp() * x:sin() + x:sqrt()):sum()
    collectgarbage()
    collectgarbage()
    local before = mg.memory().live
    local g = mg.gradients(loss, { x }, { retain_graph = true })
    assert.equal(4000, mg.memory().live - before - 4) -- one gradient and the seed
    assert.equal(1000, g[1]:numel())
  end)
end)

describe("backward", function()
  it("adds to grad", function()
    local x = f64({ 1, 2 }):requires_grad_();
    (x * x):sum():backward()
    near(x.grad, { 2, 4 });
    (x * 3):sum():backward()
    near(x.grad, { 5, 7 })
    x:zero_grad()
    assert.is_nil(x.grad)
  end)

  it("survives the scope of a step", function()
    local x = f64({ 1, 2 }):requires_grad_()
    mg.memory.scope(function() (x * x):sum():backward() end)
    near(x.grad, { 2, 4 })
  end)
end)

describe("recording", function()
  it("stops inside no_grad, also after errors", function()
    local x = f64({ 1 }):requires_grad_()
    local y, inside = mg.no_grad(function() return x * 2, mg.is_recording() end)
    assert.is_false(y.requires_grad)
    assert.is_false(inside)
    assert.is_true(mg.is_recording())
    assert.equal("stop", message(mg.no_grad, function() error("stop", 0) end))
    assert.is_true(mg.is_recording())
    mg.no_grad(function() assert.is_true(mg.enable_grad(function() return (x * 2).requires_grad end)) end)
    message(mg.no_grad, 3)
  end)

  it("stops at detach", function()
    local x = f64({ 3 }):requires_grad_()
    near(mg.gradients((x * x:detach()):sum(), { x })[1], { 3 })
    assert.is_false(x:detach().requires_grad)
    assert.is_true(x.is_leaf)
    assert.is_false((x * 2).is_leaf)
    assert.is_false(x:requires_grad_(false).requires_grad)
  end)
end)

describe("operation", function()
  local cube = mg.operation {
    name = "cube",
    forward = function(context, x)
      context.x, context.saved = x, { x }
      return x * x * x
    end,
    backward = function(context, dy) return dy * 3 * context.x * context.x end,
  }

  it("gives functions of one's own a gradient", function()
    assert(mg.gradcheck(cube, { f64 { 1, -2, 0.5 } }))
    local x = f64({ 2 }):requires_grad_()
    near(mg.gradients((cube(x) * 2):sum(), { x })[1], { 24 })
  end)

  it("may have several inputs, outputs and other arguments", function()
    local both = mg.operation {
      name = "both", forward = function(context, x, s, y)
        context.x, context.y, context.s = x, y, s
        return x * y, x * s
      end,
      backward = function(context, da, db)
        local dx = (da and da * context.y or 0) + (db and db * context.s or 0)
        return dx, da and da * context.x
      end,
    }
    assert(mg.gradcheck(function(x, y) return both(x, 3, y) end, { f64 { 1, 2 }, f64 { 3, 5 } }))
    assert(mg.gradcheck(function(x, y) return (select(2, both(x, 3, y))) end, { f64 { 1, 2 }, f64 { 3, 5 } }))
  end)

  it("is checked", function()
    local function double(_, x) return x * 2 end
    local wrong = mg.operation { name = "wrong", forward = double, backward = function(_, dy) return dy end }
    local ok, text = mg.gradcheck(wrong, { f64 { 1, 2 } })
    assert.is_false(ok)
    assert.truthy(text:find("input 1, element 1", 1, true), text)
    local misshapen = mg.operation { name = "misshapen", forward = double, backward = function(_, dy) return dy[1] end }
    assert.truthy(message(mg.gradcheck, misshapen, { f64 { 1, 2 } }):find("misshapen.backward: result 1", 1, true))
    message(mg.operation, { name = "x" })
    message(mg.operation, { name = "x", forward = 1, backward = 2 })
  end)
end)
