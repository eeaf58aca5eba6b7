-- The table of a model's layers, as Keras 3 prints it. Source: keras/src/utils/summary_utils.py, 80 columns.
local check = require "moongate.check"
local Layer = require "moongate.layers.layer"
local terminal = require "moongate.terminal"

local WIDTHS = { 31, 22, 13 }
local HEAD = { "Layer (type)", "Output Shape", "Param #" }

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

local function rule(style, kind)
  local parts = {}
  for i, width in ipairs(WIDTHS) do parts[i] = style[kind][2]:rep(width + 2) end
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

local function pad(text, width, right)
  local space = (" "):rep(width - characters(text))
  return right and space .. text or text .. space
end

local function rows(style, kind, cells)
  local columns, most, out = {}, 0, {}
  for i, cell in ipairs(cells) do
    columns[i] = wrap(cell, WIDTHS[i], style.ellipsis)
    most = math.max(most, #columns[i])
  end
  for k = 1, most do
    local parts = {}
    for i, column in ipairs(columns) do parts[i] = " " .. pad(column[k] or "", WIDTHS[i], i == 3) .. " " end
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

local function text_of(model, style)
  local lines = { ('Model: "%s"'):format(model.name), rule(style, "top"), rows(style, "head", HEAD), rule(style, "under") }
  local shape = model.built and model.build_shape or nil
  for i, layer in ipairs(model.layers) do
    shape = shape and layer:compute_output_shape(shape)
    local params = layer.built and thousands(layer:count_params()) or layer.build == Layer.build and "0" or "0 (unbuilt)"
    local name = ("%s (%s)"):format(layer.name, getmetatable(layer).class.name)
    lines[#lines + 1] = rows(style, "row", { name, shape_of(layer, shape), params })
    if i < #model.layers then lines[#lines + 1] = rule(style, "between") end
  end
  lines[#lines + 1] = rule(style, "bottom")
  for _, line in ipairs(totals(model)) do lines[#lines + 1] = line end
  return table.concat(lines, "\n") .. "\n"
end

--- Prints the table; `utf8 = false` draws it with ASCII characters (the default follows the locale).
return function(model, options)
  options = check.options("summary", options, { "write", "utf8" })
  local utf8 = options.utf8
  if utf8 == nil then utf8 = terminal.is_utf8() end
  local write = options.write or function(text) io.stdout:write(text) end
  check.type("summary", "write", write, "function")
  write(text_of(model, utf8 and BOX or PLAIN))
end
