-- Starting is a matter of milliseconds: what is not used is not loaded.
local command = require "command"
local where = require "where"

local function milliseconds(arguments, times)
  local line = ("for i in $(seq %d); do %s %s </dev/null; done"):format(times, command.quote(command.path), arguments)
  local text = command.shell(("export MOONGATE_LIB=%s; bash -c 'TIMEFORMAT=%%R; time { %s; }'"):format(
    command.quote(where.build .. "/moongate/core.so"), line:gsub("'", "'\\''")))
  return assert(tonumber(text:match("([%d%.]+)%s*$")), text) * 1000 / times
end

local function instrumented()
  return where.preload ~= nil
end

describe("starting", function()
  it("takes less than 15 ms", function()
    if instrumented() then return pending("measured without sanitizers") end
    local best = math.huge
    for _ = 1, 5 do best = math.min(best, milliseconds("-e ''", 5)) end
    assert(best < 15, ("%.1f ms"):format(best))
  end)

  it("takes less than 20 MB", function()
    if instrumented() then return pending("measured without sanitizers") end
    local text = command.run([[-e 'for line in io.lines("/proc/self/status") do print(line:match("^VmHWM:%s*(%d+)")) end']])
    local kilobytes = tonumber(text:match("%d+"))
    assert(kilobytes < 20000, kilobytes .. " kB")
  end)

  it("loads no module that was not asked for", function()
    local text = command.run([[-e 'local mg = require "moongate"; for name in pairs(package.loaded) do print(name) end']])
    assert.is_nil(text:find("moongate.layers", 1, true))
    assert.is_nil(text:find("moongate.ffi.hdf5", 1, true))
    assert.is_nil(text:find("moongate.ffi.edit", 1, true))
  end)
end)
