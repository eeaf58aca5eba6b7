-- Losses: from predictions and targets to one number. Names, arguments and numbers: keras.losses.
local check = require "moongate.check"
local class = require "moongate.class"
local compose = require "moongate.losses.compose"
local composed = require "moongate.losses.composed"
local fields = require "moongate.fields"
local functions = require "moongate.losses.functions"
local ops = require "moongate.ops"
local overlap = require "moongate.losses.overlap"
local reduction = require "moongate.losses.reduction"
local Registry = require "moongate.registry"
local tensor = require "moongate.tensor"

local registry = Registry("loss", "keras.losses")
local losses = { registry = registry }

--- The parent of all losses: called with targets and predictions, they give one number.
---@example local loss = mg.losses.Huber { delta = 0.5 }(y_true, y_pred)
local Loss = class("Loss")
losses.Loss = Loss

-- null is "none"; "auto" is tf_keras's name of the default, the mean.
local REDUCTIONS = fields.choice("sum_over_batch_size", "sum", "none", "mean", "mean_with_sample_weight", "auto")
local REDUCTION = { "reduction", default = "sum_over_batch_size", codec = REDUCTIONS, defaults = { tf2 = "auto" },
  keras3 = { show = function(_, value) return value == "auto" and "sum_over_batch_size" or value end } }

--- The loss of a batch, reduced as `reduction` says, weighted by the mask that rides on y_pred and by sample_weight ((B), (B,1) or
--- the shape of the unreduced losses).
---@param y_true Tensor (B, ...) targets
---@param y_pred Tensor (B, ..., C) predictions
---@param sample_weight Tensor|nil
---@return Tensor scalar, or (B, ...) with reduction "none"
function Loss:call(y_true, y_pred, sample_weight)
  local op = self.name
  y_pred, y_true = reduction.tensors(op, y_true, y_pred)
  local rows = self:rows(y_pred)
  local mask = reduction.and_masks(y_pred.keras_mask, self.own_mask and self:own_mask(y_true, rows))
  local weights, given = reduction.weights(op, rows, sample_weight, mask, self.reduction, y_pred.dtype)
  return reduction.reduce(self:compute(y_true, y_pred, rows, weights), rows, given, self.reduction)
end

