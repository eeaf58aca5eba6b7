-- The graph of a functional model from its config: makes the layers, then calls them in an order in which the tensors of each call
-- exist. Source: keras/src/models/functional.py, functional_from_config.
local check = require "moongate.check"
local dialects = require "moongate.dialects"
local json = require "moongate.json"
local layers = require "moongate.layers"
local MaskOperation = require "moongate.layers.mask_operation"
local null = require "moongate.null"
local symbolic = require "moongate.symbolic"

local at, fail = dialects.at, dialects.fail

local function list_at(config, key, where)
  local list = config[key]
  if type(list) ~= "table" or list == null then fail(at(where, key), "is %s, expected a list", check.describe(list)) end
  return list
end

-- Layers -------------------------------------------------------------------------------------------------------------------------

local function make_layer(object, where)
  if type(object) ~= "table" or object == null then fail(where, "is %s, expected a layer", check.describe(object)) end
  if MaskOperation.is_config(object) then return MaskOperation.deserialize(object, where) end
  return layers.deserialize(object, where)
end

local function make_layers(config, where)
  local list, by_name = {}, {}
  for i, object in ipairs(list_at(config, "layers", where)) do
    local place = at(at(where, "layers"), i)
    local layer = make_layer(object, place)
    local name, calls = object.name or layer.name, object.inbound_nodes or {}
    if type(name) ~= "string" then fail(at(place, "name"), "is %s, expected a name", check.describe(name)) end
    if type(calls) ~= "table" or calls == null then
      fail(at(place, "inbound_nodes"), "is %s, expected a list of calls", check.describe(calls))
    end
    if by_name[name] then fail(place, "is called %q, as another layer is", tostring(name)) end
    by_name[name] = layer
    list[i] = { layer = layer, calls = calls, where = at(place, "inbound_nodes"), done = 0 }
  end
  return list, by_name
end

-- Tensors ------------------------------------------------------------------------------------------------------------------------

-- A tensor that a later call will make: the call that needs it waits.
local LATER = {}

