-- Drawings in the terminal: mg.plot.heatmap of a matrix, mg.plot.line of curves. They fit the terminal's width; what the terminal
-- cannot show (colours, characters beyond ASCII) is left out, and without a terminal they are 80 columns wide.
local canvas = require "moongate.plot_canvas"
local check = require "moongate.check"
local tensor = require "moongate.tensor"
local terminal = require "moongate.terminal"

local plot = {}

local SHADES = { utf8 = { " ", "\226\150\145", "\226\150\146", "\226\150\147", "\226\150\136" },
  ascii = { " ", ".", ":", "-", "=", "+", "*", "#", "%", "@" } }

-- Dark to light, as matplotlib's viridis has them at even distances.
local VIRIDIS = { { 68, 1, 84 }, { 71, 44, 122 }, { 59, 81, 139 }, { 44, 113, 142 }, { 33, 144, 141 }, { 39, 173, 129 },
  { 92, 200, 99 }, { 170, 220, 50 }, { 253, 231, 37 } }

local function pick(value, default)
  if value == nil then return default() end
  return value
end

-- How the drawing may look: width in columns, height in lines, colour, utf8, write.
local function style_of(op, options, more)
  local known = { "width", "height", "colour", "utf8", "write", "title" }
  for _, name in ipairs(more) do known[#known + 1] = name end
  options = check.options(op, options, known)
  local style = { title = options.title, colour = pick(options.colour, terminal.has_colour),
    utf8 = pick(options.utf8, terminal.is_utf8), write = options.write or function(text)
      io.stdout:write(text)
      io.stdout:flush()
    end }
  style.width = check.integer(op, "width", options.width or math.max(20, terminal.columns() or 80), 20)
  style.height = options.height and check.integer(op, "height", options.height, 1)
  return style, options
end

-- Heatmap ---------------------------------------------------------------------------------------------------------------------

-- (rows, columns) as a list of rows of numbers.
local function matrix_of(t)
  local op = "plot.heatmap"
  if type(t) == "table" and not tensor.is(t) then t = require("moongate.tensor_create").tensor(t) end
  tensor.expect(op, "t", t)
  while #t.shape > 2 and t.shape[1] == 1 do t = t[1] end
  if #t.shape == 1 then t = t:expand_dims(1) end
  if #t.shape ~= 2 then
    check.fail("%s: argument t %s, expected a matrix; likely fix: t[1], the first of them", op, tostring(t.shape))
  end
  if t.count == 0 then check.fail("%s: argument t %s is empty", op, tostring(t.shape)) end
  local values, rows, n = t:to_flat_table(), {}, t.shape[2]
  for i = 1, t.shape[1] do rows[i] = { unpack(values, (i - 1) * n + 1, i * n) } end
  return rows
end

local function finite(v) return v - v == 0 end

-- The mean of a block of rows and columns; NaN when one of its values is not finite.
local function block_mean(rows, r1, r2, c1, c2)
  local sum = 0
  for r = r1, r2 do
    for c = c1, c2 do sum = sum + rows[r][c] end
  end
  return finite(sum) and sum / ((r2 - r1 + 1) * (c2 - c1 + 1)) or 0 / 0
end

-- At most `height` by `width` values, each the mean of a block.
local function shrunk(rows, height, width)
  local R, C = #rows, #rows[1]
  local h, w, out = math.min(R, height), math.min(C, width), {}
  for i = 1, h do
    out[i] = {}
    local r1, r2 = math.floor((i - 1) * R / h) + 1, math.floor(i * R / h)
    for j = 1, w do
      out[i][j] = block_mean(rows, r1, r2, math.floor((j - 1) * C / w) + 1, math.floor(j * C / w))
    end
  end
  return out
end

local function range_of(rows, options)
  local low, high = math.huge, -math.huge
  for _, row in ipairs(rows) do
    for _, v in ipairs(row) do
      if finite(v) then low, high = math.min(low, v), math.max(high, v) end
    end
  end
  if low > high then low, high = 0, 0 end
  low = options.min and check.number("plot.heatmap", "min", options.min) or low
  high = options.max and check.number("plot.heatmap", "max", options.max) or high
  return low, high
end

-- 0..1 within the range.
local function level(v, low, high)
  if high <= low then return 0.5 end
  return math.max(0, math.min(1, (v - low) / (high - low)))
end

local function colour_of(u)
  local at = u * (#VIRIDIS - 1)
  local i = math.min(math.floor(at), #VIRIDIS - 2)
  local a, b, f, rgb = VIRIDIS[i + 1], VIRIDIS[i + 2], at - i, {}
  for k = 1, 3 do rgb[k] = math.floor(a[k] + (b[k] - a[k]) * f + 0.5) end
  return ("%d;%d;%d"):format(rgb[1], rgb[2], rgb[3])
end

-- A value as characters: two columns wide, or one where space is short; what is not finite is an X.
local function cell_text(v, low, high, style, wide)
  if not finite(v) then return ("X"):rep(wide) end
  local u = level(v, low, high)
  if style.colour then return ("\27[48;2;%sm%s\27[0m"):format(colour_of(u), (" "):rep(wide)) end
  local shades = style.utf8 and SHADES.utf8 or SHADES.ascii
  return shades[math.min(#shades, math.floor(u * #shades) + 1)]:rep(wide)
end

local function scale_text(low, high, style)
  local words = {}
  for k = 0, 8 do words[#words + 1] = cell_text(low + (high - low) * k / 8, low, high, style, 1) end
  return ("%.4g %s %.4g"):format(low, table.concat(words), high)
end

--- Draws a matrix: a line for each row, dark for small values and light for large ones, X where a value is not finite. A wide or
--- high matrix is drawn as means of blocks.
---@param t Tensor (rows, columns), or a list of lists
---@param options? table title, min, max, width = columns of the terminal, height = 48 lines, colour, utf8, write = function
---@example mg.plot.heatmap((gru:gates(x))[1]:t(), { title = "update gate, units by steps" })
function plot.heatmap(t, options)
  local style, given = style_of("plot.heatmap", options, { "min", "max" })
  local whole = matrix_of(t)
  local rows = shrunk(whole, style.height or 48, style.width)
  local low, high = range_of(rows, given)
  local wide = #rows[1] * 2 <= style.width and 2 or 1
  local lines = {}
  if style.title then lines[1] = style.title end
  for _, row in ipairs(rows) do
    local words = {}
    for j, v in ipairs(row) do words[j] = cell_text(v, low, high, style, wide) end
    lines[#lines + 1] = table.concat(words)
  end
  local blocks = (#rows < #whole or #rows[1] < #whole[1]) and ", means of blocks" or ""
  lines[#lines + 1] = ("%d x %d%s, %s"):format(#whole, #whole[1], blocks, scale_text(low, high, style))
  style.write(table.concat(lines, "\n") .. "\n")
end

-- Lines -----------------------------------------------------------------------------------------------------------------------

local function numbers(name, list)
  if tensor.is(list) then list = list:reshape { -1 }:to_flat_table() end
  check.type("plot.line", name, list, "table")
  for i = 1, #list do check.type("plot.line", ("%s[%d]"):format(name, i), list[i], "number") end
  return list
end

-- { { name, numbers }, ... } in order of name.
local function series_of(value)
  if type(value) == "table" and not tensor.is(value) and type(value.history) == "table" then value = value.history end
  if tensor.is(value) or type(value) == "table" and value[1] ~= nil then return { { "", numbers("values", value) } } end
  check.type("plot.line", "values", value, "table")
  local names, series = {}, {}
  for name in pairs(value) do names[#names + 1] = tostring(name) end
  table.sort(names)
  for i, name in ipairs(names) do series[i] = { name, numbers(name, value[name]) } end
  return series
end

--- Draws curves over 1, 2, 3, ...: a list of numbers or a tensor, a table of them by name, or the history that fit returns.
---@param values table|Tensor
---@param options? table title, width = columns of the terminal, height = 12 lines, colour, utf8, write = function
---@example mg.plot.line(model:fit(x, y, { epochs = 20, verbose = 0 }))
function plot.line(values, options)
  local style = style_of("plot.line", options, {})
  local series = series_of(values)
  local text = canvas.lines(series, style)
  if not text then check.fail("plot.line: there is nothing to draw: no value is finite") end
  style.write((style.title and style.title .. "\n" or "") .. text)
end

return plot
