-- The inner loops of the GRU's matrix products keep their sums in registers. Inlined into larger functions compilers put them on
-- the stack, at two thirds of the speed; so the machine code itself is looked at.
local where = require "where"

local function disassembly()
  local pipe = io.popen("objdump -d --no-show-raw-insn '" .. where.build .. "/moongate/core.so' 2>/dev/null")
  local text = pipe:read("*a")
  pipe:close()
  return text
end

-- Bodies of the functions tile_ROWS_VECTORS that use wide registers.
local function tiles(text)
  local found = {}
  for name, body in text:gmatch("<(tile_[48]_%d)>:\n(.-)\n\n") do
    if body:match("%%[yz]mm") then found[#found + 1] = { name = name, body = body } end
  end
  return found
end

local function optimized(body)
  return not body:match("call") and not body:match("asan") and not body:match("tsan")
end

describe("the tiles of the GRU", function()
  it("keep their sums in registers", function()
    local found = tiles(disassembly())
    if #found == 0 then return pending("no objdump, or a processor without wide vectors") end
    for _, tile in ipairs(found) do
      if not optimized(tile.body) then return pending("not an optimized build") end
      for line in tile.body:gmatch("[^\n]+") do
        local spills = line:match("%%[yz]mm") and line:match("%(%%rsp")
        assert.is_falsy(spills, tile.name .. ": " .. line)
      end
    end
  end)
end)
