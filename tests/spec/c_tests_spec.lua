-- Runs every C test program of the build; each counts as one case and shows its output when it fails. `--long` is for
-- rnn_exactness_test, which then draws 2,000 sets.
local where = require "where"

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function programs()
  local pipe, list = assert(io.popen("ls " .. quote(where.build) .. "/tests/c/*_test 2>/dev/null")), {}
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

local function sources()
  local pipe = assert(io.popen("ls " .. quote(where.tests) .. "/c/*_test.c 2>/dev/null | wc -l"))
  local count = pipe:read("*n")
  pipe:close()
  return count
end

local function run(path)
  local pipe = assert(io.popen((where.long and "MOONGATE_TEST_LONG=1 " or "") .. quote(path) .. " 2>&1; echo \" status $?\""))
  local output = pipe:read("*a")
  pipe:close()
  return tonumber(output:match(" status (%d+)%s*$")), output
end

describe("C tests", function()
  local list = programs()

  it("are built, each of them", function()
    assert.equal(sources(), #list)
  end)

  for _, path in ipairs(list) do
    it(path:match("[^/]+$"), function()
      local status, output = run(path)
      assert(status == 0, output)
      assert(output:match("%d+ passed, 0 failed"), output)
    end)
  end
end)
