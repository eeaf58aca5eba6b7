-- Metrics of predictions, by name. Names and numbers: keras.metrics.
local check = require "moongate.check"
local means = require "moongate.metrics.mean"
local metric = require "moongate.metrics.metric"
local Registry = require "moongate.registry"

local registry = Registry("metric", "keras.metrics")
local Wrapper = means.MeanMetricWrapper
local metrics = { registry = registry, Metric = metric.Metric, MeanMetricWrapper = Wrapper, AUC = require "moongate.metrics.auc" }
for _, name in ipairs { "accuracy", "regression", "counts", "scores", "iou" } do
  for class_name, C in pairs(require("moongate.metrics." .. name)) do metrics[class_name] = C end
end
metrics.Mean, metrics.Sum = means.Mean, means.Sum

local SHORT = {
  Accuracy = { "acc" }, MeanSquaredError = { "mse", "MSE" }, MeanAbsoluteError = { "mae", "MAE" },
  MeanAbsolutePercentageError = { "mape", "MAPE" }, MeanSquaredLogarithmicError = { "msle", "MSLE" },
  RootMeanSquaredError = { "rmse" }, BinaryCrossentropy = { "bce", "BCE" }, CategoricalCrossentropy = { "cce" },
  SparseCategoricalCrossentropy = { "scce" }, LogCoshError = { "logcosh" },
  KLDivergence = { "kld", "KLD", "kullback_leibler_divergence" },
}

local class_names = {}
for name, C in pairs(metrics) do
  if C ~= Wrapper and C ~= metric.Metric and C ~= registry then class_names[#class_names + 1] = name end
end
table.sort(class_names)
for _, name in ipairs(class_names) do registry:add(metrics[name], metrics[name].default_name, unpack(SHORT[name] or {})) end

for name, form in pairs(require "moongate.metrics.forms") do
  metrics[name] = form
  if registry.entries[name] then registry.function_names[form] = name end -- what configs call it
end

-- "accuracy" and "crossentropy" mean the binary, the sparse or the one-hot kind, as the shapes tell.
function metrics.kind_by_shape(y_true, y_pred)
  local n, m = #y_true.shape, #y_pred.shape
  if y_pred.shape[m] == 1 then return "Binary" end
  if n < m or y_true.shape[n] == 1 then return "SparseCategorical" end
  return "Categorical"
end

local function by_name(name, y_true, y_pred)
  local lower, kind = name:lower(), nil
  if lower == "accuracy" or lower == "acc" then kind = "Accuracy" end
  if lower == "crossentropy" or lower == "ce" then kind = "Crossentropy" end
  local found = kind and y_pred and metrics[metrics.kind_by_shape(y_true, y_pred) .. kind]() or registry:get(name)
  if type(found) == "function" then found = Wrapper(found) end
  found.name = name
  return found
end

--- A metric object from a name, a function of (y_true, y_pred) or a metric. "accuracy" and "crossentropy" look at the shapes of
--- y_true and y_pred when they are given.
---@param identifier string|function|table
---@param y_true Tensor|nil
---@param y_pred Tensor|nil
---@return Metric
function metrics.get(identifier, y_true, y_pred)
  if type(identifier) == "string" then return by_name(identifier, y_true, y_pred) end
  if type(identifier) == "function" then return Wrapper(identifier, registry.function_names[identifier]) end
  if type(identifier) == "table" and identifier.update_state then
    return rawget(identifier, "init") and identifier() or identifier -- a class stands for its defaults, as in Keras
  end
  return check.fail("metrics.get: argument identifier is %s, expected a name, a function or a metric", check.describe(identifier))
end

--- Gives a function f(y_true, y_pred) a name that compile takes and configs carry.
---@param name string
---@param f function
---@example mg.metrics.register("worst", function(y_true, y_pred) return (y_true - y_pred):abs():max(-1) end)
function metrics.register(name, f) return registry:register(name, f) end

--- The metric in Keras's object form.
---@param object Metric
---@param dialect? string "keras3" (default), "tf2", "compat.v1"
---@return table
function metrics.serialize(object, dialect)
  local fn = type(object) == "table" and object.is and object:is(Wrapper) and rawget(object, "fn")
  return registry:serialize(fn or object, dialect)
end

--- A metric from what serialize gave.
---@param config table|string
---@param options? table dialect (else told from the config), custom_objects, path
---@return Metric
function metrics.deserialize(config, options) return registry:deserialize(config, options) end

return metrics
