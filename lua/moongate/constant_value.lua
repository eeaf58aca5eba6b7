-- The value of a Constant initializer as a field: a number, nested tables of numbers, or a tensor, which is written as Keras writes
-- an array of NumPy. Source: serialize_keras_object in keras/src/saving/serialization_lib.py (3.15); tf_keras writes lists alone.
local check = require "moongate.check"
local create = require "moongate.tensor_create"
local dialects = require "moongate.dialects"
local json = require "moongate.json"
local null = require "moongate.null"
local tensor = require "moongate.tensor"

local DEEPEST = 32

-- Nested tables as arrays of floats.
local function written(value)
  local list = json.array {}
  for i = 1, #value do
    local item = value[i]
    list[i] = type(item) == "table" and written(item) or item
    if type(item) == "number" then json.float(list, i) end
  end
  return list
end

-- Nested tables of numbers, checked: those of a config are arrays of JSON.
local function numbers(value, where, name, depth)
  if type(value) == "number" then return value end
  if type(value) ~= "table" or value == null or tensor.is(value) or json.is_object(value) or depth > DEEPEST or #value == 0 then
    check.fail("%s: argument %s is %s, expected a number, nested tables of numbers or a tensor", where.op, name,
      check.describe(value))
  end
  local list = {}
  for i = 1, #value do list[i] = numbers(value[i], where, ("%s[%d]"):format(name, i), depth + 1) end
  return list
end

local function of_array(config, where)
  config = type(config) == "table" and config ~= null and config or {}
  local list = numbers(config.value, where, where.name .. ".config.value", 1)
  return create.tensor(list, { dtype = check.type(where.op, where.name .. ".config.dtype", config.dtype, "string") }):keep()
end

local codec = { float = true, plain = true }

function codec.decode(value, where)
  if value == nil or value == null then return nil end
  if type(value) == "number" then return check.number(where.op, where.name, value) end
  if tensor.is(value) then return #value.shape == 0 and value:item() or value:keep() end
  if type(value) == "table" and rawget(value, "class_name") == "__numpy__" then return of_array(rawget(value, "config"), where) end
  local list = numbers(value, where, where.name, 1)
  create.tensor(list, { dtype = "float64" }) -- rows of unequal lengths are an error here
  return list
end

function codec.encode(value, where)
  if type(value) == "number" then return value end
  if not tensor.is(value) then return written(value) end
  local list = written(value:to_table())
  if dialects.form(where.dialect) == "tf2" then return list end
  return json.object { { "class_name", "__numpy__" },
    { "config", json.object { { "value", list }, { "dtype", value.dtype } } } }
end

return codec
