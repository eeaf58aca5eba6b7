-- What a model was compiled with, as files tell it: compile_config of .keras files, training_config of .h5 files.
local check = require "moongate.check"
local custom = require "moongate.custom_objects"
local dialects = require "moongate.dialects"
local json = require "moongate.json"
local losses = require "moongate.losses"
local metrics = require "moongate.metrics"
local null = require "moongate.null"
local optimizers = require "moongate.optimizers"

local training = {}

local DEEPEST = 8

-- One identifier, or lists and tables of them by output.
local function decoded(value, module, where, depth)
  if value == nil or value == null then return nil end
  if type(value) == "string" then
    local own = custom.find(where, value)
    return own ~= nil and module.get(own) or value
  end
  if type(value) ~= "table" then return value end
  if depth > DEEPEST then check.fail("%s: %s is nested too deep", where.op, where.path) end
  if value.class_name ~= nil then
    return module.deserialize(value, { dialect = where.dialect, custom_objects = where.custom_objects, path = where.path })
  end
  local out = {}
  for key, item in (json.is_object(value) and json.pairs or ipairs)(value) do
    local path = type(key) == "number" and ("%s[%d]"):format(where.path, key) or where.path .. "." .. key
    local inner = { op = where.op, path = path, dialect = where.dialect, custom_objects = where.custom_objects }
    out[key] = decoded(item, module, inner, depth + 1)
    if out[key] == nil then out[key] = type(key) == "number" and null or nil end
  end
  return out
end

-- The optimizer of a file of tf.keras or Keras 2.
local function check_optimizer(object, where)
  local config = type(object) == "table" and object ~= null and object.config
  local is_nadam = config and type(object.class_name) == "string" and object.class_name:match("Nadam$")
  if is_nadam and type(config) == "table" and config.decay ~= nil then
    check.fail("%s: %s.optimizer_config is the Nadam of before TensorFlow 2.11, whose momentum follows another schedule; "
      .. "likely fix: mg.load_model(path, { compile = false }) and a new optimizer", where.op, where.path)
  end
end

local function plain(value)
  if value == nil or value == null then return nil end
  if type(value) ~= "table" then return value end
  local out = {}
  for key, item in (json.is_object(value) and json.pairs or ipairs)(value) do out[key] = item end
  return out
end

-- tf.keras wraps the metrics of each output in a list of their own: of one output that is the list itself.
local function unwrapped(list)
  if type(list) == "table" and #list == 1 and type(list[1]) == "table" and getmetatable(list[1]) == nil and list[1].is == nil then
    return list[1]
  end
  return list
end

-- tf.keras and Keras 2 mean a plain list of metrics for each of several outputs.
local function metrics_of(read, outputs)
  local list = unwrapped(read())
  if outputs < 2 or type(list) ~= "table" or list[1] == nil then return list end
  for _, item in ipairs(list) do
    if type(item) == "table" and getmetatable(item) == nil and item.is == nil then return list end
  end
  local each = { list }
  for i = 2, outputs do each[i] = unwrapped(read()) end
  return each
end

--- The options of compile, or nil when the model was not compiled
---@param config table|nil what the file holds
---@param where table { op =, path =, dialect =, custom_objects = }
---@param outputs integer how many the model has
---@return table|nil
function training.options(config, where, outputs)
  local older = dialects.form(where.dialect) == "tf2"
  if type(config) ~= "table" or config == null then return nil end
  if older then
    check_optimizer(config.optimizer, where)
    check_optimizer(config.optimizer_config, where)
  end
  local function part(name, module)
    local inner = {
      op = where.op, path = where.path .. "." .. name, dialect = where.dialect, custom_objects = where.custom_objects,
    }
    return decoded(config[name], module, inner, 1)
  end
  local function metrics_for(name) return metrics_of(function() return part(name, metrics) end, older and outputs or 1) end
  local optimizer = part("optimizer", optimizers) or part("optimizer_config", optimizers)
  if optimizer == nil then return nil end
  return {
    optimizer = optimizer, loss = part("loss", losses), loss_weights = plain(config.loss_weights),
    metrics = metrics_for "metrics", weighted_metrics = metrics_for "weighted_metrics",
  }
end

--- Compiles a model with what a config holds; whether it holds anything
---@param model table
---@param config table|nil
---@param where table { op =, path =, dialect =, custom_objects = }
---@param fix string what else may be done
---@return boolean
function training.compile(model, config, where, fix)
  local options = training.options(config, where, #(rawget(model, "outputs") or { 1 }))
  if not options then return false end
  local done, message = pcall(model.compile, model, options)
  if not done then
    check.fail("%s: what the model was compiled with: %s; likely fix: %s", where.op, (tostring(message):gsub("^.-:%d+: ", "")), fix)
  end
  if model.built then model.optimizer:build(model.trainable_weights) end
  return true
end

return training
