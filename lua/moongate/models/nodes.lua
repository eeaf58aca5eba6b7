-- The calls of a model's layers as configs have them. Keras 3 writes each as { args, kwargs } with its tensors in full,
-- TensorFlow 2 as a list of [layer, call, output, kwargs]. Calls are numbered from 0 among those of this model.
-- Source: keras/src/models/functional.py, serialize_node; tf_keras/src/engine/node.py.
local check = require "moongate.check"
local json = require "moongate.json"
local MaskOperation = require "moongate.layers.mask_operation"
local null = require "moongate.null"
local symbolic = require "moongate.symbolic"
local tensor = require "moongate.tensor"

local nodes = {}

--- The number of a tensor's call among those that belong to the graph.
---@param graph table
---@param t table
---@return integer
function nodes.index(graph, t)
  local count, list = 0, t.history.layer.inbound_nodes
  for i = 1, t.history.node_index do
    if graph.inside[list[i]] then count = count + 1 end
  end
  return count
end

local function reference(graph, t)
  local history = t.history
  return json.object { { "class_name", "__keras_tensor__" }, { "config", json.object {
    { "shape", json.array { unpack(t.shape) } }, { "dtype", t.dtype },
    { "keras_history", json.array { history.layer.name, nodes.index(graph, t), history.tensor_index } },
  } } }
end

-- A value of a call with each symbolic tensor written by f.
local function written(layer, value, f)
  if value == nil or value == null then return null end
  if symbolic.is(value) then return f(value) end
  if tensor.is(value) then
    check.fail("get_config: %s is called on a tensor with values, which no config can tell; likely fix: an mg.Input in its place",
      layer:title())
  end
  if type(value) ~= "table" or json.is_container(value) then return value end
  local list = {}
  if value[1] ~= nil then
    for i, item in ipairs(value) do list[i] = written(layer, item, f) end
    return json.array(list)
  end
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys)
  for i, key in ipairs(keys) do list[i] = { key, written(layer, value[key], f) } end
  return json.object(list)
end

-- The input of a call, and its other arguments in order: { name, value }. States in a list of inputs are initial_state.
local function arguments_of(node)
  local layer, x, list = node.layer, node.inputs, {}
  if layer.takes_states and not symbolic.is(x) then
    list[1] = { "initial_state", #x == 2 and x[2] or { unpack(x, 2) } }
    x = x[1]
  end
  local order, options = node.option_order or layer.call_options or {}, node.options or {}
  local beside = symbolic.any(options) -- beside other tensors Keras 3 takes no mask that is not given
  for _, name in ipairs(order) do
    local value = options[name]
    if value ~= nil and not (name == "mask" and value == null and beside) then list[#list + 1] = { name, value } end
  end
  return x, list
end

local function without_values(value)
  if symbolic.is(value) then return null end
  local out = {}
  for key, item in pairs(value) do out[key] = without_values(item) end
  return out
end

-- What Keras 3 adds to the arguments by itself.
local function add_automatic(node, list)
  local layer, x = node.layer, node.inputs
  local training, mask = layer.records_training, layer.records_mask
  if node.automatic and training then list[#list + 1] = { "training", false } end
  if mask and (node.automatic or node.mask) then list[#list + 1] = { "mask", node.mask or null } end
  if layer.is_functional and not symbolic.is(x) and #list == 0 then list[1] = { "mask", without_values(x) } end
end

local function keras3_node(graph, node)
  local x, list = arguments_of(node)
  add_automatic(node, list)
  local function f(t) return reference(graph, t) end
  local kwargs = json.object()
  for _, item in ipairs(list) do kwargs[item[1]] = written(node.layer, item[2], f) end
  local args = node.layer.is_operation and x or { x }
  local array = written(node.layer, args, f)
  for i, value in ipairs(node.layer.float and args or {}) do
    if type(value) == "number" then json.float(array, i) end
  end
  return json.object { { "args", array }, { "kwargs", kwargs } }
end

-- TensorFlow 2: models have a call of their own before all others.
local function tf2_index(graph, t)
  return nodes.index(graph, t) + (t.history.layer.result_names and 1 or 0)
end

local function is_merge(node) return node.layer.as_tf2 == false and not symbolic.is(node.inputs) end

local function alike(one, two) return one == two or (one and two and MaskOperation.same(one, two)) end

-- The mask of a tensor where it was made: layers pass it on, and merged with itself it stays what it is.
local made = setmetatable({}, { __mode = "k" })
local function made_mask(t)
  if made[t] then return made[t][1] end
  local node, mask = symbolic.node(t), t.keras_mask
  local first = mask and is_merge(node) and made_mask(node.inputs[1]) or nil
  for _, each in ipairs(mask and not node.is_input and node.input_tensors or {}) do
    if first and not alike(first, made_mask(each)) then first = nil end
    if each.keras_mask == mask then mask = made_mask(each) end
  end
  made[t] = { first or mask }
  return made[t][1]
end

-- Layers of Keras 3 that merge inputs whose masks differ join them with or, those of tf.keras with and.
local function refuse_other_masks(layer, list)
  for i = 2, #list do
    if not alike(made_mask(list[1]), made_mask(list[i])) then
      check.fail("%s: its inputs have different masks, which tf.keras joins in another way than Keras 3; likely fix: "
        .. "Keras 3's form, model:save(\"x.keras\")", layer:title())
    end
  end
end

local function tf2_node(graph, node)
  local x, list = arguments_of(node)
  if is_merge(node) then refuse_other_masks(node.layer, x) end
  local kwargs = json.object()
  local function short(t) return json.array { t.history.layer.name, tf2_index(graph, t), t.history.tensor_index } end
  local inputs = symbolic.is(x) and { x } or x
  for _, item in ipairs(list) do
    if item[1] == "initial_state" then
      inputs = { unpack(inputs) }
      for _, state in ipairs(symbolic.is(item[2]) and { item[2] } or item[2]) do inputs[#inputs + 1] = state end
    else
      kwargs[item[1]] = written(node.layer, item[2], short)
    end
  end
  return written(node.layer, inputs, function(t)
    return json.array { t.history.layer.name, tf2_index(graph, t), t.history.tensor_index, kwargs }
  end)
end

--- The calls of a layer that belong to a graph.
---@param graph table
---@param layer table
---@param form string "keras3" or "tf2"
---@return table JSON array
function nodes.write(graph, layer, form)
  local list = {}
  for _, node in ipairs(layer.inbound_nodes) do
    if graph.inside[node] and not node.is_input then
      list[#list + 1] = (form == "tf2" and tf2_node or keras3_node)(graph, node)
    end
  end
  return json.array(list)
end

--- Inputs or outputs of a model: [layer, call, output], in the structure that they were given in.
---@param graph table
---@param given any
---@param form string
---@param order? string[] of the keys of a table by name
---@return table
function nodes.ends(graph, given, form, order)
  local function f(t)
    local layer = t.history.layer
    local first = form == "tf2" and layer.result_names and 1 or layer.is_functional and 1 or 0
    return json.array { layer.name, nodes.index(graph, t) + first, t.history.tensor_index }
  end
  if form == "tf2" and symbolic.is(given) then given = { given } end
  if not order then return written({}, given, f) end
  local object = json.object()
  for _, key in ipairs(order) do object[key] = f(given[key]) end
  return object
end

return nodes
