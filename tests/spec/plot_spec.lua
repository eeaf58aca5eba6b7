-- mg.plot: what is drawn for small matrices and curves, with and without colours, at any width.
local mg = require "moongate"

local function drawn(f, value, options)
  local parts = {}
  options.write = function(text) parts[#parts + 1] = text end
  if options.colour == nil then options.colour = false end
  if options.utf8 == nil then options.utf8 = false end
  f(value, options)
  return table.concat(parts)
end

local function heatmap(value, options) return drawn(mg.plot.heatmap, value, options or {}) end
local function line(value, options) return drawn(mg.plot.line, value, options or {}) end

local function lines_of(text)
  local list = {}
  for each in text:gmatch("([^\n]*)\n") do list[#list + 1] = each end
  return list
end

describe("plot.heatmap", function()
  it("draws a line for each row, from the smallest value to the largest", function()
    local lines = lines_of(heatmap({ { 0, 1 }, { 0.5, 0 } }, { title = "gate" }))
    assert.are.equal("gate", lines[1])
    assert.are.equal("  @@", lines[2])
    assert.are.equal("==  ", lines[3]:gsub("[^ ]", "="))
    assert.matches("^2 x 2, 0  %.", lines[4])
    assert.matches("1$", lines[4])
  end)

  it("keeps to a range that is given", function()
    assert.are.equal("@@@@", lines_of(heatmap({ { 5, 7 } }, { min = 0, max = 5 }))[1])
  end)

  it("marks what is not finite and draws equal values alike", function()
    assert.are.equal("XX@@  ", lines_of(heatmap { { 0 / 0, 4, 1 } })[1])
    assert.are.equal("XX", lines_of(heatmap { { 1 / 0 } })[1])
    local equal = lines_of(heatmap { { 3, 3 } })[1]
    assert.are.equal(equal:sub(1, 2), equal:sub(3, 4))
  end)

  it("draws 20 columns on a terminal of fewer", function()
    local terminal = require "moongate.terminal"
    local columns = terminal.columns
    function terminal.columns() return 8 end
    local lines = lines_of(heatmap(mg.zeros(1, 60), { height = 4 }))
    terminal.columns = columns
    assert.are.equal(20, #lines[1])
  end)

  it("fits width and height by means of blocks", function()
    local t = mg.arange(0, 4000):reshape { 40, 100 }
    local lines = lines_of(heatmap(t, { width = 20, height = 4 }))
    assert.are.equal(5, #lines)
    for i = 1, 4 do assert.are.equal(20, #lines[i]) end
    -- The first block: rows 0..9, columns 0..4, mean 100 * 4.5 + 2 = 452.
    assert.matches("^40 x 100, means of blocks, 452 ", lines[5])
    assert.matches(" 3547$", lines[5])
  end)

  it("has shades in UTF-8 and colours", function()
    assert.matches("\226\150\136", heatmap({ { 0, 1 } }, { utf8 = true }), 1, true)
    local text = heatmap({ { 0, 1 } }, { colour = true })
    assert.matches("\27[48;2;68;1;84m  \27[0m\27[48;2;253;231;37m  \27[0m", text, 1, true)
  end)

  it("takes a vector, and a batch of one", function()
    assert.are.equal("  @@", lines_of(heatmap(mg.tensor { 0, 1 }))[1])
    assert.are.equal("  @@", lines_of(heatmap(mg.tensor { { { 0, 1 } } }))[1])
    for _, case in ipairs { { mg.zeros(2, 3, 4), "likely fix: t[1]" }, { mg.zeros(0, 4), "is empty" }, { "x", "argument t" } } do
      local ok, message = pcall(heatmap, case[1])
      assert.is_false(ok)
      assert.matches(case[2], message, 1, true)
    end
  end)
end)

describe("plot.line", function()
  it("draws a rising line from the lower left to the upper right", function()
    local lines = lines_of(line({ 0, 1, 2, 3 }, { width = 20, height = 4 }))
    assert.matches("^3 |%s+%*+$", lines[1])
    assert.matches("^0 |%*", lines[4])
    assert.matches("^   1%s+4$", lines[5])
  end)

  it("draws a history, each curve with its mark, and names the last values", function()
    local text = line({ history = { val_loss = { 4, 3, 2 }, loss = { 3, 2, 1 } } }, { width = 30, height = 5 })
    assert.matches("* loss, last 1   o val_loss, last 2", text, 1, true)
    assert.matches("\226\160", line({ 1, 2 }, { utf8 = true }), 1, true)
  end)

  it("leaves gaps for what is not finite, and refuses what holds nothing else", function()
    assert.matches("%*", line { 1, 0 / 0, 2 })
    local ok, message = pcall(line, { 0 / 0 })
    assert.is_false(ok)
    assert.matches("no value is finite", message, 1, true)
    assert.is_false(pcall(line, { loss = { "a" } }))
    assert.is_false(pcall(line, { 1, 2 }, { width = 3 }))
  end)
end)
