-- What compile was given, as Keras 3 writes it into a model's config. Source: keras/src/trainers/trainer.py, get_compile_config.
local json = require "moongate.json"
local losses = require "moongate.losses"
local metrics = require "moongate.metrics"
local null = require "moongate.null"
local optimizers = require "moongate.optimizers"
local structure = require "moongate.structure"

-- Names stay names, objects become configs, lists and tables keep their structure; numbers are floats.
local function written(value, encode)
  if value == nil or value == null or value == false then return null end
  if not structure.is_plain(value) or value.class_name then
    return (type(value) == "string" or type(value) == "number") and value or encode(value)
  end
  local out, keys = {}, {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys)
  if value[1] ~= nil or #keys == 0 then
    for i = 1, #value do out[i] = written(value[i], encode) end
    out = json.array(out)
  else
    for i, key in ipairs(keys) do out[i] = { key, written(value[key], encode) } end
    out = json.object(out)
  end
  for _, key in ipairs(keys) do
    if type(value[key]) == "number" then json.float(out, key) end
  end
  return out
end

--- The compile_config of a model; an empty object when it is not compiled.
---@param model table
---@param dialect? string
---@return table
return function(model, dialect)
  local function encoder(module) return function(value) return module.serialize(value, dialect) end end
  local given = model.compiled_with
  if not given then return json.object() end
  local config = json.object {
    { "optimizer", optimizers.serialize(model.optimizer, dialect) }, { "loss", written(given.loss, encoder(losses)) },
    { "loss_weights", written(given.loss_weights) }, { "metrics", written(given.metrics, encoder(metrics)) },
    { "weighted_metrics", written(given.weighted_metrics, encoder(metrics)) }, { "run_eagerly", false },
    { "steps_per_execution", 1 }, { "jit_compile", false },
  }
  if type(given.loss_weights) == "number" then json.float(config, "loss_weights") end
  return config
end
