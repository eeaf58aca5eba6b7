-- Symbolic tensors: shape and dtype of a tensor that has no values yet, and the call that will make it. Calling a layer on them
-- records a node of the graph, which a functional model runs. Source: keras/src/backend/common/keras_tensor.py, ops/node.py.
local check = require "moongate.check"
local null = require "moongate.null"
local shapes = require "moongate.shape"

local symbolic = {}

-- A symbolic tensor: shape (mg.null where unknown), dtype, name, keras_mask (symbolic too, or nil), and history: the layer that
-- made it, the number of its call and of its output, both from 0.
local meta = { is_symbolic = true }

local FIX = { __add = "Add", __sub = "Subtract", __mul = "Multiply", __div = "a Lambda", __pow = "a Lambda", __unm = "a Lambda",
  __concat = "Concatenate", __lt = "a Lambda", __le = "a Lambda" }

--- Raises: an operation on symbolic tensors, which only layers take.
---@param op string
---@param fix? string the layer that does it
function symbolic.refuse(op, fix)
  check.fail("%s: a symbolic tensor has no values yet; likely fix: a layer instead (%s), which becomes a part of the model", op,
    fix and ("mg.layers.%s"):format(fix) or "mg.layers.Add, Multiply, Concatenate, Lambda, ...")
end

for event, layer in pairs(FIX) do
  meta[event] = function() symbolic.refuse(event:sub(3), layer:gsub("^a ", "")) end
end

-- Methods of tensors are no methods here.
function meta.__index(_, name)
  if type(name) ~= "string" or type(require("moongate.tensor_core").methods[name]) ~= "function" then return nil end
  return function() symbolic.refuse(name, "Lambda") end
end

function meta.__tostring(t)
  return ("<symbolic tensor %s %s of %s>"):format(shapes.text(t.shape), t.dtype, t.history and t.history.layer.name or t.name)
end

--- Whether a value is a symbolic tensor.
---@param value any
---@return boolean
function symbolic.is(value) return type(value) == "table" and getmetatable(value) == meta end

--- A symbolic tensor.
---@param shape integer[] mg.null where unknown
---@param dtype string
---@param name string
---@return table
function symbolic.tensor(shape, dtype, name)
  local own = {}
  for i = 1, #shape do own[i] = shape[i] end
  return setmetatable({ shape = own, dtype = dtype, name = name }, meta)
end

local function is_list(value) return type(value) == "table" and value ~= null and getmetatable(value) == nil end

--- Calls visit for every symbolic tensor in a value: itself, or in lists and tables, by key in order.
---@param value any
---@param visit fun(tensor: table)
function symbolic.each(value, visit)
  if symbolic.is(value) then return visit(value) end
  if not is_list(value) then return end
  for i = 1, #value do symbolic.each(value[i], visit) end
  local keys = {}
  for key in pairs(value) do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for _, key in ipairs(keys) do symbolic.each(value[key], visit) end
end

--- Whether there is a symbolic tensor in a value.
---@param value any
---@return boolean
function symbolic.any(value)
  if type(value) ~= "table" then return false end
  if getmetatable(value) then return symbolic.is(value) end
  for _, item in pairs(value) do
    if symbolic.any(item) then return true end
  end
  return false
end

--- A copy of a value in which f has taken the place of each symbolic tensor by another value.
---@param value any
---@param f fun(tensor: table): any
---@return any
function symbolic.map(value, f)
  if symbolic.is(value) then return f(value) end
  if not is_list(value) then return value end
  local out = {}
  for key, item in pairs(value) do out[key] = symbolic.map(item, f) end
  return out
end

--- Records a call of `layer`: its arguments as given, and the symbolic tensors that it returned, which get their history.
---@param layer table with inbound_nodes
---@param inputs any what the layer was called on
---@param options table|nil the call's options
---@param outputs table[]
---@return table node { layer =, inputs =, options =, input_tensors = {}, outputs = {} }
function symbolic.record(layer, inputs, options, outputs)
  local node = { layer = layer, inputs = inputs, options = options, input_tensors = {}, outputs = outputs }
  local function add(t) node.input_tensors[#node.input_tensors + 1] = t end
  symbolic.each(inputs, add)
  symbolic.each(options, add)
  node.is_input = #node.input_tensors == 0
  local nodes = layer.inbound_nodes
  for i, output in ipairs(outputs) do
    output.history = { layer = layer, node_index = #nodes, tensor_index = i - 1 }
  end
  nodes[#nodes + 1] = node
  return node
end

--- The node that made a symbolic tensor.
---@param t table
---@return table
function symbolic.node(t) return t.history.layer.inbound_nodes[t.history.node_index + 1] end

return symbolic
