local annotations = require "moongate.cli.annotations"
local command = require "command"
local help = require "moongate.cli.help"
local lookup = require "moongate.cli.lookup"
local mg = require "moongate"
local names = require "moongate.cli.names"

local SOURCE = [[
-- What the module is.
-- Second line.
local class = require "moongate.class"

--- A box of things.
---@param width number its width
---@param options? table<string, number> more
---@return Box box
---@return string|nil message
---@example local b = Box(3)
---@example print(b)
local Box = class("Box")

---@param n integer
function Box:grow(n) self.n = n end

--- Made by another function.
---@param shape integer[]
M.zeros = filled("zeros", 0)

-- not exported, not annotated
local function inner() end
return { Box, inner }
]]

local function text_of(value) return table.concat(help.describe(value), "\n") end

describe("annotations", function()
  local entries, header = annotations.parse(SOURCE)

  it("are read with name, parameters, results and example", function()
    local box = entries[1]
    assert.same({ "What the module is.", "Second line." }, header)
    assert.equal("Box", box.class)
    assert.equal("class", box.kind)
    assert.same({ "A box of things." }, box.text)
    assert.same({ { name = "width", type = "number", text = "its width" },
      { name = "options?", type = "table<string, number>", text = "more" } }, box.params)
    assert.same({ "Box box", "string|nil message" }, box.returns)
    assert.same({ "local b = Box(3)", "print(b)" }, box.example)
  end)

  it("belong to the code below them", function()
    assert.equal(3, #entries)
    assert.equal("Box:grow", entries[2].name)
    assert.equal("(n)", entries[2].arguments)
    assert.equal(15, entries[2].line)
    assert.equal("M.zeros", entries[3].name)
    assert.equal("(shape)", entries[3].arguments)
  end)

  -- A line without a tag is text of the whole entry, wherever it stands.
  it("keep what they say of a parameter on its line", function()
    local root = require("where").root
    local command_line = "grep -rhA1 --include='*.lua' -e '^ *---@param' -e '^ *---@return' '%s/lua/moongate'"
    local pipe = assert(io.popen(command_line:format(root)))
    for line in pipe:lines() do assert.is_nil(line:match("^%s*%-%-%-%s*[^@%s%-].*$"), line) end
    pipe:close()
  end)
end)

describe("help()", function()
  it("shows signature, shapes and an example of a layer", function()
    local text = text_of(mg.layers.GRU)
    assert.matches("^GRU%(units", text)
    assert.matches("%(B, T, F%)", text)
    assert.matches("\nExample\n  [^\n]*GRU%(", text)
    assert.matches("return_sequences = false", text)
    assert.matches("\nMethods\n", text)
  end)

  it("shows parameters and results of a function, made by another one or not", function()
    assert.matches("^zeros%(shape.*\n  shape +integer.*returns Tensor", text_of(mg.zeros))
    assert.matches("returns any", text_of(mg.no_grad))
  end)

  it("describes objects by their class and modules by their names", function()
    assert.matches("^Dense%(units", text_of(mg.layers.Dense(3)))
    assert.matches("\n  GRU +%S", text_of(mg.layers))
    assert.matches("\n  matmul +Matrix product", text_of(mg.zeros { 1 }))
  end)

  it("takes names, and says what is near an unknown one", function()
    assert.matches("^GRU%(units", (command.run("help GRU")))
    assert.matches("^GRU%(units", (command.run("help mg.layers.GRU")))
    assert.equal("nothing is called Embeding; did you mean Embedding?\n", (command.run("help Embeding")))
  end)

  it("takes the names of classes and methods, and looks for near ones where the path leads", function()
    local function said(word) return table.concat(help.describe_word(word), "\n") end
    assert.matches("^A tensor has the fields shape", said "Tensor")
    assert.is_nil(said("Tensor"):find("\n  handle", 1, true))
    assert.matches("^Model:fit%(x, y, options%)", said "fit")
    assert.equal(said "Tensor.item", said "item")
    assert.matches("^Tensor:item%(%)", said "item")
    assert.equal("nothing is called layers.GRUU; did you mean layers.GRU?", said "layers.GRUU")
    assert.equal("nothing is called Tensor.itm; did you mean Tensor.item?", said "Tensor.itm")
    assert.equal("nothing is called layrs.GRU; did you mean GRU?", said "layrs.GRU")
    assert.equal("nothing is called fitt; did you mean fit?", said "fitt")
  end)

  it("explains mg.null", function()
    assert.matches("Python's None.*not given", text_of(mg.null))
  end)

  it("lists the methods of a class and its parents, but none that are for moongate itself", function()
    local function methods(class) return text_of(class):match("\nMethods\n(.*)") end
    for _, class in ipairs { mg.layers.GRU, mg.Sequential, mg.optimizers.Adam, mg.layers.Dense, mg.losses.Huber } do
      for name in ("setup run declare define convert ensure_built own_variables children rows is init"):gmatch("%S+") do
        assert.is_nil(methods(class):find("%f[%w_]" .. name .. "%f[^%w_]"), name)
      end
    end
    assert.matches("%f[%w_]count_params%f[^%w_]", methods(mg.layers.GRU))
    assert.matches("%f[%w_]reset_state%f[^%w_]", methods(mg.layers.GRU))
  end)

  it("writes the whole reference", function()
    local text = require("moongate.cli.reference")()
    assert.matches("\n## moongate.layers.gru\n", text)
    assert.matches("\n%- `units` %(integer%)", text)
    assert.matches("\n## moongate.tensor\n", text)
  end)

  it("has a description of every public function", function()
    local missing = {}
    for name in pairs(getmetatable(mg).names) do
      local found, value = pcall(function() return mg[name] end)
      if found and type(value) == "function" and text_of(value):match("no description$") then missing[#missing + 1] = name end
    end
    table.sort(missing)
    assert.equal("", table.concat(missing, " "))
  end)

  it("has a description and an example of every class", function()
    local modules, missing, classes = { schedules = mg.optimizers.schedules }, {}, 0
    for name in ([[callbacks constraints data initializers layers losses metrics models optimizers random
      regularizers]]):gmatch("%a+") do
      modules[name] = mg[name]
    end
    for module, content in pairs(modules) do
      for name in pairs(names.of(content)) do
        local class = names.get(content, name)
        if lookup.is_class(class) then
          classes = classes + 1
          local entry = lookup.of_class(class)
          if not (entry and entry.text[1] and entry.example[1]) then missing[#missing + 1] = module .. "." .. name end
        end
      end
    end
    table.sort(missing)
    assert.equal("", table.concat(missing, " "))
    assert.is_true(classes > 70)
  end)
end)

describe("help at a terminal", function()
  local function at_width(columns, name)
    local line = ("stty cols %d; %s help %s"):format(columns, command.moongate, name)
    return (command.shell("script -qec " .. command.quote(line) .. " /dev/null"):gsub("\r", ""))
  end

  it("breaks lines between words, at its width", function()
    if not command.has_terminal() then return pending("no terminal can be made here") end
    local text, longest = at_width(50, "GRU"), 0
    for line in text:gmatch("[^\n]+") do longest = math.max(longest, #line) end
    assert.is_true(longest <= 50 and longest > 40)
    assert.matches('recurrent_activation = "sigmoid"', text, 1, true)
    local function words(t) return (t:gsub("%s+", " ")) end
    assert.equal(words(at_width(100, "GRU")), words(text))
  end)
end)
