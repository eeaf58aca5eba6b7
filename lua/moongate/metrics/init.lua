-- Metrics of predictions, by name. Names and numbers: keras.metrics.
local check = require "moongate.check"
local fields = require "moongate.fields"
local losses = require "moongate.losses"
local means = require "moongate.metrics.mean"
local ops = require "moongate.ops"
local reduction = require "moongate.losses.reduction"
local Registry = require "moongate.registry"
local tensor = require "moongate.tensor"

local registry = Registry("metric", "keras.metrics")
local Mean, Wrapper = registry:add(means.Mean), means.MeanMetricWrapper
local metrics = { registry = registry, Mean = Mean, Sum = registry:add(means.Sum), MeanMetricWrapper = Wrapper }

local function define(name, default_name, compute, extra, ...)
  local C = means.class(name, default_name, extra, Wrapper)
  C.compute, metrics[name] = compute, C
  return registry:add(C, default_name, ...)
end

-- 1 where a equals b.
local function matches(a, b)
  return ops.cast(ops.eq(a, ops.cast(b, a.dtype)), tensor.floatx)
end

local function drop_column(x)
  local n = #x.shape
  return n > 1 and x.shape[n] == 1 and ops.squeeze(x, -1) or x
end

local function class_ids(y_true, y_pred)
  if #y_true.shape == #y_pred.shape then y_true = drop_column(y_true) end
  return ops.cast(y_true, "int32")
end

