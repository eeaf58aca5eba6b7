-- The graph between symbolic inputs and outputs: its nodes in an order in which they can run, and its layers in Keras's order.
-- Source: keras/src/ops/function.py, map_graph.
local check = require "moongate.check"
local symbolic = require "moongate.symbolic"

-- The tensors that a node depends on, with the recorded mask last.
local function parents(node, with_masks)
  if not with_masks or not node.mask then return node.input_tensors end
  local list = { unpack(node.input_tensors) }
  list[#list + 1] = node.mask
  return list
end

-- Depth first from the outputs: nodes from inputs to outputs, and for each layer when it was first seen.
local function walk(op, inputs, outputs, with_masks)
  local nodes, seen_at, finished, running, count = {}, {}, {}, {}, 0
  local function visit(t)
    local node = symbolic.node(t)
    if finished[node] then return end
    if not node.is_input and inputs[t] then
      finished[node] = true
      return
    end
    if running[node] then check.fail("%s: the call of %s depends on its own output", op, node.layer:title()) end
    if not seen_at[node.layer] then seen_at[node.layer], count = count, count + 1 end
    running[node] = true
    for _, each in ipairs(parents(node, with_masks)) do visit(each) end
    running[node], finished[node] = nil, true
    nodes[#nodes + 1] = node
  end
  for _, output in ipairs(outputs) do visit(output) end
  return nodes, seen_at
end

-- Depth: how many calls lie between a node and the outputs; a layer's is that of its deepest call, which its other calls take over.
local function depths_of(nodes, with_masks)
  local inside, of_node, of_layer, order = {}, {}, {}, {}
  for _, node in ipairs(nodes) do inside[node] = true end
  for i = #nodes, 1, -1 do
    local node = nodes[i]
    local depth = math.max(of_node[node] or 0, of_layer[node.layer] or 0)
    if not of_layer[node.layer] then order[#order + 1] = node.layer end
    of_layer[node.layer], of_node[node] = depth, depth
    for _, t in ipairs(parents(node, with_masks)) do
      local parent = symbolic.node(t)
      if inside[parent] then of_node[parent] = math.max(depth + 1, of_node[parent] or 0) end
    end
  end
  return of_node, of_layer, order
end

-- A list sorted by less, equal ones as they were.
local function sorted(list, less)
  local place = {}
  for i, item in ipairs(list) do place[item] = i end
  table.sort(list, function(a, b)
    if less(a, b) then return true elseif less(b, a) then return false end
    return place[a] < place[b]
  end)
  return list
end

local function check_connected(op, inputs, nodes)
  local known = {}
  for t in pairs(inputs) do known[t] = true end
  for _, node in ipairs(nodes) do
    for _, t in ipairs(node.input_tensors) do
      if not known[t] then
        check.fail("%s: %s is called on %s, which none of the inputs leads to; likely fix: give its mg.Input among the inputs", op,
          node.layer:title(), tostring(t))
      end
    end
    for _, t in ipairs(node.is_input and {} or node.outputs) do known[t] = true end
  end
end

-- Layers have names of their own; a counted name of an operation makes room for them, as names in a file are not counted.
local function check_names(op, layers)
  local taken = {}
  for _, layer in ipairs(layers) do
    if not layer.is_counted then
      if taken[layer.name] then check.fail("%s: two layers are called %q; give each its own name", op, layer.name) end
      taken[layer.name] = true
    end
  end
  for _, layer in ipairs(layers) do
    if layer.is_counted then
      layer:rename(taken)
      taken[layer.name] = true
    end
  end
end

--- The graph from inputs to outputs.
---@param op string for messages
---@param inputs table[] symbolic tensors
---@param outputs table[] symbolic tensors
---@param with_masks boolean whether masks that Keras 3 records are a part of it
---@return table { nodes = in order of running, layers = in Keras's order, inside = set of nodes, node_depths =, parents(node) }
return function(op, inputs, outputs, with_masks)
  local given = {}
  for _, t in ipairs(inputs) do given[t] = true end
  local nodes, seen_at = walk(op, given, outputs, with_masks)
  local of_node, of_layer, layers = depths_of(nodes, with_masks)
  for _, t in ipairs(inputs) do
    local layer, node = t.history.layer, symbolic.node(t)
    if not of_layer[layer] and node.is_input then
      of_layer[layer], of_node[node], seen_at[layer] = 0, 0, -1
      layers[#layers + 1], nodes[#nodes + 1] = layer, node
    end
  end
  sorted(nodes, function(a, b) return of_node[a] > of_node[b] end)
  sorted(layers, function(a, b)
    if of_layer[a] ~= of_layer[b] then return of_layer[a] > of_layer[b] end
    return seen_at[a] < seen_at[b]
  end)
  check_connected(op, given, nodes)
  check_names(op, layers)
  local inside = {}
  for _, node in ipairs(nodes) do inside[node] = true end
  return { nodes = nodes, layers = layers, inside = inside, node_depths = of_node,
    parents = function(node) return parents(node, with_masks) end }
end
