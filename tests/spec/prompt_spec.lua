local command = require "command"
local complete = require "moongate.cli.complete"
local pretty = require "moongate.cli.pretty"

local function typed(text) return command.run("", text) end

-- At a terminal made by script(1), one piece of typing after the other. Its output without escape sequences.
local function at_terminal(...)
  local typing = {}
  for i, keys in ipairs { ... } do typing[i] = ("sleep 0.3; printf %s"):format(command.quote(keys)) end
  local home = os.tmpname()
  local text = command.shell(table.concat({
    "export HOME=" .. home, "XDG_STATE_HOME= TERM=xterm", "rm -f $HOME", "mkdir $HOME",
    ("{ %s; sleep 0.3; } | script -qec %s /dev/null"):format(table.concat(typing, "; "), command.quote(command.moongate)),
    "ls -A $HOME", "rm -r $HOME" }, "; "))
  return (text:gsub("\27%[[%d;?]*%a", ""):gsub("\r", ""))
end

describe("the prompt", function()
  it("prints results without being asked", function()
    assert.equal('3\n"text"\nnil\n', (typed '1 + 2\n"text", nil\n'))
  end)

  it("keeps assignments, and the last result in _", function()
    assert.equal("5\n6\n7\n", (typed "x = 5\nx\nlocal y = 6\ny\n7\nx = _\n"))
  end)

  it("goes on with an unfinished statement", function()
    assert.equal("1\n2\n", (typed "for i = 1, 2 do\nprint(i)\nend\n"))
    assert.equal("3\n", (typed "1 +\n2\n"))
  end)

  it("has mg ready", function()
    assert.equal("[[0., 0., 0.],\n [0., 0., 0.]] [f32 2x3 cpu]\n", (typed "mg.zeros({ 2, 3 })\n"))
  end)

  it("asks what was meant by an unknown name", function()
    assert.equal("unknown name 'nix'\n", (typed "nix\n"))
    assert.equal("line 2: unknown name 'nix'\n", (typed "do\nnix()\nend\n"))
    local text, status = typed "prnt(1)\n"
    assert.equal("unknown name 'prnt'; did you mean 'print'?\n", text)
    assert.equal(1, status)
  end)

  it("names what was meant by an unknown field", function()
    assert.equal("nil; did you mean 'GRU'?\n", (typed "mg.layers.Gru\n"))
    assert.equal("attempt to call field 'zeroes' (a nil value); did you mean 'zeros'?\n", (typed "mg.zeroes(3)\n"))
  end)

  it("shows errors without stack noise and goes on", function()
    local text = typed 'error("boom")\nerror({ code = 1 })\nx y\n8\n'
    assert.matches("boom\n", text)
    assert.matches("{ code = 1 }\n", text)
    assert.matches("expected near 'y'\n", text)
    assert.matches("8\n", text)
    assert.is_nil(text:find("traceback", 1, true))
    assert.is_nil(text:find("%.lua:%d"))
    assert.matches("^zeros: argument", (typed "mg.zeros({ -1 })\n"))
  end)

  it("edits lines, completes names, drops a line at Ctrl-C and keeps its history", function()
    if not command.has_terminal() then return pending("no terminal can be made here") end
    local text = at_terminal("1 + 1\n", "mg.set_random_s\t", "(4)\n", "broken(\3", "40 + 2\n", "\4")
    assert.matches("\n2\n", text)
    assert.matches("mg%.set_random_seed%(4%)", text)
    assert.matches("broken%(^C\n", text)
    assert.matches("\n42\n", text)
    assert.matches("%.moongate_history", text)
    assert.is_nil(text:find("traceback", 1, true))
  end)
end)

describe("completion", function()
  local globals = { alpha = { beta = { gamma = 1, gable = 2 }, call = print }, always = 1 }

  local function words(line) return { complete.candidates(globals, line, #line) } end

  it("completes names and nested names", function()
    assert.same({ 1, { "alpha", "always" } }, words "al")
    assert.same({ 9, { "alpha.beta.gable", "alpha.beta.gamma" } }, words "return (alpha.beta.ga")
    assert.same({ 1, { "alpha:call" } }, words "alpha:")
    assert.same({ 1, {} }, words "alpha.nothing.x")
  end)

  it("completes what classes and objects offer", function()
    local class = require "moongate.class"
    local Base = class "Base"
    function Base.forward() end
    Base.getters.size = function() return 1 end
    local object = class("Child", Base)()
    globals.object = object
    assert.same({ 1, { "object:forward" } }, words "object:fo")
    assert.same({ 1, { "object.size" } }, words "object.si")
  end)

  it("completes file names in strings", function()
    local where = require "where"
    local start, list = unpack(words('open("' .. where.root .. '/READ'))
    assert.equal(7, start)
    assert.same({ where.root .. "/README.md" }, list)
  end)
end)

describe("pretty", function()
  it("writes values as Lua reads them", function()
    assert.equal('"a\\n\\"b\\""', pretty 'a\n"b"')
    assert.equal("0.1", pretty(0.1))
    assert.equal("3.1415926535897931", pretty(math.pi))
    assert.equal("nan", pretty(0 / 0))
    assert.equal("-inf", pretty(-math.huge))
    assert.equal('{ 1, 2, [5] = 3, name = "x", ["two words"] = true }', pretty { 1, 2, [5] = 3, name = "x", ["two words"] = true })
  end)

  it("limits depth and length, and stops at cycles", function()
    local loop = {}
    loop.again = loop
    assert.equal("{ again = <the table above> }", pretty(loop))
    assert.equal("{ { { { {...} } } } }", pretty { { { { { 1 } } } } })
    local long = {}
    for i = 1, 100 do long[i] = i end
    assert.matches("39,%s+40,%s+%.%.%. 60 more", pretty(long))
  end)
end)
