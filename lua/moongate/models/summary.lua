-- The table of a model's layers, as Keras 3 prints it. Source: keras/src/utils/summary_utils.py.
local check = require "moongate.check"
local Layer = require "moongate.layers.layer"
local table_box = require "moongate.models.table_box"
local terminal = require "moongate.terminal"

-- Where columns end, as parts of the line; a chain of layers needs no connections.
local CHAIN = { heads = { "Layer (type)", "Output Shape", "Param #" }, positions = { 0.45, 0.80, 1.0 }, most = 88 }
local GRAPH = { heads = { "Layer (type)", "Output Shape", "Param #", "Connected to" }, positions = { 0.3, 0.56, 0.74, 1.0 },
  most = 108 }

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

-- Below the table ---------------------------------------------------------------------------------------------------------------

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

-- Cells -------------------------------------------------------------------------------------------------------------------------

local function shapes_text(...)
  local words = {}
  for i, shape in ipairs { ... } do words[i] = Layer.shape_text(shape) end
  return #words == 1 and words[1] or #words == 0 and "?" or "[" .. table.concat(words, ", ") .. "]"
end

-- The shapes of a layer's output: of its last call in a graph, or for the shape that came down a chain.
local function output_text(layer, shape)
  local node = not shape and layer.inbound_nodes[#layer.inbound_nodes]
  if node then
    local list = {}
    for i, t in ipairs(node.outputs) do list[i] = t.shape end
    return shapes_text(unpack(list))
  end
  if not layer.built or not shape then return "?" end
  return shapes_text(layer:compute_output_shape(shape))
end

local function params_text(layer)
  if layer.is_operation then return "0" end
  return layer.built and thousands(layer:count_params()) or layer.build == Layer.build and "0" or "0 (unbuilt)"
end

local function connections_text(layer, graph)
  local words = {}
  for _, node in ipairs(layer.inbound_nodes) do
    local list = graph.inside[node] and graph.parents(node) or {}
    for _, t in ipairs(list) do
      words[#words + 1] = ("%s[%d][%d]"):format(t.history.layer.name, t.history.node_index, t.history.tensor_index)
    end
  end
  return #words > 0 and table.concat(words, ", ") or "-"
end

local function trainable_text(layer)
  return (not layer.is_layer or #layer.weights == 0) and "-" or layer.trainable and "Y" or "N"
end

-- Rows --------------------------------------------------------------------------------------------------------------------------

local add_layers

local function add_layer(rows, view, layer, shape, level)
  local prefix = level > 0 and ("   "):rep(level) .. (view.utf8 and "└ " or "- ") or ""
  local kind = layer.is_operation and layer.kind or getmetatable(layer).class.name
  local cells = { ("%s%s (%s)"):format(prefix, layer.name, kind), output_text(layer, shape), params_text(layer) }
  if view.graph then cells[#cells + 1] = connections_text(layer, view.graph) end
  if view.show_trainable then cells[#cells + 1] = trainable_text(layer) end
  rows[#rows + 1] = cells
  if view.expand_nested and layer.result_names then add_layers(rows, view, layer, layer.layers, level + 1) end
end

-- Layers of a model in order; in a Sequential the shape goes from one to the next.
function add_layers(rows, view, model, layers, level, first, last)
  local shape = not model.graph and model.built and model.build_shape or nil
  for i, layer in ipairs(layers) do
    if i >= (first or 1) and i <= (last or #layers) then add_layer(rows, view, layer, shape, level) end
    shape = shape and layer:compute_output_shape(shape)
  end
end

-- Whether a functional model is a chain: one call after the other, each of one tensor, and no layer twice.
local function is_chain(graph)
  local at, seen = {}, {}
  for _, node in ipairs(graph.nodes) do
    local depth = graph.node_depths[node]
    if at[depth] or seen[node.layer] or #graph.parents(node) > 1 then return false end
    at[depth], seen[node.layer] = true, true
  end
  return true
end

-- First and last position of the layers between two names or Lua patterns, both inclusive.
local function range_of(layers, range)
  if range == nil then return 1, #layers end
  check.type("summary", "layer_range", range, "table")
  local found = {}
  for k = 1, 2 do
    local wanted = check.type("summary", ("layer_range[%d]"):format(k), range[k], "string")
    local ok = pcall(string.find, "", wanted)
    for i, layer in ipairs(layers) do
      if layer.name == wanted or (ok and layer.name:find("^" .. wanted)) then
        found[k] = found[k] or { i, i }
        found[k][2] = i
      end
    end
    if not found[k] then check.fail("summary: layer_range[%d]: no layer is called %q", k, wanted) end
  end
  if found[1][1] > found[2][2] then return found[2][1], found[1][2] end
  return found[1][1], found[2][2]
end

-- The line ------------------------------------------------------------------------------------------------------------------------

local function positions_of(o, kind)
  local positions = {}
  for i, position in ipairs(check.type("summary", "positions", o.positions or kind.positions, "table")) do
    positions[i] = check.number("summary", ("positions[%d]"):format(i), position, positions[i - 1] or 0, 1)
  end
  if #positions ~= #kind.heads then
    check.fail("summary: positions has %d entries, expected %d: where each column ends, up to 1", #positions, #kind.heads)
  end
  if not o.show_trainable then return positions end
  for i, position in ipairs(positions) do positions[i] = position * 0.90 end
  positions[#positions + 1] = 1.0
  return positions
end

-- Characters of a line: those asked for, or what fits into the terminal, which is 80 columns where there is none.
local function line_length_of(o, columns, most)
  local least = columns == 3 and 24 or columns == 4 and 44 or 64
  if o.line_length ~= nil then return check.integer("summary", "line_length", o.line_length, least) end
  return math.max(least, math.min(most, (terminal.columns() or 80) - 4))
end

local function columns_of(o, kind)
  local positions = positions_of(o, kind)
  local widths = table_box.widths(positions, line_length_of(o, #positions, kind.most + (o.show_trainable and 12 or 0)))
  local columns = {}
  for i, head in ipairs(kind.heads) do columns[i] = { head = head, align = i == 3 and "right" or "left" } end
  if o.show_trainable then columns[#columns + 1] = { head = "Trainable", align = "centre" } end
  for i, column in ipairs(columns) do
    column.width = widths[i]
    if widths[i] < 1 then
      check.fail("summary: column %q has no room in this line; likely fix: a longer line_length", column.head)
    end
  end
  return columns
end

return function(model, options)
  local o = check.options("summary", options, { "line_length", "positions", "print_fn", "expand_nested", "show_trainable",
    "layer_range", "utf8" })
  local utf8 = o.utf8
  if utf8 == nil then utf8 = terminal.is_utf8() end
  local print_fn = check.callable("summary", "print_fn", o.print_fn or function(text) io.stdout:write(text) end)
  local graph = rawget(model, "graph")
  local layers = graph and graph.layers or model.layers
  local chain = not graph or is_chain(graph)
  local view = { utf8 = utf8, expand_nested = o.expand_nested, show_trainable = o.show_trainable }
  view.graph = not chain and graph or nil
  local rows, first, last = {}, range_of(layers, o.layer_range)
  add_layers(rows, view, model, layers, 0, first, last)
  local lines = { ('Model: "%s"'):format(model.name), table_box.draw(columns_of(o, chain and CHAIN or GRAPH), rows, utf8) }
  for _, line in ipairs(totals(model)) do lines[#lines + 1] = line end
  print_fn(table.concat(lines, "\n") .. "\n")
end
