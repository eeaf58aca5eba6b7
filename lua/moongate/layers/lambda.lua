-- Lambda: a function of your own as a layer. Source: keras.layers.Lambda.
local autograd = require "moongate.autograd"
local check = require "moongate.check"
local class = require "moongate.class"
local create = require "moongate.tensor_create"
local custom = require "moongate.custom_objects"
local dialects = require "moongate.dialects"
local checked = require "moongate.layers.inputs"
local fields = require "moongate.fields"
local json = require "moongate.json"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local shapes = require "moongate.shape"
local tensor = require "moongate.tensor"

local FIX = 'mg.utils.register_keras_serializable("my_package", "name")(f)'

local function is_callable(value)
  return type(value) == "function" or (type(value) == "table" and (getmetatable(value) or {}).__call ~= nil)
end

-- The function that a config names: its name alone, or Keras 3's object { class_name = "function", config = name }.
local function named(value, where)
  local name = value
  if type(value) == "table" and value.class_name == "function" then name = value.config end
  if type(name) ~= "string" and not where.path then
    check.fail("%s: argument %s is %s, expected a function", where.op, where.name, check.describe(value))
  end
  if type(name) ~= "string" then
    check.fail("%s: %s is a Lambda of Keras, whose function is Python code; likely fix: custom_objects = { Lambda = ... } with a "
      .. "layer class of your own", where.op, where.path or where.name)
  end
  local found = custom.find(where, name)
  if not is_callable(found) then
    check.fail("%s: %s: no function of the name %q is registered; likely fix: %s, or custom_objects = { %s = f }", where.op,
      where.path or where.name, name, FIX, name:match("[%w_]+$") or "name")
  end
  return found
end

local function decode(value, where)
  if value == nil or value == null then return nil end
  return is_callable(value) and value or named(value, where)
end

-- A function as Keras writes one that is registered.
local function encode(value, where)
  local name = custom.name_of(value)
  if type(name) ~= "string" or custom.find(where, name) ~= value then
    check.fail("%s: a Lua function without a name cannot be written into a config; likely fix: %s", where.op, FIX)
  end
  if dialects.form(where.dialect) == "tf2" then return name end
  return json.object { { "module", "builtins" }, { "class_name", "function" }, { "config", name },
    { "registered_name", "function" } }
end

local FUNCTION = { decode = decode, encode = encode }
-- A shape without the batch, or a function of the input's shape.
local SHAPE = { decode = function(value, where)
  if type(value) == "table" and not is_callable(value) and value.class_name == nil then return fields.shape.decode(value, where) end
  return decode(value, where)
end, encode = function(value, where)
  return is_callable(value) and encode(value, where) or fields.shape.encode(value, where)
end }
local ARGUMENTS = { decode = function(value, where)
  local out = {}
  check.type(where.op, where.name, value, "table")
  for name, item in (json.is_object(value) and json.pairs or pairs)(value) do out[name] = item end
  return out
end, encode = function(value)
  local list = {}
  for name, item in pairs(value) do list[#list + 1] = { name, item } end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return json.object(list)
end }

local function only_tf2(name, value) return { name, constant = value, hidden = true, tf2 = { hidden = false } } end

--- Calls f(x, options) for its output; options holds `arguments`, mask and training. It has a config only when the function is
--- registered by name, with mg.utils.register_keras_serializable. Weights that f uses are not the layer's: write a class for those.
--- output_shape is without the batch, or a function of the input's shape (else f is tried on zeros); mask a function of inputs and
--- mask.
---@param f function takes a tensor, or a list of them where the layer is called on a list
---@param options? table output_shape, mask, arguments = {}, name, dtype
---@example local layer = mg.layers.Lambda(function(x) return x * 2 end)
local Lambda = class("Lambda", Layer)
Lambda.records_mask = true
Layer.declare(Lambda, {
  { "function", required = true, codec = FUNCTION },
  only_tf2("function_type", "function"), only_tf2("module", "builtins"),
  { "output_shape", codec = SHAPE, when_set = true, tf2 = { when_set = false } },
  only_tf2("output_shape_type", "raw"), only_tf2("output_shape_module", null),
  { "mask", codec = FUNCTION, when_set = true },
  { "arguments", default = function() return {} end, codec = ARGUMENTS },
}, { "function", "output_shape", "mask", "arguments" })

Lambda.takes_list, Lambda.keeps_integers = true, true

--- Sets the fields and what follows from them.
---@param options table
---@package
function Lambda:setup(options)
  Layer.setup(self, options)
  self.supports_masking = self.mask ~= nil
end

-- What the function gave, unless it forgot to.
local function results_of(self, first, ...)
  if first == nil then
    check.fail("%s: the function gave nothing, expected a tensor; likely fix: function(x) return ... end", self:title())
  end
  return first, ...
end

--- The function's result.
---@param inputs Tensor|Tensor[]
---@param options? table mask, training
---@return Tensor
function Lambda:call(inputs, options)
  options = checked.options(self, options)
  local own = { mask = options.mask, training = options.training == true }
  for name, value in pairs(self.arguments) do own[name] = value end
  return results_of(self, self["function"](inputs, own))
end

--- The mask that the option `mask` makes.
---@param inputs Tensor|Tensor[]
---@param mask any
---@return Tensor|nil
function Lambda:compute_mask(inputs, mask) return self.mask and self.mask(inputs, mask) or nil end

--- The dtype of the output of symbolic inputs.
---@return string
---@package
function Lambda:output_dtype() return self.dtype end

-- Zeros of a shape, with `size` where it is unknown.
local function zeros(self, shape, size)
  local list = {}
  if shapes.is_list(check.type(self:title(), "shape", shape, "table")) then
    for i, each in ipairs(shape) do list[i] = zeros(self, each, size) end
    return list
  end
  for i, n in ipairs(self:checked_shape(shape)) do list[i] = n == null and size or n end
  return create.zeros(list, { dtype = self.dtype })
end

-- The shape that the function gives, tried with two sizes for what is unknown: where they lead to different sizes, it stays so.
local function tried(self, shape)
  local found = {}
  for i, size in ipairs { 2, 3 } do
    local ok, y = pcall(autograd.no_grad, self.call, self, zeros(self, shape, size))
    if not ok or not tensor.is(y) then
      check.fail("%s: the function cannot be tried on zeros of the input's shape (%s); likely fix: the option output_shape",
        self:title(), ok and "it gave no tensor" or tostring(y))
    end
    found[i] = y.shape
  end
  local out = {}
  for i, size in ipairs(found[1]) do out[i] = size == found[2][i] and size or null end
  return out
end

--- The output's shape for the inputs'.
---@param shape integer[]
---@return integer[]
function Lambda:compute_output_shape(shape)
  check.type(self:title(), "shape", shape, "table")
  local given = self.output_shape
  if not given then return tried(self, shape) end
  if is_callable(given) then return given(shape) end
  return { shapes.is_list(shape) and shape[1][1] or shape[1], unpack(given) }
end

return Lambda
