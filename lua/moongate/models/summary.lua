-- The table of a model's layers, as Keras 3 prints it. Source: keras/src/utils/summary_utils.py, rich.table.
local check = require "moongate.check"
local Layer = require "moongate.layers.layer"
local terminal = require "moongate.terminal"

local HEAD = { "Layer (type)", "Output Shape", "Param #", "Trainable" }
local POSITIONS = { 0.45, 0.80, 1.0 } -- where a column ends, as a part of the line
local RIGHT, CENTRE = 3, 4 -- the columns that are not set to the left

local BOX = {
  top = { "┏", "━", "┳", "┓" }, head = { "┃", "┃" }, under = { "┡", "━", "╇", "┩" }, row = { "│", "│" },
  between = { "├", "─", "┼", "┤" }, bottom = { "└", "─", "┴", "┘" }, ellipsis = "…",
}
local PLAIN = {
  top = { "+", "-", "+", "+" }, head = { "|", "|" }, under = { "+", "=", "+", "+" }, row = { "|", "|" },
  between = { "+", "-", "+", "+" }, bottom = { "+", "-", "+", "+" }, ellipsis = ".",
}

-- 247296 -> "247,296"
local function thousands(n)
  local text = ("%d"):format(n)
  repeat
    local count
    text, count = text:gsub("^(%d+)(%d%d%d)", "%1,%2")
  until count == 0
  return text
end

local function readable(bytes)
  for _, unit in ipairs { "B", "KB", "MB", "GB", "TB" } do
    if bytes < 1024 then return ("%.2f %s"):format(bytes, unit) end
    bytes = bytes / 1024
  end
  return ("%.2f PB"):format(bytes)
end

-- The text widths of the columns of a line: their parts of it, and what lines and blanks take shared out evenly, halves to even,
-- as rich.table does.
local function widths_of(line_length, show_trainable)
  local widths, taken, columns = {}, 0, show_trainable and 4 or 3
  for i = 1, columns do
    local position = show_trainable and (POSITIONS[i] and POSITIONS[i] * 0.90 or 1.0) or POSITIONS[i]
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

local function rule(style, kind, widths)
  local parts = {}
  for i, width in ipairs(widths) do parts[i] = style[kind][2]:rep(width + 2) end
  return style[kind][1] .. table.concat(parts, style[kind][3]) .. style[kind][4]
end

-- Lines of at most `width` characters, broken at blanks; a longer word is cut.
local function wrap(text, width, ellipsis)
  local lines, current = {}, ""
  for word in text:gmatch("%S+") do
    if #word > width then word = word:sub(1, width - 1) .. ellipsis end
    if current == "" then
      current = word
    elseif #current + 1 + #word <= width then
      current = current .. " " .. word
    else
      lines[#lines + 1], current = current, word
    end
  end
  lines[#lines + 1] = current
  return lines
end

local function characters(text) return #text:gsub("[\128-\191]", "") end

local function pad(text, width, column)
  local space = width - characters(text)
  local before = column == RIGHT and space or column == CENTRE and math.floor(space / 2) or 0
  return (" "):rep(before) .. text .. (" "):rep(space - before)
end

local function rows(style, kind, widths, cells)
  local columns, most, out = {}, 0, {}
  for i, width in ipairs(widths) do
    columns[i] = wrap(cells[i], width, style.ellipsis)
    most = math.max(most, #columns[i])
  end
  for k = 1, most do
    local parts = {}
    for i, column in ipairs(columns) do parts[i] = " " .. pad(column[k] or "", widths[i], i) .. " " end
    out[k] = style[kind][1] .. table.concat(parts, style[kind][2]) .. style[kind][1]
  end
  return table.concat(out, "\n")
end

local function shape_of(layer, shape)
  if not layer.built or not shape then return "?" end
  return layer.shape_text(shape)
end

local function total(list)
  local count, bytes = 0, 0
  for _, v in ipairs(list) do
    count, bytes = count + v.count, bytes + v:nbytes()
  end
  return { count = count, bytes = bytes }
end

local function totals(model)
  local trainable, other = total(model.trainable_weights), total(model.non_trainable_weights)
  local optimizer = model.optimizer and model.optimizer.built and total(model.optimizer:own_variables())
  local lines = {}
  local function add(name, sum)
    lines[#lines + 1] = (" %s params: %s (%s)"):format(name, thousands(sum.count), readable(sum.bytes))
  end
  local state = optimizer or { count = 0, bytes = 0 }
  add("Total", { count = trainable.count + other.count + state.count, bytes = trainable.bytes + other.bytes + state.bytes })
  add("Trainable", trainable)
  add("Non-trainable", other)
  if optimizer then add("Optimizer", optimizer) end
  return lines
end

local function trainable_of(layer)
  return #layer.weights == 0 and "-" or layer.trainable and "Y" or "N"
end

local function text_of(model, style, widths)
  local lines = { ('Model: "%s"'):format(model.name) }
  local function add(line) lines[#lines + 1] = line end
  add(rule(style, "top", widths))
  add(rows(style, "head", widths, HEAD))
  add(rule(style, "under", widths))
  local shape = model.built and model.build_shape or nil
  for i, layer in ipairs(model.layers) do
    shape = shape and layer:compute_output_shape(shape)
    local params = layer.built and thousands(layer:count_params()) or layer.build == Layer.build and "0" or "0 (unbuilt)"
    local name = ("%s (%s)"):format(layer.name, getmetatable(layer).class.name)
    add(rows(style, "row", widths, { name, shape_of(layer, shape), params, trainable_of(layer) }))
    if i < #model.layers then add(rule(style, "between", widths)) end
  end
  add(rule(style, "bottom", widths))
  for _, line in ipairs(totals(model)) do add(line) end
  return table.concat(lines, "\n") .. "\n"
end

-- Characters of a line: those asked for, or what fits into the terminal, which is 80 columns where there is none.
local function line_length_of(o)
  local least, most = o.show_trainable and 44 or 24, o.show_trainable and 100 or 88
  if o.line_length ~= nil then return check.integer("summary", "line_length", o.line_length, least) end
  return math.max(least, math.min(most, (terminal.columns() or 80) - 4))
end

return function(model, options)
  local o = check.options("summary", options, { "line_length", "print_fn", "show_trainable", "utf8" })
  local utf8 = o.utf8
  if utf8 == nil then utf8 = terminal.is_utf8() end
  local print_fn = check.callable("summary", "print_fn", o.print_fn or function(text) io.stdout:write(text) end)
  print_fn(text_of(model, utf8 and BOX or PLAIN, widths_of(line_length_of(o), o.show_trainable)))
end
