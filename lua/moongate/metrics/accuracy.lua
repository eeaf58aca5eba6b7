-- How often predictions are right. Source: keras/src/metrics/accuracy_metrics.py.
local fields = require "moongate.fields"
local means = require "moongate.metrics.mean"
local ops = require "moongate.ops"
local reduction = require "moongate.losses.reduction"
local tensor = require "moongate.tensor"

local accuracy = {}

local function define(name, default_name, compute, extra)
  local C = means.class(name, default_name, extra, means.MeanMetricWrapper)
  C.compute, accuracy[name] = compute, C
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

-- 1 where the true id is among the first k of the ids in y_pred.
local function in_first_k(ids, y_pred, k)
  local classes = y_pred.shape[#y_pred.shape]
  local first = ops.slice(ops.cast(y_pred, "int32"), #y_pred.shape, 1, math.min(k, classes))
  return ops.cast(ops.max(ops.eq(first, ops.expand_dims(ids, -1)), -1), tensor.floatx)
end

--- How often predictions equal labels.
---@example mg.metrics.Accuracy()
define("Accuracy", "accuracy", function(_, y_true, y_pred)
  y_true, y_pred = reduction.same_rank(y_true, y_pred)
  return matches(y_pred, y_true)
end)

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
  return drop_column(matches(class_ids(y_true, y_pred), ops.argmax(y_pred, -1)))
end)

local K = { "k", default = 5, codec = fields.positive_integer }

--- How often the one of one-hot labels is among the k largest predictions.
---@example mg.metrics.TopKCategoricalAccuracy { k = 3 }
define("TopKCategoricalAccuracy", "top_k_categorical_accuracy", function(self, y_true, y_pred)
  return in_top_k(ops.argmax(y_true, -1), y_pred, self.k)
end, { K })

--- How often the class id is among the k largest predictions; with from_sorted_ids predictions are class ids, best first.
---@example mg.metrics.SparseTopKCategoricalAccuracy { k = 3 }
define("SparseTopKCategoricalAccuracy", "sparse_top_k_categorical_accuracy", function(self, y_true, y_pred)
  local ids = class_ids(y_true, y_pred)
  return (self.from_sorted_ids and in_first_k or in_top_k)(ids, y_pred, self.k)
end, { K, { "from_sorted_ids", default = false, codec = fields.boolean,
  when = function(_, value) return value end } })

return accuracy