-- The output of a layer's call. In TensorFlow 2 the calls of models, in Keras 3 the ends of functional ones, are numbered from 1.
local function tensor_at(state, ref, where, is_end)
  local name, call, output = ref[1], ref[2], ref[3]
  local layer = state.by_name[name]
  if not layer then fail(where, "refers to the layer %s, which is not in the model", check.describe(name)) end
  if type(call) ~= "number" or type(output) ~= "number" then fail(where, "is not [layer, call, output]") end
  if layer.result_names and (state.form == "tf2" or (is_end and layer.is_functional)) then call = math.max(call - 1, 0) end
  local node = layer.inbound_nodes[state.first[layer] + call + 1]
  if not node then return LATER end
  return node.outputs[output + 1] or fail(where, "refers to output %d of %q, which has %d", output, tostring(name), #node.outputs)
end

local function is_reference(value) return rawget(value, "class_name") == "__keras_tensor__" end

local function is_short(state, value)
  return type(value[1]) == "string" and type(value[2]) == "number" and type(value[3]) == "number" and state.by_name[value[1]] ~= nil
end

-- A value of a call with tensors in place of references; LATER when one of them does not exist yet.
local function revived(state, value, where)
  if type(value) ~= "table" or value == null then return value end
  if is_reference(value) then
    local history = type(value.config) == "table" and value.config.keras_history
    if type(history) ~= "table" then fail(where, "has no keras_history") end
    return tensor_at(state, history, where)
  end
  if state.form == "tf2" and is_short(state, value) then return tensor_at(state, value, where) end
  local out = {}
  for key, item in pairs(value) do
    local new = revived(state, item, at(where, key))
    if new == LATER then return LATER end
    out[key] = new
  end
  return out
end

-- Calls --------------------------------------------------------------------------------------------------------------------------

-- TensorFlow 2: a list of [layer, call, output, kwargs], or one for each key; the kwargs of the first are those of the call.
local function older_call(state, data, where)
  local kwargs
  local function read(value, place)
    if type(value) ~= "table" then fail(place, "is %s, expected [layer, call, output, kwargs]", check.describe(value)) end
    if type(value[1]) == "string" then
      kwargs = kwargs or value[4]
      return tensor_at(state, value, place)
    end
    local out = {}
    for key, item in pairs(value) do
      out[key] = read(item, at(place, key))
      if out[key] == LATER then return LATER end
    end
    return out
  end
  local inputs = read(data, where)
  if inputs ~= LATER and #inputs == 1 and next(inputs, 1) == nil and symbolic.is(inputs[1]) then inputs = inputs[1] end
  return inputs, kwargs or {}
end

local function newer_call(layer, data, where)
  if type(data) ~= "table" or data == null or type(data.args) ~= "table" then fail(where, "has no args") end
  if layer.is_operation then
    for i = 1, #data.args do layer.float = layer.float or json.kind_of(data.args, i) == "float" end
    return data.args, {}
  end
  if #data.args > 1 then fail(at(where, "args"), "has %d arguments, expected one", #data.args) end
  return data.args[1], data.kwargs or {}
end

local function keys_of(object)
  local list = {}
  for key in json.pairs(json.is_object(object) and object or json.object(object)) do list[#list + 1] = key end
  return list
end

-- Whether the arguments are just what Keras 3 writes by itself, the mask being the one that rides on the input.
local function is_automatic(layer, inputs, options, keys)
  local training, mask = layer.records_training, layer.records_mask
  if #keys ~= (training and 1 or 0) + (mask and 1 or 0) then return false end
  if training and options.training ~= false then return false end
  local given = options.mask
  if not mask then return true end
  if given == nil then return false end
  return not symbolic.any(given) or (symbolic.is(inputs) and MaskOperation.same(given, inputs.keras_mask))
end

-- Keras 3 does not take the mask that rides on the input where a call has other tensors too.
local function without_riding_mask(options)
  if options.mask == nil and symbolic.any(options) then options.mask = null end
end

local function call(state, entry, inputs, kwargs, where)
  local layer, keys = entry.layer, keys_of(kwargs)
  local options = revived(state, kwargs, where)
  if options == LATER then return false end
  local newer = state.form == "keras3"
  local automatic = newer and is_automatic(layer, inputs, options, keys)
  if newer then without_riding_mask(options) end
  local ok, message = pcall(function()
    if automatic or #keys == 0 then return layer(inputs) end
    return layer(inputs, options)
  end)
  if not ok then error(("%s (in %s)"):format(tostring(message), where.path), 0) end
  local node = layer.inbound_nodes[#layer.inbound_nodes]
  if not node then fail(where, "is no call on tensors of the model") end
  node.option_order = keys
  if automatic then node.mask = symbolic.is(options.mask) and options.mask or nil end
  if newer then node.automatic = automatic and node.automatic end
  return true
end

-- One call of an entry; false when it has to wait.
local function process(state, entry)
  local data, where = entry.calls[entry.done + 1], at(entry.where, entry.done + 1)
  local inputs, kwargs
  if state.form == "tf2" then
    inputs, kwargs = older_call(state, data, where)
  else
    inputs, kwargs = newer_call(entry.layer, data, where)
    inputs = revived(state, inputs, at(where, "args"))
  end
  if inputs == LATER or not call(state, entry, inputs, kwargs, where) then return false end
  entry.done = entry.done + 1
  return true
end

local function run(state, list)
  repeat
    local open, moved
    for _, entry in ipairs(list) do
      while entry.done < #entry.calls do
        if not process(state, entry) then break end
        moved = true
      end
      if entry.done < #entry.calls then open = open or entry end
    end
    if open and not moved then
      fail(at(open.where, open.done + 1), "waits for a call that never comes: the graph has a loop, or a call is missing")
    end
  until not open
end

local function ends(state, value, where)
  if type(value) ~= "table" or value == null then fail(where, "is %s, expected [layer, call, output]", check.describe(value)) end
  if type(value[1]) == "string" then
    local t = tensor_at(state, value, where, true)
    return t == LATER and fail(where, "refers to call %d of %q, which is not in the model", value[2], value[1]) or t
  end
  if next(value) == nil then fail(where, "is empty, expected [layer, call, output]") end
  local out = {}
  for key, item in pairs(value) do out[key] = ends(state, item, at(where, key)) end
  return out
end

--- The symbolic inputs and outputs of the graph that a config tells, in its structure.
---@param config table
---@param where table
---@return any inputs, any outputs
return function(config, where)
  local list, by_name = make_layers(config, where)
  local state = { by_name = by_name, form = dialects.form(where.dialect), first = {} }
  for _, entry in ipairs(list) do
    state.first[entry.layer] = entry.layer.is_input and 0 or #entry.layer.inbound_nodes
  end
  run(state, list)
  return ends(state, config.input_layers, at(where, "input_layers")), ends(state, config.output_layers, at(where, "output_layers"))
end
