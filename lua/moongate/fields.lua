-- Declared fields. A class lists its options once (name, default, codec); the constructor, the properties, get_config and
-- from_config are all made from that list. Source of names and order: keras 3.15 get_config.
--
-- A field is { name, default =, codec =, required =, hidden =, when_set =, of = }:
--   default   the value of an option that is not given, or a function that makes it
--   codec     { decode(value, where) -> what is kept, encode(kept) -> what a config shows, float = print 0 as 0.0 }
--   hidden    not in the config;   when_set   in the config only when it is not nil
--   of        name of the inner object that keeps the value ("cell"): the constructor passes it on, reading goes through
--   own       of this class alone: its children do not have the field
local check = require "moongate.check"
local class = require "moongate.class"
local json = require "moongate.json"
local null = require "moongate.null"

local fields = {}

-- Codecs ---------------------------------------------------------------------------------------------------------------------

local function optional(value, test)
  if value == nil or value == null then return nil end
  return test(value)
end

local function codec(test, encode)
  return { decode = function(value, where) return optional(value, function(v) return test(v, where) end) end, encode = encode }
end

-- where is { op = "GRU", name = "units" }.
fields.any = codec(function(v) return v end)
fields.text = codec(function(v, where)
  return check.type(where.op, where.name, v, "string")
end)
fields.boolean = codec(function(v, where)
  return check.type(where.op, where.name, v, "boolean")
end)
fields.integer = codec(function(v, where)
  return check.integer(where.op, where.name, v)
end)
fields.seed = codec(function(v, where)
  return check.integer(where.op, where.name, v, 0, 2 ^ 53)
end)
fields.positive_integer = codec(function(v, where)
  return check.integer(where.op, where.name, v, 1)
end)
fields.number = codec(function(v, where)
  return check.number(where.op, where.name, v)
end)
-- Numbers that Python keeps as float: 0 prints as 0.0.
fields.float = codec(function(v, where)
  return check.number(where.op, where.name, v)
end)
fields.float.float = true
-- A dropout rate: 0 keeps all, 1 drops all, anything outside is an error.
fields.rate = codec(function(v, where)
  return check.number(where.op, where.name, v, 0, 1)
end)
fields.rate.float = true

local function sizes(v, where)
  if type(v) == "number" then v = { v } end
  check.type(where.op, where.name, v, "table")
  local list = {}
  for i = 1, #v do
    list[i] = v[i] == null and null or check.integer(where.op, ("%s[%d]"):format(where.name, i), v[i], -1)
  end
  return list
end
local function array(list) return json.array { unpack(list) } end
fields.shape = codec(sizes, array)
-- One 0-based axis or a list of them, as Keras writes them.
fields.axes = codec(function(v, where)
  if type(v) == "number" then return check.integer(where.op, where.name, v) end
  local list = check.type(where.op, where.name, v, "table")
  for i = 1, #list do check.integer(where.op, ("%s[%d]"):format(where.name, i), list[i]) end
  return list
end, function(v)
  return type(v) == "table" and array(v) or v
end)

-- Options that Keras writes but that only have one value here.
fields.unused = codec(function(v, where)
  check.fail("%s: argument %s is %s, and only null is offered", where.op, where.name, check.describe(v))
end)
fields.off = codec(function(v, where)
  if v ~= false then check.fail("%s: argument %s is %s, and only false is offered", where.op, where.name, check.describe(v)) end
  return v
end)

--- One of the given words.
function fields.choice(...)
  local words = { ... }
  return codec(function(v, where) return check.one_of(where.op, where.name, v, words) end)
end

-- Keras writes a dtype as a policy object; mixed precision has another policy name.
local DTYPES = { "float32", "float64" }
fields.dtype = codec(function(v, where)
  if type(v) == "table" and v.class_name == "DTypePolicy" then v = v.config.name end
  if v == "mixed_float16" or v == "mixed_bfloat16" or v == "float16" or v == "bfloat16" then
    check.fail('%s: argument dtype is "%s", and half precision is not offered; expected one of float32, float64', where.op, v)
  end
  return check.one_of(where.op, where.name, v, DTYPES)
end, function(v)
  return json.object {
    { "module", "keras" }, { "class_name", "DTypePolicy" }, { "config", json.object { { "name", v } } },
    { "registered_name", null },
  }
end)

--- x rounded to float32 (half to even): Keras makes float32 tensors of some constants, whatever the layer's dtype.
---@param x number
---@return number
function fields.float32(x)
  if x == 0 or x ~= x or x - x ~= 0 then return x end
  local mantissa, exponent = math.frexp(x)
  local scaled = mantissa * 2 ^ 24
  local whole = math.floor(scaled)
  local rest = scaled - whole
  if rest > 0.5 or (rest == 0.5 and whole % 2 == 1) then whole = whole + 1 end
  return math.ldexp(whole, exponent - 24)
end

-- Declaring ------------------------------------------------------------------------------------------------------------------

local function read_through(C, field)
  local name, inner = field[1], field.of
  C.getters[name] = function(self) return rawget(self, inner)[name] end