-- tf_keras writes reduction, name, the options and the function's name.
local function fields_of(default_name, extra, tf2)
  local fn = tf2 and tf2.fn or default_name
  local list = { { "name", default = default_name, codec = fields.text }, REDUCTION, order = { tf2 = { "reduction", "name" } } }
  for _, field in ipairs(extra or {}) do
    list[#list + 1] = field
    if not (tf2 and tf2.order) then table.insert(list.order.tf2, field[1]) end
  end
  for _, name in ipairs(tf2 and tf2.order or {}) do table.insert(list.order.tf2, name) end
  table.insert(list.order.tf2, "fn")
  list[#list + 1] = { "dtype", codec = fields.any, hidden = true }
  list[#list + 1] = { "fn", constant = fn, hidden = true, tf2 = { hidden = false } }
  return list
end

-- `options`: names (further ones), rows(self, y_pred) (the shape of the unreduced losses), tf2 (fn, order of the options).
-- `compute` gives the losses themselves.
local function define(name, default_name, compute, extra, options)
  options = options or {}
  local C = fields.class(name, fields_of(default_name, extra, options.tf2), nil, Loss)
  C.default_name, C.compute, C.rows = default_name, compute, options.rows or reduction.rows_without_last
  function C:__call(...) return self:call(...) end
  losses[name] = registry:add(C, default_name, unpack(options.names or {}))
  return C
end

-- An option that Keras 3 takes but does not write: here it is, unless it has its default, for a round trip has to be equal.
local function lost(name, default, codec, tf2)
  return { name, default = default, codec = codec, when = function(_, value) return value ~= default end, tf2 = tf2 }
end
local SHOWN = { when = false } -- tf_keras writes it

local ALONG_AXIS = { rows = compose.rows_along_axis }

local FROM_LOGITS = { "from_logits", default = false, codec = fields.boolean }
local ENTROPY = {
  FROM_LOGITS, { "label_smoothing", default = 0, codec = fields.float }, { "axis", default = -1, codec = fields.integer },
}

--- Mean of (y_true - y_pred)^2 over the last axis.
---@param options table|nil reduction = "sum_over_batch_size", name
---@example mg.losses.MeanSquaredError()(y_true, y_pred)
define("MeanSquaredError", "mean_squared_error", functions.mean_squared_error, nil, { names = { "mse", "MSE" } })

--- Mean of |y_true - y_pred| over the last axis.
---@param options table|nil reduction = "sum_over_batch_size", name
---@example mg.losses.MeanAbsoluteError()(y_true, y_pred)
define("MeanAbsoluteError", "mean_absolute_error", functions.mean_absolute_error, nil, { names = { "mae", "MAE" } })

--- Quadratic up to an error of delta, linear beyond.
---@param options table|nil delta = 1.0, reduction, name
---@example mg.losses.Huber { delta = 0.5 }
define("Huber", "huber_loss", functions.huber,
  { lost("delta", 1, fields.float, SHOWN) }, { tf2 = { fn = "huber" } })

--- Binary cross-entropy of targets 0..1, mean over `axis`; predictions are probabilities unless from_logits.
---@param options table|nil from_logits = false, label_smoothing = 0, axis = -1, reduction, name
---@example mg.losses.BinaryCrossentropy { from_logits = true }
define("BinaryCrossentropy", "binary_crossentropy", functions.binary_crossentropy, ENTROPY,
  { rows = compose.rows_along_axis, names = { "bce", "BCE" } })

--- Cross-entropy of one-hot targets (B, ..., C).
---@param options table|nil from_logits = false, label_smoothing = 0, axis = -1, reduction, name
---@example mg.losses.CategoricalCrossentropy { label_smoothing = 0.1 }
define("CategoricalCrossentropy", "categorical_crossentropy", functions.categorical_crossentropy, ENTROPY,
  { rows = compose.rows_along_axis, names = { "cce", "CCE" } })

--- Cross-entropy of class ids (B, ...), counted from 0; targets of ignore_class do not count.
---@param options table|nil from_logits = false, ignore_class, axis = -1, reduction, name
---@example mg.losses.SparseCategoricalCrossentropy { from_logits = true }
local Sparse = define("SparseCategoricalCrossentropy", "sparse_categorical_crossentropy", functions.sparse_categorical_crossentropy,
  { FROM_LOGITS, { "ignore_class", codec = fields.integer }, lost("axis", -1, fields.integer) },
  ALONG_AXIS)
Sparse.own_mask = functions.ignored_classes

--- Mean of 100 |y_true - y_pred| / |y_true| over the last axis.
---@param options table|nil reduction = "sum_over_batch_size", name
---@example mg.losses.MeanAbsolutePercentageError()(y_true, y_pred)
define("MeanAbsolutePercentageError", "mean_absolute_percentage_error", composed.mean_absolute_percentage_error, nil,
  { names = { "mape", "MAPE" } })

--- Mean of (log(1 + y_true) - log(1 + y_pred))^2 over the last axis.
---@param options table|nil reduction = "sum_over_batch_size", name
---@example mg.losses.MeanSquaredLogarithmicError()(y_true, y_pred)
define("MeanSquaredLogarithmicError", "mean_squared_logarithmic_error", composed.mean_squared_logarithmic_error, nil,
  { names = { "msle", "MSLE" } })

--- Mean of log(cosh(y_pred - y_true)) over the last axis: quadratic near 0, linear far from it.
---@param options table|nil reduction = "sum_over_batch_size", name
---@example mg.losses.LogCosh()(y_true, y_pred)
define("LogCosh", "log_cosh", composed.log_cosh, nil, { names = { "logcosh" } })

--- Minus the cosine of the angle between target and prediction along `axis`.
---@param options table|nil axis = -1, reduction, name
---@example mg.losses.CosineSimilarity { axis = 1 }
define("CosineSimilarity", "cosine_similarity", composed.cosine_similarity,
  { lost("axis", -1, fields.integer, SHOWN) }, ALONG_AXIS)

--- Kullback-Leibler divergence sum y_true log(y_true / y_pred) over the last axis.
---@param options table|nil reduction = "sum_over_batch_size", name
---@example mg.losses.KLDivergence()(y_true, y_pred)
define("KLDivergence", "kl_divergence", composed.kl_divergence, nil,
  { names = { "kld", "KLD", "kullback_leibler_divergence" } })

--- Mean of y_pred - y_true log(y_pred) over the last axis: counts that follow Poisson's law.
---@param options table|nil reduction = "sum_over_batch_size", name
---@example mg.losses.Poisson()(y_true, y_pred)
define("Poisson", "poisson", composed.poisson)

--- Mean of max(1 - y_true y_pred, 0) over the last axis; targets are -1 or 1, or all 0 or 1.
---@param options table|nil reduction = "sum_over_batch_size", name
---@example mg.losses.Hinge()(y_true, y_pred)
define("Hinge", "hinge", composed.hinge)

--- Mean of max(1 - y_true y_pred, 0)^2 over the last axis; targets are -1 or 1, or all 0 or 1.
---@param options table|nil reduction = "sum_over_batch_size", name
---@example mg.losses.SquaredHinge()(y_true, y_pred)
define("SquaredHinge", "squared_hinge", composed.squared_hinge)

--- How far the score of the true class is from being 1 above the best other; one-hot targets.
---@param options table|nil reduction = "sum_over_batch_size", name
---@example mg.losses.CategoricalHinge()(y_true, y_pred)
define("CategoricalHinge", "categorical_hinge", composed.categorical_hinge)

local ALPHA, GAMMA = { "alpha", default = 0.25, codec = fields.float }, { "gamma", default = 2, codec = fields.float }

--- Binary cross-entropy in which what is right already counts less: times (1 - p)^gamma.
---@param options table|nil apply_class_balancing = false, alpha = 0.25, gamma = 2, from_logits = false, label_smoothing = 0, ...
---@example mg.losses.BinaryFocalCrossentropy { gamma = 1.5, apply_class_balancing = true }
define("BinaryFocalCrossentropy", "binary_focal_crossentropy", composed.binary_focal_crossentropy,
  { ENTROPY[1], ENTROPY[2], ENTROPY[3], { "apply_class_balancing", default = false, codec = fields.boolean }, ALPHA, GAMMA },
  { rows = compose.rows_along_axis,
    tf2 = { order = { "apply_class_balancing", "alpha", "gamma", "from_logits", "label_smoothing", "axis" } } })

--- Cross-entropy of one-hot targets in which what is right already counts less: times alpha (1 - p)^gamma.
---@param options table|nil alpha = 0.25, gamma = 2, from_logits = false, label_smoothing = 0, axis = -1, reduction, name
---@example mg.losses.CategoricalFocalCrossentropy { gamma = 1.5 }
define("CategoricalFocalCrossentropy", "categorical_focal_crossentropy", composed.categorical_focal_crossentropy,
  { ENTROPY[1], ENTROPY[2], ENTROPY[3], ALPHA, GAMMA },
  { rows = compose.rows_along_axis, tf2 = { order = { "alpha", "gamma", "from_logits", "label_smoothing", "axis" } } })

--- (1 - p^q) / q of the probability p of the true class id: between cross-entropy (q near 0) and absolute error (q near 1).
---@param options table|nil q = 0.5, reduction, name
---@example mg.losses.CategoricalGeneralizedCrossEntropy { q = 0.7 }
define("CategoricalGeneralizedCrossEntropy", "categorical_generalized_cross_entropy", composed.generalized,
  { { "q", default = 0.5, codec = fields.float } })

local OVERLAP_AXIS = { "axis", codec = fields.axes }

--- 1 minus Dice's overlap of target and prediction, summed over `axis` (all axes when null).
---@param options table|nil axis = nil, reduction, name
---@example mg.losses.Dice { axis = { 1, 2, 3 } }
define("Dice", "dice", overlap.dice, { OVERLAP_AXIS }, { rows = overlap.rows })

--- 1 minus Tversky's overlap: missed entries weigh alpha, wrong ones beta.
---@param options table|nil alpha = 0.5, beta = 0.5, axis = nil, reduction, name
---@example mg.losses.Tversky { alpha = 0.3, beta = 0.7 }
define("Tversky", "tversky", overlap.tversky,
  { { "alpha", default = 0.5, codec = fields.float }, { "beta", default = 0.5, codec = fields.float }, OVERLAP_AXIS },
  { rows = overlap.rows })

--- A Lua function of (y_true, y_pred) as a loss; it returns a scalar or one value per sample.
---@param fn function
---@param options? table|string { name =, reduction = "sum_over_batch_size" }, or the name
---@example mg.losses.LossFunctionWrapper(function(y_true, y_pred) return (y_true - y_pred):abs():mean(2) end)
local Wrapped = class("LossFunctionWrapper", Loss)
function Wrapped:init(fn, options)
  if type(options) == "string" then options = { name = options } end
  options = check.options("LossFunctionWrapper", options, { "name", "reduction" })
  self.fn, self.name = check.type("LossFunctionWrapper", "fn", fn, "function"), options.name or "loss"
  self.reduction = REDUCTIONS.decode(options.reduction or "sum_over_batch_size", { op = "LossFunctionWrapper", name = "reduction" })
end

--- The loss of a batch, reduced and weighted as those of Keras are.
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param sample_weight Tensor|nil
---@return Tensor
function Wrapped:call(y_true, y_pred, sample_weight)
  y_pred, y_true = reduction.tensors(self.name, y_true, y_pred)
  local values = self.fn(y_true, y_pred)
  if not tensor.is(values) then
    check.fail("%s: the loss function returned %s, expected a tensor", self.name, check.describe(values))
  end
  local weights, given = reduction.weights(self.name, values.shape, sample_weight, y_pred.keras_mask, self.reduction,
    y_pred.dtype)
  if weights then values = ops.where(ops.ne(weights, 0), ops.mul(values, weights), 0) end
  return reduction.reduce(values, values.shape, given, self.reduction)
end
function Wrapped:__call(...) return self:call(...) end
losses.LossFunctionWrapper = Wrapped

--- A loss object from a name ("mse", "MeanSquaredError"), a function of (y_true, y_pred), a config or a loss.
---@param identifier string|function|table
---@return Loss
function losses.get(identifier)
  local loss = registry:get(identifier)
  if type(loss) == "function" then return Wrapped(loss, type(identifier) == "string" and identifier or nil) end
  return loss or check.fail("losses.get: argument identifier is nil, expected a name, a function or a loss")
end

--- Gives a function f(y_true, y_pred) a name that compile takes and configs carry.
---@param name string
---@param f function
---@example mg.losses.register("twice", function(y_true, y_pred) return (y_true - y_pred):square():mean(-1) * 2 end)
function losses.register(name, f) return registry:register(name, f) end

--- The loss in Keras's object form.
---@param loss Loss
---@param dialect? string "keras3" (default), "tf2", "compat.v1"
---@return table
function losses.serialize(loss, dialect) return registry:serialize(type(loss) == "table" and loss.fn or loss, dialect) end

--- A loss from what serialize gave.
---@param config table|string
---@param options? table dialect (else told from the config), custom_objects, path
---@return Loss
function losses.deserialize(config, options) return registry:deserialize(config, options) end

for name, form in pairs(require "moongate.losses.forms") do
  losses[name] = form
  if registry.entries[name] then registry.function_names[form] = name end -- what configs call it
end

return losses
