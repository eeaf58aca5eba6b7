-- Writing and reading the configs of classes with declared fields; what a field may say of a dialect is told in fields.lua.
local check = require "moongate.check"
local defaults = require "moongate.compat.defaults"
local dialects = require "moongate.dialects"
local json = require "moongate.json"
local null = require "moongate.null"

local configs = {}

local views = setmetatable({}, { __mode = "k" })

--- A field as a form ("keras3", "tf2") has it: with what it says of that form laid over.
---@param field table
---@param form string
---@return table
function configs.view(field, form)
  local over = field[form]
  if not over then return field end
  local cached = views[field]
  if not cached then
    cached = {}
    views[field] = cached
  end
  if not cached[form] then
    local view = {}
    for key, value in pairs(field) do view[key] = value end
    for key, value in pairs(over) do view[key] = value end
    cached[form] = view
  end
  return cached[form]
end

-- Writing ---------------------------------------------------------------------------------------------------------------------

-- C and its parents that have fields, the oldest first.
local function chain_of(C)
  local chain = {}
  while C do
    if rawget(C, "field_list") then table.insert(chain, 1, C) end
    C = C.parent
  end
  return chain
end

local function is_shown(self, field)
  local value = rawget(self, field[1])
  if value == nil and field.of then value = self[field[1]] end
  if field.hidden or (field.when_set and value == nil) then return false end
  return not field.when or field.when(self, value)
end

