-- A field of dots for mg.plot.line: eight to a character where the terminal has braille patterns (U+2800), else one.
local utf8 = require "moongate.utf8"

local canvas = {}

-- Bits of the braille dots by row (0..3) and column (0..1). Source: Unicode, chapter 21.1.
local DOTS = { [0] = { [0] = 0x01, 0x08 }, { [0] = 0x02, 0x10 }, { [0] = 0x04, 0x20 }, { [0] = 0x40, 0x80 } }
local MARKS, COLOURS = { "*", "o", "+", "x", "#", "@" }, { 36, 33, 35, 32, 34, 31 }

local function finite(v) return v - v == 0 end

local function extent(series)
  local low, high, longest = math.huge, -math.huge, 0
  for _, item in ipairs(series) do
    longest = math.max(longest, #item[2])
    for _, v in ipairs(item[2]) do
      if finite(v) then low, high = math.min(low, v), math.max(high, v) end
    end
  end
  return low, high, longest
end

-- Sets the dots of one curve, joined from value to value.
local function trace(values, place, set)
  local px, py
  for i, v in ipairs(values) do
    if finite(v) then
      local x, y = place(i, v)
      local n = px and math.max(math.abs(x - px), math.abs(y - py)) or 0
      for k = 0, n do
        local f = n == 0 and 1 or k / n
        set(math.floor((px or x) + (x - (px or x)) * f + 0.5), math.floor((py or y) + (y - (py or y)) * f + 0.5))
      end
      px, py = x, y
    else
      px, py = nil, nil
    end
  end
end

local function character(cell, style)
  if not cell then return " " end
  local text = style.utf8 and utf8.character(0x2800 + cell.bits) or MARKS[(cell.series - 1) % #MARKS + 1]
  return style.colour and ("\27[%dm%s\27[0m"):format(COLOURS[(cell.series - 1) % #COLOURS + 1], text) or text
end

local function legend(series, style)
  local words = {}
  for i, item in ipairs(series) do
    if item[1] ~= "" then
      local mark = style.utf8 and "\226\148\129" or MARKS[(i - 1) % #MARKS + 1]
      if style.colour then mark = ("\27[%dm%s\27[0m"):format(COLOURS[(i - 1) % #COLOURS + 1], mark) end
      words[#words + 1] = ("%s %s, last %.4g"):format(mark, item[1], item[2][#item[2]] or 0 / 0)
    end
  end
  return #words > 0 and table.concat(words, "   ") .. "\n" or ""
end

-- The dots of all curves by line and column of characters.
local function draw(series, style, width, height)
  local low, high, longest = extent(series)
  local across, down = style.utf8 and 2 or 1, style.utf8 and 4 or 1
  local W, H, cells = width * across - 1, height * down - 1, {}
  local function place(i, v)
    local x = longest > 1 and (i - 1) / (longest - 1) * W or 0
    local y = high > low and (high - v) / (high - low) * H or H / 2
    return math.floor(x + 0.5), math.floor(y + 0.5)
  end
  for s, item in ipairs(series) do
    trace(item[2], place, function(x, y)
      local line, column = math.floor(y / down), math.floor(x / across)
      local key = line * width + column
      local cell = cells[key] or { bits = 0 }
      local dot = DOTS[y % down][x % across]
      cell.bits, cell.series = math.floor(cell.bits / dot) % 2 == 1 and cell.bits or cell.bits + dot, s
      cells[key] = cell
    end)
  end
  return cells
end

--- The text of curves { { name, numbers }, ... }: style has width, height, colour, utf8. nil when no value is finite.
---@param series table[]
---@param style table
---@return string|nil
function canvas.lines(series, style)
  local low, high, longest = extent(series)
  if low > high then return nil end
  local top, bottom, height = ("%.4g"):format(high), ("%.4g"):format(low), style.height or 12
  local label = math.max(#top, #bottom)
  local width = math.max(8, style.width - label - 2)
  local cells, lines, bar = draw(series, style, width, height), {}, style.utf8 and "\226\148\130" or "|"
  for y = 0, height - 1 do
    local words = {}
    for x = 0, width - 1 do words[x + 1] = character(cells[y * width + x], style) end
    local text = y == 0 and top or y == height - 1 and bottom or ""
    lines[y + 1] = ("%s%s %s%s"):format((" "):rep(label - #text), text, bar, (table.concat(words):gsub("%s+$", "")))
  end
  local last = tostring(longest)
  lines[#lines + 1] = (" "):rep(label + 2) .. "1" .. (" "):rep(math.max(1, width - 1 - #last)) .. last
  return table.concat(lines, "\n") .. "\n" .. legend(series, style)
end

return canvas
