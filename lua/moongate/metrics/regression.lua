-- Means of losses and of other figures of single rows. Sources: keras/src/metrics/{regression_metrics,probabilistic_metrics,
-- hinge_metrics,correlation_metrics}.py.
local fields = require "moongate.fields"
local losses = require "moongate.losses"
local means = require "moongate.metrics.mean"
local ops = require "moongate.ops"
local reduction = require "moongate.losses.reduction"

local regression = {}
local Mean, Wrapper = means.Mean, means.MeanMetricWrapper

local function define(name, default_name, compute, extra)
  local C = means.class(name, default_name, extra, Wrapper)
  C.compute, regression[name] = compute, C
  return C
end

-- The unreduced values of a loss with the metric's options. Classes that the loss ignores ride on them as a mask, as in Keras.
local function values_of(self, loss_name, y_true, y_pred)
  if not self.loss then
    local options = {}
    for _, field in ipairs(losses[loss_name].fields) do
      local name = field[1]
      if name ~= "name" and name ~= "dtype" then options[name] = self[name] end
    end
    self.loss = losses[loss_name](options)
  end
  local loss = self.loss
  local rows = loss:rows(y_pred)
  local counted = loss.own_mask and loss:own_mask(y_true, rows)
  local values = loss:compute(y_true, y_pred, rows, counted and ops.cast(counted, y_pred.dtype))
  if counted then values.keras_mask = counted end
  return values
end

local function define_of_loss(name, extra, default_name, loss_name)
  loss_name = loss_name or name
  return define(name, default_name or losses[loss_name].default_name, function(self, y_true, y_pred)
    return values_of(self, loss_name, y_true, y_pred)
  end, extra)
end

--- Mean of the squared error.
---@example mg.metrics.MeanSquaredError()
define_of_loss("MeanSquaredError")

--- Mean of the absolute error.
---@example mg.metrics.MeanAbsoluteError()
define_of_loss("MeanAbsoluteError")

--- Mean of the absolute error in percent of the target.
---@example mg.metrics.MeanAbsolutePercentageError()
define_of_loss("MeanAbsolutePercentageError")

--- Mean of the squared difference of logarithms.
---@example mg.metrics.MeanSquaredLogarithmicError()
define_of_loss("MeanSquaredLogarithmicError")

--- Mean of log(cosh(error)).
---@example mg.metrics.LogCoshError()
define_of_loss("LogCoshError", nil, "logcosh", "LogCosh")

--- Mean of the hinge loss; labels are -1 or 1, or all 0 or 1.
---@example mg.metrics.Hinge()
define_of_loss("Hinge")

--- Mean of the squared hinge loss.
---@example mg.metrics.SquaredHinge()
define_of_loss("SquaredHinge")

--- Mean of the categorical hinge loss; one-hot labels.
---@example mg.metrics.CategoricalHinge()
define_of_loss("CategoricalHinge")

--- Mean of the Kullback-Leibler divergence.
---@example mg.metrics.KLDivergence()
define_of_loss("KLDivergence")

--- Mean of Poisson's loss.
---@example mg.metrics.Poisson()
define_of_loss("Poisson")

local LOGITS = { "from_logits", default = false, codec = fields.boolean }
local SMOOTHING = { "label_smoothing", default = 0, codec = fields.number }
local AXIS = { "axis", default = -1, codec = fields.integer }
-- Keras 3 takes it but does not write it: here it is, unless it has its default, for a round trip has to be equal.
local LOST_AXIS = { "axis", default = -1, codec = fields.integer, when = function(_, value) return value ~= -1 end,
  tf2 = { when = false } }

--- Binary cross-entropy.
---@example mg.metrics.BinaryCrossentropy { from_logits = true }
define_of_loss("BinaryCrossentropy", { LOGITS, SMOOTHING })

--- Cross-entropy of one-hot labels.
---@example mg.metrics.CategoricalCrossentropy { from_logits = true }
define_of_loss("CategoricalCrossentropy", { LOGITS, SMOOTHING, AXIS })

--- Cross-entropy of class ids.
---@example mg.metrics.SparseCategoricalCrossentropy { from_logits = true }
define_of_loss("SparseCategoricalCrossentropy", { LOGITS, { "ignore_class", codec = fields.integer }, AXIS })

--- Mean cosine of the angle between target and prediction along `axis`.
---@example mg.metrics.CosineSimilarity { axis = 1 }
define("CosineSimilarity", "cosine_similarity", function(self, y_true, y_pred)
  return ops.neg(values_of(self, "CosineSimilarity", y_true, y_pred))
end, { LOST_AXIS })

local function squared_error(_, y_true, y_pred)
  y_true, y_pred = reduction.same_rank(y_true, y_pred)
  return ops.square(ops.sub(y_pred, ops.cast(y_true, y_pred.dtype)))
end

--- Square root of the mean of the squared error. As in Keras, the mask of y_pred does not count here; sample weights do.
---@example mg.metrics.RootMeanSquaredError()
local Root = define("RootMeanSquaredError", "root_mean_squared_error", squared_error)

function Root:update_state(y_true, y_pred, sample_weight)
  y_pred, y_true = reduction.tensors(self.name, y_true, y_pred)
  Mean.update_state(self, self:compute(y_true, y_pred), sample_weight)
end

--- The root of the mean so far.
---@return number
function Root:result() return math.sqrt(Mean.result(self)) end

local function dim_of(self) return self.axis < 0 and self.axis or self.axis + 1 end

-- Both without their means along the axis, and those means.
local function centred(self, y_true, y_pred)
  y_true, y_pred = reduction.same_rank(y_true, y_pred)
  y_true = ops.cast(y_true, y_pred.dtype)
  local dims = { dim_of(self) }
  local a, b = ops.mean(y_true, dims, true), ops.mean(y_pred, dims, true)
  return ops.sub(y_true, a), ops.sub(y_pred, b), a, b
end

--- Pearson's correlation of target and prediction along `axis`.
---@example mg.metrics.PearsonCorrelation()
define("PearsonCorrelation", "pearson_correlation", function(self, y_true, y_pred)
  local a, b = centred(self, y_true, y_pred)
  local dim = dim_of(self)
  local spread = ops.sqrt(ops.mul(ops.mean(ops.square(a), dim), ops.mean(ops.square(b), dim)))
  return ops.div(ops.mean(ops.mul(a, b), dim), spread)
end, { AXIS })

--- Lin's concordance of target and prediction along `axis`: correlation that different means and scales lower.
---@example mg.metrics.ConcordanceCorrelation()
define("ConcordanceCorrelation", "concordance_correlation", function(self, y_true, y_pred)
  local a, b, mean_a, mean_b = centred(self, y_true, y_pred)
  local dims = { dim_of(self) }
  local spread = ops.add(ops.add(ops.mean(ops.square(a), dims, true), ops.mean(ops.square(b), dims, true)),
    ops.square(ops.sub(mean_a, mean_b)))
  return ops.mean(ops.div(ops.mul(ops.mul(a, b), 2), ops.add(spread, 1e-7)), dim_of(self))
end, { AXIS })

return regression
