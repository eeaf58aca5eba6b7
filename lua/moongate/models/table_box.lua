-- Tables as Keras 3 prints them: a box with columns of given widths, their texts broken at blanks. Source: rich.table.
local table_box = {}

local BOX = {
  top = { "┏", "━", "┳", "┓" }, head = { "┃", "┃" }, under = { "┡", "━", "╇", "┩" }, row = { "│", "│" },
  between = { "├", "─", "┼", "┤" }, bottom = { "└", "─", "┴", "┘" }, ellipsis = "…",
}
local PLAIN = {
  top = { "+", "-", "+", "+" }, head = { "|", "|" }, under = { "+", "=", "+", "+" }, row = { "|", "|" },
  between = { "+", "-", "+", "+" }, bottom = { "+", "-", "+", "+" }, ellipsis = ".",
}

--- The text widths of the columns of a line: their parts of it (where a column ends, up to 1), and what lines and blanks take
--- shared out evenly, halves to even.
---@param positions number[]
---@param line_length integer
---@return integer[]
function table_box.widths(positions, line_length)
  local widths, taken, columns = {}, 0, #positions
  for i, position in ipairs(positions) do
    widths[i] = math.floor(position * line_length) - taken
    taken = taken + widths[i]
  end
  local extra = 3 * columns + 1
  for i = 1, columns do
    local share = extra / (columns - i + 1)
    share = share % 1 == 0.5 and 2 * math.floor(share / 2 + 0.5) or math.floor(share + 0.5)
    widths[i], extra = widths[i] - share, extra - share
  end
  return widths
end

local function characters(text) return #text:gsub("[\128-\191]", "") end

local function rule(style, kind, columns)
  local parts = {}
  for i, column in ipairs(columns) do parts[i] = style[kind][2]:rep(column.width + 2) end
  return style[kind][1] .. table.concat(parts, style[kind][3]) .. style[kind][4]
end

-- The first n characters of a text.
local function leading(text, n)
  local at = 1
  for _ = 1, n do at = (text:match("^[^\128-\191][\128-\191]*()", at)) or #text + 1 end
  return text:sub(1, at - 1)
end

--- Lines of at most `width` characters, broken at blanks; a longer word is cut. Blanks at the beginning stay.
---@param text string
---@param width integer
---@param ellipsis string
---@return string[]
function table_box.wrap(text, width, ellipsis)
  local lines, current = {}, text:match "^ *"
  local empty = true
  for word in text:gmatch "%S+" do
    if characters(word) > width then word = leading(word, width - 1) .. ellipsis end
    if empty then
      current, empty = current .. word, false
    elseif characters(current) + 1 + characters(word) <= width then
      current = current .. " " .. word
    else
      lines[#lines + 1], current = current, word
    end
  end
  lines[#lines + 1] = current
  return lines
end

local function pad(text, column)
  local space = math.max(0, column.width - characters(text))
  local before = column.align == "right" and space or column.align == "centre" and math.floor(space / 2) or 0
  return (" "):rep(before) .. text .. (" "):rep(space - before)
end

local function row(style, kind, columns, cells)
  local wrapped, most, out = {}, 0, {}
  for i, column in ipairs(columns) do
    wrapped[i] = table_box.wrap(cells[i], column.width, style.ellipsis)
    most = math.max(most, #wrapped[i])
  end
  for k = 1, most do
    local parts = {}
    for i, column in ipairs(columns) do parts[i] = " " .. pad(wrapped[i][k] or "", column) .. " " end
    out[k] = style[kind][1] .. table.concat(parts, style[kind][2]) .. style[kind][1]
  end
  return table.concat(out, "\n")
end

--- Draws a table.
---@param columns table[] { head =, width =, align = "left" | "right" | "centre" }
---@param list string[][] the rows
---@param utf8 boolean
---@return string
function table_box.draw(columns, list, utf8)
  local style = utf8 and BOX or PLAIN
  local head = {}
  for i, column in ipairs(columns) do head[i] = column.head end
  local lines = { rule(style, "top", columns), row(style, "head", columns, head), rule(style, "under", columns) }
  for i, cells in ipairs(list) do
    lines[#lines + 1] = row(style, "row", columns, cells)
    if i < #list then lines[#lines + 1] = rule(style, "between", columns) end
  end
  lines[#lines + 1] = rule(style, "bottom", columns)
  return table.concat(lines, "\n")
end

return table_box
