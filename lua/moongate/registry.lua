-- Identifiers: a Keras name, a config table, an object or a Lua function -> an object; and back to a config.
local check = require "moongate.check"
local class = require "moongate.class"
local custom = require "moongate.custom_objects"
local dialects = require "moongate.dialects"
local json = require "moongate.json"
local null = require "moongate.null"

local Registry = class "Registry"

--- "GlorotUniform" -> "glorot_uniform", "GRUCell" -> "gru_cell": keras.src.utils.naming.to_snake_case.
---@param name string
---@return string
function Registry.snake_case(name)
  name = name:gsub("[^%w_]", "")
  name = name:gsub("(.)(%u%l+)", "%1_%2")
  name = name:gsub("(%l)(%u)", "%1_%2")
  return (name:lower())
end

--- A registry of one kind ("initializer") whose classes Keras keeps in `module` ("keras.initializers").
---@param kind string
---@param module string
function Registry:init(kind, module)
  self.kind, self.module = kind, module
  self.entries, self.known, self.function_names, self.older = {}, {}, {}, {}
end

local function put(self, name, entry)
  if not self.entries[name] then self.known[#self.known + 1] = name end
  self.entries[name] = entry
end

--- Adds a class under its name, its snake_case name and other names.
---@param C table
---@param ... string
function Registry:add(C, ...)
  for _, name in ipairs { C.name, self.snake_case(C.name), ... } do put(self, name, C) end
  return C
end

--- Adds a ready object or a Lua function of your own under a name, which configs then carry.
---@param name string
---@param value any
function Registry:register(name, value)
  if type(name) ~= "string" or not name:match("^[%a_][%w_]*$") then
    check.fail("%s: register: name is %s, expected a word of letters, digits and _", self.kind, check.describe(name))
  end
  if type(value) ~= "function" and (type(value) ~= "table" or not value.is) then
    check.fail("%s: register: %q is %s, expected a function or an object", self.kind, name, check.describe(value))
  end
  put(self, name, value)
  if type(value) == "function" then self.function_names[value] = name end
  return value
end

--- Puts every name into a module's table, as Keras has them: regularizers.L2 is regularizers.l2 too.
---@param module table
function Registry:share(module)
  for name, entry in pairs(self.entries) do
    if module[name] == nil then module[name] = entry end
  end
end

--- Raises: no such name, and what is near.
---@param name string
---@param where? table
function Registry:unknown(name, where)
  local known = {}
  for i, word in ipairs(self.known) do known[i] = word end
  table.sort(known)
  check.fail("%s: unknown name %s%s%s; known names: %s", self.kind, check.describe(name),
    where and where.path and " in " .. where.path or "", check.hint(name, known), table.concat(known, ", "))
end

local function is_class(value)
  return type(value) == "table" and rawget(value, "is") ~= nil
end

-- A class makes a new object each time; an object or a function is used as it is.
local function instance(entry)
  return is_class(entry) and entry() or entry
end

-- The entry of a name: the reader's custom objects, what is registered for all, what an older form means by the name, our own.
local function entry_of(self, name, where, registered_name)
  return custom.find(where, name, registered_name)
    or (where and dialects.form(where.dialect) == "tf2" and self.older[name]) or self.entries[name]
    or self.entries[name:match("^Custom>(.*)")]
end

--- The object of a name.
---@param name string
---@param where? table
---@return any
function Registry:named(name, where)
  local entry = entry_of(self, name, where)
  if not entry then self:unknown(name, where) end
  return instance(entry)
end

-- Metrics and losses of a bare function, as Keras writes those that were given by name.
local WRAPPERS = { MeanMetricWrapper = true, LossFunctionWrapper = true }

-- Such a config as that of the class of its function.
local function unwrapped(config, where)
  local given, own = config.config, {}
  check.type(where.op, where.name, given, "table")
  local fn = given.fn
  if type(fn) == "table" and fn.class_name == "function" then fn = fn.config end
  if type(fn) ~= "string" then
    dialects.fail(dialects.at(where, "fn"), "is %s, expected the name of a function", check.describe(fn))
  end
  for key, value in pairs(given) do
    if key ~= "fn" then own[key] = value end
  end
  return { class_name = fn, config = own }
end

--- The object of a config { class_name =, config = } (or its JSON text).
---@param config table|string
---@param options? table { dialect =, custom_objects =, path = }
---@return any
function Registry:deserialize(config, options)
  if type(config) == "string" and config:match("^%s*{") then config = json.decode(config) end
  local where = dialects.where(self.kind, config, options)
  if type(config) ~= "table" or type(config.class_name) ~= "string" then
    check.fail("%s: %s is %s, expected { class_name = ..., config = {...} }", self.kind, where.path, check.describe(config))
  end
  local inner = dialects.at(where, "config")
  if config.class_name == "function" then
    return self:named(check.type(self.kind, inner.name, config.config, "string"), where)
  end
  if WRAPPERS[config.class_name] and not custom.find(where, config.class_name) then config = unwrapped(config, inner) end
  local entry = entry_of(self, config.class_name, where, config.registered_name)
  if not entry then self:unknown(config.class_name, where) end
  if not is_class(entry) then return entry end
  local given = config.config
  if given == nil or given == null then given = {} end
  return entry.from_config(check.type(self.kind, inner.name, given, "table"), inner)
end

--- An object for an identifier; nil and null give nil.
---@param identifier any
---@param where? table
---@return any
function Registry:get(identifier, where)
  if identifier == nil or identifier == null then return nil end
  local kind = type(identifier)
  if kind == "string" then return self:named(identifier, where) end
  if kind == "function" then return identifier end
  if kind == "table" then
    if identifier.is then return instance(identifier) end
    if identifier.class_name then return self:deserialize(identifier, where and where.path and where or nil) end
    if (getmetatable(identifier) or {}).__call then return identifier end
  end
  return check.fail("%s: %s is %s, expected a name, a config, an object or a function", self.kind,
    where and where.path or "identifier", check.describe(identifier))
end

--- How Keras writes an object into a config: where its class is, the class and the object's own config.
---@param module string|nil "keras.layers"; nil for a class that is not Keras's
---@param class_name string
---@param config table
---@param registered_name? string
---@return table
function Registry.envelope(module, class_name, config, registered_name)
  return json.object {
    { "module", module or null }, { "class_name", class_name }, { "config", config },
    { "registered_name", registered_name or null },
  }
end

-- "losses" of "loss": the module of a kind.
local function plural(kind) return kind .. (kind:sub(-1) == "s" and "es" or "s") end

--- The config of an object in Keras's object form; null for nil, the registered name for a function.
---@param object table|function
---@param dialect? string "keras3" (default), "tf2", "compat.v1"
---@return table|string
function Registry:serialize(object, dialect)
  if object == nil then return null end
  if type(object) == "function" then return self:function_name(object) end
  local meta = type(object) == "table" and getmetatable(object)
  if not meta or not meta.class or not object.get_config then
    check.fail("%s: %s cannot be written into a config; expected an object of mg.%s", self.kind, check.describe(object),
      plural(self.kind))
  end
  local C = meta.class
  local own = self.entries[C.name] ~= C
  return self.envelope(not own and self.module or nil, C.name, object:get_config(dialect), own and custom.name_of(C) or nil)
end

--- The name that a Lua function was registered under.
---@param f function
---@return string
function Registry:function_name(f)
  local name = self.function_names[f]
  if not name then
    check.fail("%s: a Lua function without a name cannot be written into a config; give it one with mg.%s.register(name, f)",
      self.kind, plural(self.kind))
  end
  return name
end

--- A codec for fields.lua.
function Registry:codec()
  return {
    decode = function(value, where) return self:get(value, where) end,
    encode = function(object, where) return self:serialize(object, where and where.dialect) end,
  }
end

return Registry
