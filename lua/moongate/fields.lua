-- Declared fields. A class lists its options once (name, default, codec); the constructor, the properties, get_config and
-- from_config are all made from that list. Source of names and order: get_config of keras 3.15 and tf_keras 2.21.
--
-- A field is { name, default =, codec =, ... }:
--   default   the value of an option that is not given, or a function that makes it
--   codec     { decode(value, where) -> what is kept, encode(kept, where) -> what a config shows, float = print 0 as 0.0 };
--             where is told in dialects.lua: { op =, name =, dialect =, custom_objects =, path = }
--   required  an error when it is not given;   nullable  null is a value of its own, though the field has a default
--   hidden    not in the config;   when_set  in the config only when it is not nil;   when(self, value)  only when this says so
--   of        name of the inner object that keeps the value ("cell"): the constructor passes it on, reading goes through
--   own       of this class alone: its children do not have the field
--   constant  no option, but a key with this value (or that of constant(self)); read, it is dropped
--   show      show(self, value) -> what is written instead of the value
--   key       the key in a config, when it is not the name
--   words     { sgd = "SGD" }: what words are called in the config, both ways; mg.null for null
--   absent    what it means that a config does not have the key (default: the default)
--   defaults  { ["tf2.3"] =, keras2 =, tf2 = for all older ones }: the default after mg.compat.use; null for none. from_config
--             never takes it.
-- What differs in a dialect stands in `keras3 = { ... }` or `tf2 = { ... }` of the field, laid over it when that form is written
-- or read ("compat.v1" has the form of tf2):
--   { "time_major", default = false, codec = fields.boolean, hidden = true, tf2 = { hidden = false } }
--   { "negative_slope", default = 0.3, codec = fields.float, tf2 = { key = "alpha", codec = fields.rounded } }
-- Keys come in the order of declaration, the parents' first. Where a form has another order, the list of fields says so with the
-- whole list of keys, parents' included: { field, field, order = { tf2 = { "name", "dtype", "rate" } } }; a key that is not in
-- it is not written; it may be a function(self) that gives the list. `older = function(config, where)` in the list of fields
-- renames keys of Keras 1 and 2 in a plain copy before it is read.
-- A class with `dialect` ("compat.v1") reads words in it when constructing and writes it by default.
local check = require "moongate.check"
local class = require "moongate.class"
local configs = require "moongate.configs"
local defaults = require "moongate.compat.defaults"
local null = require "moongate.null"

local fields = {}

for name, value in pairs(require "moongate.codecs") do fields[name] = value end

-- Declaring ------------------------------------------------------------------------------------------------------------------

-- As Keras's properties of the inner object: read, never set, or configs would say what is not computed.
local function read_through(C, field)
  local name, inner = field[1], field.of
  C.getters[name] = function(self) return rawget(self, inner)[name] end
  C.setters[name] = function()
    check.fail("%s: %s cannot be set; likely fix: give it to the constructor, %s { %s = ... }", C.name, name, C.name, name)
  end
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
  C.fields, C.field_list, C.positional, C.field_of = all, list, positional or {}, {}
  for _, field in ipairs(all) do C.field_of[field[1]] = field end
end

--- The names of a class's options.
---@return string[]
---@param C table
function fields.names(C)
  local names = {}
  for _, field in ipairs(C.fields) do
    if field.constant == nil then names[#names + 1] = field[1] end
  end
  return names
end

-- Constructing ---------------------------------------------------------------------------------------------------------------

-- Options, unless the table is the config of an object, or the class takes such a table for a value (a cell).
local function is_options(C, value)
  return check.is_options(value) and value.class_name == nil and not (C.takes_value and C.takes_value(value))
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
  local value, version = field.default, defaults.version()
  if version ~= "keras3" and field.defaults then
    local older = field.defaults[version]
    if older == nil then older = field.defaults.tf2 end
    if older ~= nil then value = older end
  end
  if type(value) == "function" then return value() end
  return value
end

-- The checked value of a field.
local function value_of(C, field, options)
  local name = field[1]
  local value = options[name]
  if value == nil then value = default_of(field) end
  if field.codec then
    local dialect = C.dialect or (defaults.version() ~= "keras3" and "tf2") or nil
    value = field.codec.decode(value, { op = C.name, name = name, dialect = dialect })
  end
  if value == null and not field.codec then value = nil end
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
    if not field.of and field.constant == nil then self[field[1]] = value_of(C, field, options) end
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

--- The config as an ordered object, in the dialect's key order: fields.config(self, C, dialect). A `when_set` field of a parent
--- that the class declares again keeps the parent's place when it is set and has the class's place when it is not, as Python's
--- {**base, **own} does.
fields.config = configs.write

--- An options table from a config: fields.options_of(C, config, { dialect =, custom_objects =, path = }).
fields.options_of = configs.read

--- An object from a config: fields.from_config(C, config, { dialect =, custom_objects =, path = }).
fields.from_config = configs.object

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
  ---@param dialect? string "keras3" (default), "tf2", "compat.v1"
  ---@return table
  function C:get_config(dialect) return fields.config(self, C, dialect) end
  --- An object from what get_config gave, a plain table or JSON text.
  ---@param config table|string
  ---@param options? table dialect (else told from the config), custom_objects, path
  function C.from_config(config, options) return fields.from_config(C, config, options) end
  return C
end

return fields
