-- Declared fields. A class lists its options once (name, default, codec); the constructor, the properties, get_config and
-- from_config are all made from that list. Source of names and order: keras 3.15 get_config.
--
-- A field is { name, default =, codec =, required =, hidden =, when_set =, nullable =, of = }:
--   default   the value of an option that is not given, or a function that makes it
--   codec     { decode(value, where) -> what is kept, encode(kept) -> what a config shows, float = print 0 as 0.0 }
--   hidden    not in the config;   when_set   in the config only when it is not nil
--   nullable  null is a value of its own, though the field has a default
--   of        name of the inner object that keeps the value ("cell"): the constructor passes it on, reading goes through
--   own       of this class alone: its children do not have the field
local check = require "moongate.check"
local class = require "moongate.class"
local json = require "moongate.json"
local null = require "moongate.null"

local fields = {}

for name, value in pairs(require "moongate.codecs") do fields[name] = value end

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
---@param C table
function fields.names(C)
  local names = {}
  for i, field in ipairs(C.fields) do names[i] = field[1] end
  return names
end

-- Constructing ---------------------------------------------------------------------------------------------------------------

-- Options, unless the class takes such a table for a value (a cell).
local function is_options(C, value)
  return check.is_options(value) and not (C.takes_value and C.takes_value(value))
end

--- One table of options from a constructor's arguments: leading positional values, then an options table.
---@return table
---@param C table
---@param ... any
function fields.arguments(C, ...)
  local options, count, at = {}, select("#", ...), 0
  for i = 1, count do
    local value = select(i, ...)
    if is_options(C, value) then
      check.options(C.name, value, fields.names(C))
      for name, v in pairs(value) do options[name] = v end
      if i < count then check.fail("%s: argument %d is %s, and nothing may follow the options", C.name, i + 1,
        check.describe((select(i + 1, ...)))) end
    else
      at = at + 1
      if value ~= nil and not C.positional[at] then
        check.fail("%s: argument %d is %s, expected a table of options; known options: %s", C.name, i, check.describe(value),
          table.concat(fields.names(C), ", "))
      end
      if value ~= nil then options[C.positional[at]] = value end
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
  if value == nil and field.codec and field.codec.plain and field.default ~= nil and not field.nullable then
    check.fail("%s: argument %s is null, expected a value; left out, it is %s", C.name, name, tostring(default_of(field)))
  end
  if value == nil and field.required then
    check.fail("%s: argument %s is missing; %s { %s = ... }", C.name, name, C.name, name)
  end
  return value
end

--- Sets self's fields from an options table, decoding and checking every value. Fields `of` an inner object are not set.
---@param self table
---@param C table
---@param options table
function fields.assign(self, C, options)
  for _, field in ipairs(C.fields) do
    if not field.of then self[field[1]] = value_of(C, field, options) end
  end
end

--- The given options that belong to the inner object `inner`, checked, so that messages name the outer class.
---@return table
---@param C table
---@param options table
---@param inner string
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
---@param self table
---@param C table
---@return table
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
---@param C table
---@param config table|string
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
  --- Makes an object from its options: leading positional values, then a table.
  ---@param ... any
  function C:init(...) fields.assign(self, C, fields.arguments(C, ...)) end
  --- The options as an ordered object in Keras's key order; it prints as JSON.
  ---@return table
  function C:get_config() return fields.config(self, C) end
  --- An object from what get_config gave, a plain table or JSON text.
  ---@param config table|string
  function C.from_config(config) return C(fields.options_of(C, config)) end
  return C
end

return fields