-- 1 where fewer than k classes score above the true one.
local function in_top_k(ids, y_pred, k)
  local hit = ops.one_hot(ids, y_pred.shape[#y_pred.shape], y_pred.dtype)
  local score = ops.sum(ops.mul(hit, y_pred), { -1 }, true)
  local above = ops.sum(ops.cast(ops.gt(y_pred, score), y_pred.dtype), { -1 })
  return ops.cast(ops.lt(above, k), tensor.floatx)
end

--- How often predictions equal labels.
---@example mg.metrics.Accuracy()
define("Accuracy", "accuracy", function(_, y_true, y_pred)
  y_true, y_pred = reduction.same_rank(y_true, y_pred)
  return matches(y_pred, y_true)
end, nil, "acc")

--- How often predictions above `threshold` match binary labels.
---@example mg.metrics.BinaryAccuracy { threshold = 0.7 }
define("BinaryAccuracy", "binary_accuracy", function(self, y_true, y_pred)
  y_true, y_pred = reduction.same_rank(y_true, y_pred)
  return matches(y_true, ops.gt(y_pred, self.threshold))
end, { { "threshold", default = 0.5, codec = fields.number } })

--- How often the largest prediction is at the one of one-hot labels.
---@example mg.metrics.CategoricalAccuracy()
define("CategoricalAccuracy", "categorical_accuracy", function(_, y_true, y_pred)
  return matches(ops.argmax(y_true, -1), ops.argmax(y_pred, -1))
end)

--- How often the largest prediction is at the class id.
---@example model:compile { optimizer = "adam", loss = "sparse_categorical_crossentropy", metrics = { "accuracy" } }
define("SparseCategoricalAccuracy", "sparse_categorical_accuracy", function(_, y_true, y_pred)
  return matches(class_ids(y_true, y_pred), ops.argmax(y_pred, -1))
end)

--- How often the one of one-hot labels is among the k largest predictions.
---@example mg.metrics.TopKCategoricalAccuracy { k = 3 }
define("TopKCategoricalAccuracy", "top_k_categorical_accuracy", function(self, y_true, y_pred)
  return in_top_k(ops.argmax(y_true, -1), y_pred, self.k)
end, { { "k", default = 5, codec = fields.positive_integer } })

--- How often the class id is among the k largest predictions.
---@example mg.metrics.SparseTopKCategoricalAccuracy { k = 3 }
define("SparseTopKCategoricalAccuracy", "sparse_top_k_categorical_accuracy", function(self, y_true, y_pred)
  return in_top_k(class_ids(y_true, y_pred), y_pred, self.k)
end, { { "k", default = 5, codec = fields.positive_integer } })

local function squared_error(_, y_true, y_pred)
  y_true, y_pred = reduction.same_rank(y_true, y_pred)
  return ops.square(ops.sub(y_pred, ops.cast(y_true, y_pred.dtype)))
end

--- Mean of the squared error.
---@example mg.metrics.MeanSquaredError()
define("MeanSquaredError", "mean_squared_error", squared_error, nil, "mse", "MSE")

--- Square root of the mean of the squared error. As in Keras, the mask of y_pred does not count here; sample weights do.
---@example mg.metrics.RootMeanSquaredError()
local Root = define("RootMeanSquaredError", "root_mean_squared_error", squared_error, nil, "rmse")
function Root:update_state(y_true, y_pred, sample_weight)
  y_pred, y_true = reduction.tensors(self.name, y_true, y_pred)
  Mean.update_state(self, self:compute(y_true, y_pred), sample_weight)
end
--- The root of the mean so far.
---@return number
function Root:result() return math.sqrt(Mean.result(self)) end

--- Mean of the absolute error.
---@example mg.metrics.MeanAbsoluteError()
define("MeanAbsoluteError", "mean_absolute_error", function(_, y_true, y_pred)
  y_true, y_pred = reduction.same_rank(y_true, y_pred)
  return ops.abs(ops.sub(y_pred, ops.cast(y_true, y_pred.dtype)))
end, nil, "mae", "MAE")

-- The cross-entropies as metrics: the losses' unreduced values, unweighted.
local function define_entropy(name, short, extra)
  define(name, losses[name].default_name, function(self, y_true, y_pred)
    local options = { from_logits = self.from_logits, axis = self.axis }
    if name == "SparseCategoricalCrossentropy" then options.ignore_class = self.ignore_class
    else options.label_smoothing = self.label_smoothing end
    self.loss = self.loss or losses[name](options)
    return self.loss:compute(y_true, y_pred, self.loss:rows(y_pred))
  end, extra, short)
end

local LOGITS = { "from_logits", default = false, codec = fields.boolean }
local SMOOTHING = { "label_smoothing", default = 0, codec = fields.number }
local AXIS = { "axis", default = -1, codec = fields.integer }

--- Binary cross-entropy.
---@example mg.metrics.BinaryCrossentropy { from_logits = true }
define_entropy("BinaryCrossentropy", "bce", { LOGITS, SMOOTHING })

--- Cross-entropy of one-hot labels.
---@example mg.metrics.CategoricalCrossentropy { from_logits = true }
define_entropy("CategoricalCrossentropy", "cce", { LOGITS, SMOOTHING, AXIS })

--- Cross-entropy of class ids.
---@example mg.metrics.SparseCategoricalCrossentropy { from_logits = true }
define_entropy("SparseCategoricalCrossentropy", "scce", { LOGITS, { "ignore_class", codec = fields.integer }, AXIS })

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
  local metric = kind and y_pred and metrics[metrics.kind_by_shape(y_true, y_pred) .. kind]() or registry:get(name)
  if type(metric) == "function" then metric = Wrapper(metric) end
  metric.name = name
  return metric
end

--- A metric object from a name, a function of (y_true, y_pred) or a metric. "accuracy" and "crossentropy" look at the shapes of
--- y_true and y_pred when they are given.
---@param identifier string|function|table
---@param y_true Tensor|nil
---@param y_pred Tensor|nil
---@return Mean
function metrics.get(identifier, y_true, y_pred)
  if type(identifier) == "string" then return by_name(identifier, y_true, y_pred) end
  if type(identifier) == "function" then return Wrapper(identifier, registry.function_names[identifier]) end
  if type(identifier) == "table" and identifier.update_state then
    return rawget(identifier, "init") and identifier() or identifier -- a class stands for its defaults, as in Keras
  end
  return check.fail("metrics.get: argument identifier is %s, expected a name, a function or a metric", check.describe(identifier))
end

--- The metric in Keras's object form.
---@param metric Mean
---@param dialect? string "keras3" (default), "tf2", "compat.v1"
---@return table
function metrics.serialize(metric, dialect) return registry:serialize(metric, dialect) end

--- A metric from what serialize gave.
---@param config table|string
---@param options? table dialect (else told from the config), custom_objects, path
---@return Mean
function metrics.deserialize(config, options) return registry:deserialize(config, options) end

return metrics
