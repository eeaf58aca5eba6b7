-- The forms ("dialects") in which Keras wrote configs, and the place of a reader inside one.
--   keras3     Keras 3
--   tf2        TensorFlow 2's tf.keras and multi-backend Keras 1 and 2
--   compat.v1  the form of tf2, of classes with the defaults of tf.compat.v1
--
-- Whoever reads or writes a config is given `where` = { op = "GRU.from_config", name = "config.units", dialect =, custom_objects =,
-- path = "config" }: op and name are for messages. Writers and constructors have op, name and dialect only.
local check = require "moongate.check"
local json = require "moongate.json"

local dialects = {}

local NAMES = { "keras3", "tf2", "compat.v1" }
local DEPTH, NODES = 64, 20000

--- "tf2" for the older dialects, else "keras3": configs have two forms.
---@param dialect string|nil
---@return string
function dialects.form(dialect)
  if dialect == nil or dialect == "keras3" then return "keras3" end
  return "tf2"
end

--- A checked dialect; nil is `default`, or else "keras3".
---@param op string
---@param dialect string|nil
---@param default? string
---@return string
function dialects.checked(op, dialect, default)
  if dialect == nil then return default or "keras3" end
  return check.one_of(op, "dialect", dialect, NAMES)
end

-- Telling a config's dialect ----------------------------------------------------------------------------------------------------

-- Keys that only one of the forms has.
local ONLY = {
  keras3 = { "batch_shape", "build_input_shape", "compile_config", "quantization_config", "loss_scale_factor",
    "gradient_accumulation_steps", "input_axes" },
  tf2 = { "time_major", "implementation", "batch_input_shape", "input_length", "consume_less", "is_legacy_optimizer", "init",
    "inner_init", "W_regularizer", "lr", "decay", "schedule_decay", "fn" },
}

local function is_policy(dtype, name) return type(dtype) == "table" and rawget(dtype, "class_name") == name end

-- The votes of one table of a config: strong or weak signs of either form.
local function vote(config, votes, nested)
  for form, keys in pairs(ONLY) do
    for _, key in ipairs(keys) do
      if rawget(config, key) ~= nil then votes[form] = true end
    end
  end
  local dtype = rawget(config, "dtype")
  if is_policy(dtype, "DTypePolicy") then votes.keras3 = true end
  if rawget(config, "class_name") == "__numpy__" then votes.keras3 = true end
  if is_policy(dtype, "Policy") then votes.tf2 = true end
  if type(dtype) == "string" and rawget(config, "trainable") ~= nil then votes.weak = true end
  if rawget(config, "seed") ~= nil and rawget(config, "units") ~= nil then votes.keras3 = true end
  local is_object = type(rawget(config, "class_name")) == "string" and rawget(config, "config") ~= nil
  if nested and is_object and rawget(config, "module") == nil then votes.tf2 = true end
end

local function look(value, votes, depth)
  votes.nodes = votes.nodes + 1
  if type(value) ~= "table" or depth > DEPTH or votes.nodes > NODES then return end
  vote(value, votes, depth > 1)
  for _, item in pairs(value) do
    if type(item) == "table" and (getmetatable(item) == nil or json.is_container(item)) then look(item, votes, depth + 1) end
  end
end

--- The dialect that a config (table) shows by its own form, or nil where nothing in it tells.
---@param config table
---@return string|nil
function dialects.detect(config)
  local votes = { nodes = 0 }
  look(config, votes, 1)
  if votes.keras3 then return "keras3" end
  return (votes.tf2 or votes.weak) and "tf2" or nil
end

-- The place of a reader ---------------------------------------------------------------------------------------------------------

--- The `where` of a reader of `config` from a user's options { dialect =, custom_objects =, path = }, or from the `where` of the
--- reader around it. Without dialect the config's form tells, and where it does not it is `default`, or else Keras 3's.
---@param op string
---@param config any
---@param options? table
---@param default? string
---@return table
function dialects.where(op, config, options, default)
  if type(options) == "table" and options.op then
    return { op = op, path = options.path, name = options.path, dialect = options.dialect, custom_objects = options.custom_objects,
      depth = options.depth or 1 }
  end
  options = check.options(op, options, { "dialect", "custom_objects", "path" })
  if options.custom_objects ~= nil then check.type(op, "custom_objects", options.custom_objects, "table") end
  local path = check.type(op, "path", options.path or "config", "string")
  local dialect = options.dialect
  if dialect ~= nil then
    dialects.checked(op, dialect)
  else
    dialect = type(config) == "table" and dialects.detect(config) or default or "keras3"
  end
  return { op = op, path = path, name = path, dialect = dialect, custom_objects = options.custom_objects, depth = 1 }
end

--- The `where` of an entry: of key "units", or of item 2 of a list.
---@param where table
---@param key string|integer
---@return table
function dialects.at(where, key)
  local depth = (where.depth or 1) + 1
  if depth > 3 * DEPTH then check.fail("%s: %s is nested too deep", where.op, where.path) end
  local path = type(key) == "number" and ("%s[%d]"):format(where.path, key) or ("%s.%s"):format(where.path, tostring(key))
  return { op = where.op, path = path, name = path, dialect = where.dialect, custom_objects = where.custom_objects, depth = depth }
end

--- Raises at an entry of a config: "GRU.from_config: config.units ..."
---@param where table
---@param message string
function dialects.fail(where, message, ...)
  check.fail("%s: %s %s", where.op, where.path or where.name, message:format(...))
end

--- A config as a table: an ordered object, a plain table, or JSON text that is decoded. Anything else raises.
---@param config any
---@param op string
---@param path? string
---@return table
function dialects.table_of(config, op, path)
  if type(config) == "string" and config:match("^%s*[%[{]") then config = json.decode(config) end
  if type(config) ~= "table" or (getmetatable(config) ~= nil and not json.is_container(config)) then
    check.fail("%s: argument %s is %s, expected a config: a table or JSON text", op, path or "config", check.describe(config))
  end
  return config
end

return dialects
