local command = require "command"
local mg = require "moongate"

local MB = 2 ^ 20

describe("memory", function()
  it("reports live bytes", function()
    collectgarbage()
    collectgarbage()
    local before = mg.memory().live
    local t = mg.zeros(MB)
    assert.equal(4 * MB, mg.memory().live - before)
    local view = t[{ { 1, 10 } }]
    assert.equal(4 * MB, mg.memory().live - before)
    t:free()
    assert.equal(4 * MB, mg.memory().live - before)
    view:free()
    assert.equal(0, mg.memory().live - before)
  end)

  it("makes use of a freed tensor an error", function()
    local t, u = mg.zeros(2), mg.zeros(2)
    t:free()
    for _, use in ipairs { function() return t.shape end, function() return t + 1 end, function() return 1 + t end,
      function() return u + t end, function() return u:mul(t) end, function() return t[1] end, function() t[1] = 2 end,
      function() return mg.ops.exp(t) end, function() t:free() end, function() return -t end, function() return u:copy_(t) end,
      function() return mg.ops.concat { t } end, function() return mg.ops.gather(t, u) end } do
      local ok, message = pcall(use)
      assert.is_false(ok)
      assert.truthy(message:find("this tensor has been freed", 1, true), message)
    end
    assert.equal("[freed tensor]", tostring(t))
  end)

  -- In a process of its own: what may pile up grows with the Lua heap, which here holds every spec that ran before.
  it("collects garbage that the collector does not see", function()
    local text = command.run [[-e '
      local peak = 0
      for _ = 1, 100 do
        mg.zeros(2 ^ 20) -- 400 MB in all
        peak = math.max(peak, mg.memory().live)
      end
      print(peak)']]
    local peak = assert(tonumber(text), text)
    assert.is_true(peak < 100 * MB, text)
  end)

  it("collects tensors that got the handles of a scope's", function()
    mg.memory.scope(function()
      for _ = 1, 50 do mg.zeros(1) end
    end)
    collectgarbage()
    local before = mg.memory().live
    for _ = 1, 50 do mg.zeros(1000) end
    collectgarbage()
    collectgarbage()
    assert.truthy(mg.memory().live - before < 20000, mg.memory().live - before)
  end)

  -- In a process of its own, as above.
  it("collects after a scope, not inside it: the scope holds its tensors", function()
    local text = command.run [[-e '
      local collected, inside, peak = false, 0, 0
      local function step()
        require("ffi").gc(require("ffi").new("char[1]"), function() collected = true end)
        for _ = 1, 5 do mg.zeros(4 * 2 ^ 20) end -- 80 MB
        if collected then inside = inside + 1 end
        return mg.zeros(2 ^ 20)
      end
      collectgarbage()
      for _ = 1, 40 do -- 160 MB are returned and dropped
        collected = false
        mg.memory.scope(step)
        peak = math.max(peak, mg.memory().live)
      end
      print(inside, peak)']]
    local inside, peak = text:match("^(%d+)%s+(%d+)")
    assert.equal("0", inside, text)
    assert.is_true(tonumber(peak) < 64 * MB, text)
  end)

  it("frees a scope's tensors except what is returned or kept", function()
    local inside, kept, nested
    local a, list, n = mg.memory.scope(function(x)
      inside = mg.ones(3)
      kept = mg.ones(2):keep()
      nested = mg.zeros(4)
      return inside + x, { nested }, 7
    end, 2)
    assert.same({ 3, 3, 3 }, a:to_table())
    assert.same({ 0, 0, 0, 0 }, list[1]:to_table())
    assert.equal(7, n)
    assert.same({ 1, 1 }, kept:to_table())
    assert.is_false(pcall(function() return inside.shape end))
  end)

  it("nests scopes: what an inner one returns belongs to the outer", function()
    local inner
    mg.memory.scope(function()
      inner = mg.memory.scope(function() return mg.ones(2) end)
      assert.equal(1, inner[1]:item())
    end)
    assert.is_false(pcall(function() return inner.shape end))
  end)

  it("keeps masks that ride on returned tensors", function()
    local y = mg.memory.scope(function()
      local t = mg.ones(2)
      t.keras_mask = mg.tensor { true, false }
      return t
    end)
    assert.same({ 1, 0 }, y.keras_mask:to_table())
  end)

  it("closes a scope when an error leaves it", function()
    local inside
    local ok, message = pcall(mg.memory.scope, function()
      inside = mg.ones(3)
      error("stop", 0)
    end)
    assert.is_false(ok)
    assert.equal("stop", message)
    assert.is_false(pcall(function() return inside.shape end))
    local after = mg.ones(2)
    assert.equal("{2}", tostring(after.shape))
  end)

  it("survives failed allocations", function()
    for _ = 1, 3 do
      local ok, message = pcall(mg.zeros, 2 ^ 40, 2 ^ 9)
      assert.is_false(ok)
      assert.matches("memory_spec.lua:%d+: alloc: 2251799813685248 bytes", message) -- 2^49 floats
    end
    assert.equal(0, mg.zeros(1):item())
  end)

  it("gives memory back", function()
    mg.memory.trim()
    assert.equal(0, mg.memory().cached)
  end)
end)
