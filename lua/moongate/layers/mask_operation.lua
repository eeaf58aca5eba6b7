-- The operations out of which Keras 3 makes masks: nodes of a graph beside the layers. A model's masks ride on its tensors, so they
-- run only where a call was given one as its `mask`; configs and summaries show them. Source: keras/src/ops/numpy.py.
local check = require "moongate.check"
local class = require "moongate.class"
local dialects = require "moongate.dialects"
local json = require "moongate.json"
local names = require "moongate.names"
local null = require "moongate.null"
local ops = require "moongate.ops"
local symbolic = require "moongate.symbolic"
local tensor = require "moongate.tensor_create"

-- A dimension from 1 of Keras's axis from 0; negative ones are alike.
local function dim_of(axis) return axis < 0 and axis or axis + 1 end

local function position(axis, n) return axis < 0 and n + 1 + axis or axis + 1 end

local function same_shape(_, x) return x.shape end

local function with_axis(self, x)
  local shape = { unpack(x.shape) }
  table.insert(shape, position(self.options.axis, #shape + 1), 1)
  return shape
end

local function reduced(self, x)
  local shape, at = { unpack(x.shape) }, position(self.options.axis, #x.shape)
  if self.options.keepdims then shape[at] = 1 else table.remove(shape, at) end
  return shape
end

local function broadcast(_, a, b)
  local out = {}
  for i = 1, #b.shape do
    local size = a.shape[i]
    out[i] = (size == 1 or size == null and b.shape[i] ~= 1) and b.shape[i] or size
  end
  return out
end

local function joined(self, list)
  local shape, at = { unpack(list[1].shape) }, position(self.options.axis, #list[1].shape)
  for i = 2, #list do
    local size = list[i].shape[at]
    shape[at] = (shape[at] == null or size == null) and null or shape[at] + size
  end
  return shape
end

local function truth(x) return x.dtype == "uint8" and x or ops.ne(x, 0) end

-- By class: the module of Keras, the shape of the result, how it is computed, and the options in the order of a config.
local KINDS = {
  NotEqual = { shape = same_shape, run = function(_, x, value) return ops.ne(x, value) end },
  Equal = { shape = same_shape, run = function(_, x, value) return ops.eq(x, value) end },
  Any = { shape = reduced, options = { "axis", "keepdims" }, run = function(self, x)
    return ops.max(truth(x), dim_of(self.options.axis), self.options.keepdims)
  end },
  All = { shape = reduced, options = { "axis", "keepdims" }, run = function(self, x)
    return ops.min(truth(x), dim_of(self.options.axis), self.options.keepdims)
  end },
  ExpandDims = { shape = with_axis, options = { "axis" }, run = function(self, x)
    return ops.expand_dims(x, dim_of(self.options.axis))
  end },
  ZerosLike = { shape = same_shape, options = { "dtype" }, run = function(_, x) return ops.ne(x, x) end },
  OnesLike = { shape = same_shape, options = { "dtype" }, run = function(_, x) return ops.eq(tensor.zeros_like(x), 0) end },
  LogicalOr = { shape = broadcast, run = function(_, a, b) return ops.maximum(truth(a), truth(b)) end },
  LogicalAnd = { shape = broadcast, run = function(_, a, b) return ops.minimum(truth(a), truth(b)) end },
  Concatenate = { shape = joined, options = { "axis" }, run = function(self, list)
    return ops.concat(list, dim_of(self.options.axis))
  end },
  ConvertToTensor = { module = "keras.src.ops.core", shape = same_shape, options = { "dtype", "sparse", "ragged" },
    run = function(_, x) return x end },
}

--- An operation on masks as a node of a graph.
local MaskOperation = class "MaskOperation"
MaskOperation.is_operation = true

--- Makes an operation: its kind ("NotEqual"), options of it, and a name (default: as Keras counts them).
---@param kind string
---@param options? table
---@param name? string
---@param float? boolean whether numbers among the arguments are floats, 0.0 in a config
function MaskOperation:init(kind, options, name, float)
  self.kind, self.options = check.type("MaskOperation", "kind", kind, "string"), options or {}
  self.name, self.is_counted = name or names.unique(kind), name == nil
  self.definition = KINDS[kind] or check.fail("MaskOperation: unknown kind %s", kind)
  self.inbound_nodes, self.built, self.float = {}, true, float == true
end

--- `NotEqual "not_equal"`: how messages call it.
---@package
function MaskOperation:title() return ('%s "%s"'):format(self.kind, self.name) end

--- Takes the next counted name that is not among `taken`; a name that was given stays.
---@param taken table<string, any>
---@package
function MaskOperation:rename(taken)
  while self.is_counted and taken[self.name] do self.name = names.unique(self.kind) end
end

--- The result for a list of arguments, tensors or symbolic ones.
---@param arguments any[]
---@return any
function MaskOperation:__call(arguments)
  if not symbolic.any(arguments) then return self.definition.run(self, unpack(arguments)) end
  local output = symbolic.tensor(self.definition.shape(self, unpack(arguments)), "bool", self.name)
  symbolic.record(self, arguments, nil, { output })
  return output
end

--- The operation as Keras writes it into a model's config.
---@return table
---@package
function MaskOperation:serialize()
  local config = json.object { { "name", self.name } }
  for _, key in ipairs(self.definition.options or {}) do
    local value = self.options[key]
    if value == nil then config[key] = null else config[key] = value end
  end
  return json.object {
    { "module", self.definition.module or "keras.src.ops.numpy" }, { "class_name", self.kind }, { "config", config },
    { "registered_name", self.kind },
  }
end

--- Whether an object of a config is such an operation. Keras 3's .h5 files leave out the module; layers have `trainable`.
---@param object table
---@return boolean
function MaskOperation.is_config(object)
  if object.module == nil then
    return KINDS[object.class_name] ~= nil and type(object.config) == "table" and object.config.trainable == nil
  end
  return type(object.module) == "string" and object.module:match("^keras%.src%.ops%.") ~= nil
end

--- The operation of an object in a config.
---@param object table
---@param where table
---@return table
function MaskOperation.deserialize(object, where)
  local kind = object.class_name
  if not KINDS[kind] then
    dialects.fail(where, "is the operation %s, which moongate has no symbolic form of; likely fix: a layer in its place",
      check.describe(kind))
  end
  local options, config = {}, object.config or {}
  if type(config) ~= "table" or config == null then
    dialects.fail(dialects.at(where, "config"), "is %s, expected a table", check.describe(config))
  end
  for _, key in ipairs(KINDS[kind].options or {}) do
    local value = config[key]
    if value ~= null then options[key] = value end
  end
  return MaskOperation(kind, options, config.name or object.name)
end

local function is_plain(value) return type(value) == "table" and getmetatable(value) == nil end

--- Whether two values are the same, or come from alike operations on the same tensors.
---@param a any
---@param b any
---@return boolean
local function same(a, b)
  if a == b then return true end
  if symbolic.is(a) and symbolic.is(b) then
    local one, two = a.history.layer, b.history.layer
    return one.is_operation and two.is_operation and one.kind == two.kind and same(one.options, two.options)
      and same(symbolic.node(a).inputs, symbolic.node(b).inputs)
  end
  if not is_plain(a) or not is_plain(b) then return false end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end
MaskOperation.same = same

return MaskOperation
