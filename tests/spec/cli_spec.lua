local command = require "command"
local where = require "where"

local run, shell, quote = command.run, command.shell, command.quote

describe("moongate", function()
  it("runs a script with its arguments", function()
    local path = command.file 'print(arg[0] ~= nil, #arg, arg[1], arg[2], select("#", ...), ...)'
    local text, status = run(quote(path) .. " one 'two words'")
    os.remove(path)
    assert.equal("true\t2\tone\ttwo words\t2\tone\ttwo words\n", text)
    assert.equal(0, status)
  end)

  it("reads a script from standard input", function()
    assert.equal("7\n", (run("-", "print(3 + 4)")))
  end)

  it("runs code with arguments and mg at hand", function()
    assert.equal("a\tb\n", (run("-e 'print(...)' a b")))
    assert.equal("6\n", (run("-e 'print(mg.ones({ 2, 3 }):sum():item())'")))
  end)

  it("ends with the status of os.exit and of errors", function()
    assert.equal(3, select(2, run("-e 'os.exit(3)'")))
    assert.equal(1, select(2, run("-e 'error(\"no\")'")))
    assert.equal(1, select(2, run("/nowhere/script.lua")))
    assert.equal(1, select(2, run("--unknown")))
    assert.equal(0, select(2, run("-e ''")))
  end)

  it("shows the message and the script's own frames", function()
    local path = command.file [[
local mg = require "moongate"
local function inner()
  mg.zeros { 2, -1 }
end
local function outer() inner() return 1 end
outer()
]]
    local text, status = run(quote(path))
    os.remove(path)
    assert.equal(1, status)
    assert.matches("^moongate: [^\n]*:3: ", text)
    assert.matches("\n  [^\n]*:5", text)
    assert.matches("\n  [^\n]*:6", text)
    assert.is_nil(text:find("lua/moongate/", 1, true))
    assert.is_nil(text:find("[C]", 1, true))
  end)

  it("names what was meant by a field that does not exist, or what there is", function()
    local function said(code)
      local path = command.file(code)
      local text = run(quote(path))
      os.remove(path)
      assert.equal((text:gsub(path, "(-e)", nil)), (run("-e " .. quote(code))))
      return text:match("^moongate: [^:]*:%d+: ([^\n]*)")
    end
    local mg = 'local mg = require "moongate"\n'
    assert.equal("attempt to call field 'Gru' (a nil value); did you mean 'GRU'?", said(mg .. "return 1, mg.layers.Gru(3)"))
    assert.equal("attempt to index field 'layrs' (a nil value); did you mean 'layers'?", said(mg .. "return 1, mg.layrs.GRU(3)"))
    assert.equal("attempt to call method 'fitt' (a nil value); did you mean 'fit'?",
      said(mg .. "local model = mg.Sequential()\nlocal function f()\n  model:fitt(\n    1)\nend\nf()"):match("^[^\n]*"))
    local text = said(mg .. "local constraints = mg.constraints\nconstraints.Wavelet(3)")
    assert.matches("^attempt to call field 'Wavelet' %(a nil value%); constraints has MaxNorm, .*, NonNeg, ", text)
    assert.equal("attempt to call field 'x' (a nil value)", said "local t = { other = 1 }\nt.x()")
  end)

  it("knows a method that was called with a dot", function()
    local head = "m = mg.Sequential { mg.layers.GRU(3) } x = mg.ones { 2 } "
    local function said(code) return (run("-e " .. quote(head .. code))):match("^moongate: ([^\n]*)") end
    local text = "(-e):1: %s was called with a dot, and its first argument taken for the object; "
      .. "likely fix: a colon, object:%s(...)"
    for name, code in pairs {
      compile = "m.compile { loss = 'mse' }", fit = "m.fit(x, x)", summary = "m.summary()", item = "x.item()",
      get_weights = "m.layers[1].get_weights()", result = "mg.metrics.AUC().result()",
      save = "m.save('a.keras')", save_weights = "m.save_weights('a.npz')", load_weights = "m.load_weights('a.npz')",
    } do
      assert.equal(text:format(name, name), said(code))
    end
    assert.matches("fit before compile", said "m.fit(m, x, x)")
    assert.matches("a Dataset is no function", said "for _ in mg.data.from_tensors(x) do end")
    local own = "local L = mg.layers.Layer.extend('Own') "
      .. "function L:init(o) mg.layers.Layer.init(self, o) end L { nam = 1 }"
    assert.matches('unknown option "nam"', said(own))
  end)

  it("offers mg and help to code", function()
    assert.matches("^GRU%(units", (run("-e 'help(mg.layers.GRU)'")))
  end)

  it("says what it is", function()
    assert.matches("^usage: moongate", (run("--help")))
    assert.equal("moongate " .. require("moongate").version .. "\n", (run("--version")))
  end)

  it("reports versions, libraries, processor, kernels and threads", function()
    local text, status = run("info")
    assert.equal(0, status)
    for _, name in ipairs { "moongate", "luajit", "library", "blas", "processor", "features", "kernels", "threads" } do
      assert.matches("%f[%w]" .. name .. " +%S", text)
    end
  end)

  it("refuses settings that the engine cannot obey, in a line, before anything runs", function()
    local SETTINGS = { ["MOONGATE_ISA=amx2"] = "MOONGATE_ISA: unknown value \"amx2\"", ["MOONGATE_ISA=AVX2"] = "MOONGATE_ISA:",
      ["MOONGATE_THREADS=0"] = "MOONGATE_THREADS: \"0\"", ["MOONGATE_THREADS=two"] = "MOONGATE_THREADS: \"two\"" }
    for setting, reason in pairs(SETTINGS) do
      for _, arguments in ipairs { "info", "--version", "help GRU", "", "-e 'print(mg.ones { 1 })'" } do
        local text, status = shell(("%s %s %s </dev/null"):format(setting, command.moongate, arguments))
        assert.equal(1, status)
        assert.equal("moongate: " .. reason, text:sub(1, #reason + 10), text)
        assert.equal(1, select(2, text:gsub("\n", "\n")), text)
      end
    end
    local text, status = shell(("MOONGATE_LIB=/no/such.so luajit %s info"):format(quote(command.path)))
    assert.equal(1, status)
    assert.matches("^moongate: the engine's library cannot be loaded", text)
    assert.is_nil(text:find("traceback", 1, true))
  end)

  it("works from any folder, through symbolic links and by a relative path", function()
    local link = os.tmpname()
    os.remove(link)
    local built = shell("ls " .. quote(where.root) .. "/build*/moongate/core.so")
    if where.preload then return pending("it looks for a build of its own, with a sanitizer or without") end
    if not built:match("core%.so") then return pending("no build beside the checkout") end
    assert.equal(0, select(2, shell(("ln -s %s %s"):format(quote(command.path), link))))
    assert.equal("0\n", (shell(("cd / && unset MOONGATE_LIB; %s -e 'print(mg.zeros({ 1 }):item())'"):format(link))))
    os.remove(link)
    assert.equal("0\n", (shell(("cd %s/lua/bin && ./moongate -e 'print(mg.zeros({ 1 }):item())'"):format(quote(where.root)))))
    assert.equal("0\n", (shell(("cd %s && PWD=/ lua/bin/moongate -e 'print(mg.zeros({ 1 }):item())'"):format(quote(where.root)))))
  end)
end)
