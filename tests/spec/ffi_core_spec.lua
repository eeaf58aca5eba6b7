-- How the engine's library is found, in processes of their own.
local where = require "where"

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- Output of a script run with the given environment (text before the command).
local function run(environment, script)
  local command = ("cd %s && LD_PRELOAD=%s LUA_PATH=%s %s luajit -e %s 2>&1"):format(quote(where.root), quote(where.preload or ""),
    quote("./lua/?.lua;./lua/?/init.lua"), environment, quote(script))
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

describe("the engine's library", function()
  local build = quote(where.build .. "/?.so")

  it("is found on package.cpath", function()
    local text = run("LUA_CPATH=" .. build, 'print(require("moongate.ffi.core").path)')
    assert.equal(where.build .. "/moongate/core.so\n", text)
  end)

  it("is the one MOONGATE_LIB names, alone", function()
    local file = quote(where.build .. "/moongate/core.so")
    assert.equal("4\n", run("LUA_CPATH=x MOONGATE_LIB=" .. file, 'print(require("moongate").tensor({1, 3}):sum():item())'))
    local text = run("MOONGATE_LIB=/no/such.so LUA_CPATH=" .. build, 'require("moongate").tensor(1)')
    assert.truthy(text:find("cannot be loaded", 1, true) and text:find("/no/such.so: ", 1, true), text)
    assert.is_nil(text:find(where.build, 1, true))
  end)

  it("missing, lists every path tried with the loader's text", function()
    local text = run("LUA_CPATH='/a/?.so;/b/?.so'", 'require("moongate").tensor(1)')
    for _, part in ipairs { "/a/moongate/core.so", "/b/moongate/core.so", "libmoongate.so: ", "MOONGATE_LIB" } do
      assert.truthy(text:find(part, 1, true), text)
    end
  end)

  it("is not loaded before something needs it", function()
    assert.equal("false\n", run("LUA_CPATH=x", 'require("moongate") print(package.loaded["moongate.ffi.core"] ~= nil)'))
  end)

  it("describes itself", function()
    local mg = require "moongate"
    local info = mg.runtime_info()
    assert.equal(mg.version, info.version)
    assert.truthy(info.version:match("^%d+%.%d+%.%d+"))
    assert.equal(mg.get_threads(), info.threads)
    for _, bad in ipairs { 0, 257, 1.5, "2" } do assert.is_false(pcall(mg.set_threads, bad)) end
    mg.set_matmul_precision "high"
    assert.equal("high", mg.get_matmul_precision())
    mg.set_matmul_precision "highest"
    assert.is_false(pcall(mg.set_matmul_precision, "best"))
    assert.is_false(pcall(mg.set_floatx, "int32"))
    assert.equal("float32", mg.floatx())
    assert.is_nil(mg.no_such_name)
  end)
end)