-- The fields to write, in order: those of the parents, then the class's own. A field that a parent shows keeps its place. A class
-- that lists its keys (`order`) replaces all that came before.
local function shown_fields(self, C, form)
  local list, seen = {}, {}
  local function add(field, each)
    local view = configs.view(field, form)
    if seen[field[1]] or (view.own and each ~= C) or not is_shown(self, view) then return end
    seen[field[1]] = true
    list[#list + 1] = configs.view(C.field_of[field[1]] or field, form)
  end
  for _, each in ipairs(chain_of(C)) do
    local order = each.field_list.order and each.field_list.order[form]
    if type(order) == "function" then order = order(self) end
    if order then list, seen = {}, {} end
    for _, name in ipairs(order or {}) do add(C.field_of[name], each) end
    for _, field in ipairs(order and {} or each.field_list) do add(field, each) end
  end
  return list
end

local function constant_of(self, field)
  if type(field.constant) == "function" then return field.constant(self) end
  return field.constant
end

-- What a config shows for a field.
local function written(self, field, where)
  if field.constant ~= nil then return constant_of(self, field) end
  local value = self[field[1]]
  if field.show then value = field.show(self, value) end
  if value ~= nil and value ~= null and field.codec and field.codec.encode then value = field.codec.encode(value, where) end
  if field.words and type(value) == "string" and field.words[value] ~= nil then value = field.words[value] end
  if value == nil then return null end
  return value
end

--- The config of an object as an ordered object, in Keras's key order.
---@param self table
---@param C table its class
---@param dialect string|nil
---@return table
function configs.write(self, C, dialect)
  dialect = dialects.checked(C.name .. ".get_config", dialect, C.dialect)
  local config, floats, kinds = json.object(), {}, rawget(self, "number_kinds") or {}
  local title = type(self.title) == "function" and self:title() or C.name
  for _, field in ipairs(shown_fields(self, C, dialects.form(dialect))) do
    local key = field.key or field[1]
    config[key] = written(self, field, { op = title, name = field[1], dialect = dialect })
    local kind, is_float = kinds[field[1]], field.codec and field.codec.float
    if kind and kind.value == config[key] then is_float = kind.kind == "float" end
    if is_float and type(config[key]) == "number" then floats[#floats + 1] = key end
  end
  for _, key in ipairs(floats) do json.float(config, key) end
  return config
end

-- Reading ---------------------------------------------------------------------------------------------------------------------

local function fields_by_key(C, form)
  local by_key = {}
  for _, field in ipairs(C.fields) do
    local view = configs.view(field, form)
    by_key[view.key or field[1]] = view
  end
  return by_key
end

local function unknown(where, key, by_key)
  local known = {}
  for name in pairs(by_key) do known[#known + 1] = name end
  table.sort(known)
  check.fail("%s: unknown option %s in a config%s; known options: %s", where.op,
    type(key) == "string" and where.path .. "." .. key or check.describe(key), check.hint(key, known), table.concat(known, ", "))
end

local function word_of(field, value)
  if not field.words then return value end
  for ours, theirs in pairs(field.words) do
    if theirs == value then return ours end
  end
  return value
end

-- The checked value of an entry; null stays null.
local function read_value(field, value, where)
  value = word_of(field, value)
  if field.codec then value = field.codec.decode(value, where) end
  if value ~= nil and value ~= null then return value end
  if field.required then dialects.fail(where, "is null, expected a value") end
  if field.codec and field.codec.plain and field.default ~= nil and not field.nullable then
    dialects.fail(where, "is null, expected a value; left out, it is %s", tostring(field.default))
  end
  return null
end

-- A plain copy whose keys of older versions have been renamed by the class and its parents.
local function upgraded(C, config, where)
  local copy = {}
  for key, value in pairs(config) do copy[key] = value end
  if dialects.form(where.dialect) == "tf2" then
    for _, each in ipairs(chain_of(C)) do
      if each.field_list.older then each.field_list.older(copy, where) end
    end
  end
  return copy
end

--- An options table from a config: an ordered object, a plain table or JSON text, every value checked and decoded. Unknown keys and
--- wrong values raise with their path.
---@param C table
---@param config table|string
---@param options? table { dialect =, custom_objects =, path = }
---@return table, table options, where
function configs.read(C, config, options)
  local op = C.name .. ".from_config"
  config = dialects.table_of(config, op, type(options) == "table" and options.path)
  local where = dialects.where(op, config, options, C.dialect)
  local by_key = fields_by_key(C, dialects.form(where.dialect))
  local found = {}
  for key, value in pairs(upgraded(C, config, where)) do
    local field = by_key[key]
    if not field then unknown(where, key, by_key) end
    if field.constant == nil then found[field[1]] = read_value(field, value, dialects.at(where, key)) end
  end
  for key, field in pairs(by_key) do
    if found[field[1]] == nil and field.constant == nil then
      if field.required then check.fail("%s: %s.%s is missing", where.op, where.path, key) end
      found[field[1]] = field.absent
    end
  end
  return found, where
end

--- Makes an object remember which of a JSON config's whole numbers were 1 and which 1.0, so that it writes them so again.
---@param object table
---@param C table its class
---@param config table
---@param form string
function configs.remember_numbers(object, C, config, form)
  if not json.is_object(config) then return end
  local kinds, any = {}, false
  for key, field in pairs(fields_by_key(C, form)) do
    local kind = json.kind_of(config, key)
    if kind and not (field.codec and field.codec.coerced) and (kind == "float") ~= (field.codec and field.codec.float or false) then
      kinds[field[1]], any = { kind = kind, value = config[key] }, true
    end
  end
  if any then rawset(object, "number_kinds", kinds) end
end

--- An object of class C from a config, whatever mg.compat.use says. What the constructor itself refuses is told with the path.
---@param C table
---@param config table|string
---@param options? table { dialect =, custom_objects =, path = }
---@return any
function configs.object(C, config, options)
  return defaults.with("keras3", function()
    config = dialects.table_of(config, C.name .. ".from_config", type(options) == "table" and options.path)
    local read, where = configs.read(C, config, options)
    local ok, result = pcall(C, read)
    if ok then
      configs.remember_numbers(result, C, config, dialects.form(where.dialect))
      return result
    end
    local path = type(options) == "table" and options.path or "config"
    return error(("%s (in %s)"):format(tostring(result), path), 0)
  end)
end

return configs