end

--- Gives class C its fields: those of its parent, then `list`; a field of the same name takes the place of the parent's.
--- `positional` names the leading arguments that may be given without a name.
---@param C table
---@param list table[]
---@param positional? string[]
function fields.declare(C, list, positional)
  local all, place = {}, {}
  local function add(field)
    local name = field[1]
    if not place[name] then place[name] = #all + 1 end
    all[place[name]] = field
    if field.of then read_through(C, field) end
  end
  for _, field in ipairs(C.parent and C.parent.fields or {}) do
    if not field.own then add(field) end
  end
  for _, field in ipairs(list) do add(field) end
  C.fields, C.field_list, C.positional = all, list, positional or {}
end

--- The names of a class's options.
---@return string[]
function fields.names(C)
  local names = {}
  for i, field in ipairs(C.fields) do names[i] = field[1] end
  return names
end

-- Constructing ---------------------------------------------------------------------------------------------------------------

-- A plain table without array part is options; anything else is a value.
local function is_options(value)
  return type(value) == "table" and value ~= null and getmetatable(value) == nil and value[1] == nil
end

--- One table of options from a constructor's arguments: leading positional values, then an options table.
---@return table
function fields.arguments(C, ...)
  local options, count, at = {}, select("#", ...), 0
  for i = 1, count do
    local value = select(i, ...)
    if is_options(value) then
      check.options(C.name, value, fields.names(C))
      for name, v in pairs(value) do options[name] = v end
      if i < count then check.fail("%s: argument %d is %s, and nothing may follow the options", C.name, i + 1,
        check.describe((select(i + 1, ...)))) end
    elseif value ~= nil then
      at = at + 1
      if not C.positional[at] then
        check.fail("%s: argument %d is %s, expected a table of options; known options: %s", C.name, i, check.describe(value),
          table.concat(fields.names(C), ", "))
      end
      options[C.positional[at]] = value
    end
  end
  return options
end

local function default_of(field)
  if type(field.default) == "function" then return field.default() end
  return field.default
end

-- The checked value of a field.
local function value_of(C, field, options)
  local name = field[1]
  local value = options[name]
  if value == nil then value = default_of(field) end
  if field.codec then value = field.codec.decode(value, { op = C.name, name = name }) end
  if value == nil and field.required then
    check.fail("%s: argument %s is missing; %s { %s = ... }", C.name, name, C.name, name)
  end
  return value
end

--- Sets self's fields from an options table, decoding and checking every value. Fields `of` an inner object are not set.
function fields.assign(self, C, options)
  for _, field in ipairs(C.fields) do
    if not field.of then self[field[1]] = value_of(C, field, options) end
  end
end

--- The given options that belong to the inner object `inner`, checked, so that messages name the outer class.
---@return table
function fields.of(C, options, inner)
  local part = {}
  for _, field in ipairs(C.fields) do
    if field.of == inner then
      value_of(C, field, options)
      part[field[1]] = options[field[1]]
    end
  end
  return part
end

-- Configs --------------------------------------------------------------------------------------------------------------------

local function encoded(self, field)
  local value = self[field[1]]
  if value == nil then return null end
  if field.codec and field.codec.encode then return field.codec.encode(value) end
  return value
end

--- The config as an ordered object, in Keras's key order. A `when_set` field of a parent that the class declares again keeps the
--- parent's place when it is set and has the class's place when it is not, as Python's {**base, **own} does.
function fields.config(self, C)
  local chain, seen, list = {}, {}, {}
  local class_of = C
  while C do
    if rawget(C, "field_list") then table.insert(chain, 1, C) end
    C = C.parent
  end
  for _, each in ipairs(chain) do
    for _, field in ipairs(each.field_list) do
      local name = field[1]
      local shown = not field.hidden and not seen[name] and not (field.when_set and self[name] == nil)
        and not (field.own and each ~= class_of)
      if shown then
        seen[name] = true
        list[#list + 1] = { name, encoded(self, field), field.codec and field.codec.float }
      end
    end
  end
  local config = json.object(list)
  for _, item in ipairs(list) do
    if item[3] and type(item[2]) == "number" then json.float(config, item[1]) end
  end
  return config
end

--- An options table from a config: an ordered object, a plain table or JSON text. Unknown keys are errors.
---@return table
function fields.options_of(C, config)
  if type(config) == "string" then config = json.decode(config) end
  check.type(C.name .. ".from_config", "config", config, "table")
  local options = {}
  for name, value in pairs(config) do options[name] = value end
  return check.options(C.name .. ".from_config", options, fields.names(C))
end

--- A class whose objects are nothing but their fields (initializers, regularizers, constraints).
---@param name string
---@param list table[]
---@param positional? string[]
---@param parent? table
function fields.class(name, list, positional, parent)
  local C = class(name, parent)
  fields.declare(C, list, positional)
  function C:init(...) fields.assign(self, C, fields.arguments(C, ...)) end
  function C:get_config() return fields.config(self, C) end
  function C.from_config(config) return C(fields.options_of(C, config)) end
  return C
end

return fields
