-- Metrics of right and wrong decisions at thresholds. Source: keras/src/metrics/confusion_metrics.py.
local check = require "moongate.check"
local confusion = require "moongate.metrics.confusion"
local fields = require "moongate.fields"
local metric = require "moongate.metrics.metric"

local counts = {}

-- One threshold or a list of them, in 0..1.
local thresholds = {
  decode = function(value, where)
    if type(value) == "number" then return check.number(where.op, where.name, value, 0, 1) end
    local list = metric.NUMBERS.decode(value, where)
    for i, t in ipairs(list or {}) do check.number(where.op, ("%s[%d]"):format(where.name, i), t, 0, 1) end
    return list
  end,
  encode = function(value) return type(value) == "number" and value or metric.NUMBERS.encode(value) end,
}

local THRESHOLDS = { "thresholds", codec = thresholds }
local CLASS_ID = { "class_id", codec = fields.integer }

-- The metric object carries what was given; what is counted at is in `at`.
local function counter(self)
  local given = self.thresholds
  local list = type(given) == "table" and given or { given or (self.top_k and confusion.NONE) or 0.5 }
  return { name = self.name, dtype = self.dtype, thresholds = list, even = confusion.is_even(list), top_k = self.top_k,
    class_id = self.class_id }
end

local function define(name, extra, result)
  local C = metric.define(name, nil, metric.fields(nil, extra))
  function C:start() self.counter = counter(self) end
  --- Forgets everything seen.
  function C:reset_state() confusion.reset(self.counter) end
  --- Adds a batch of labels (0 or 1) and predictions 0..1. A mask on y_pred does not count, as in Keras; sample_weight does.
  ---@param y_true Tensor (B, ...)
  ---@param y_pred Tensor (B, ...)
  ---@param sample_weight? Tensor (B) or the predictions' shape
  function C:update_state(y_true, y_pred, sample_weight) confusion.update(self.counter, y_true, y_pred, sample_weight) end
  --- The figure so far, one for each threshold.
  ---@return number|Tensor
  function C:result()
    local list = {}
    for i = 1, #self.counter.thresholds do list[i] = result(self.counter, i) end
    return metric.value(list)
  end
  counts[name] = C
end

--- How many ones were predicted: sum of weights.
---@example mg.metrics.TruePositives { thresholds = 0.7 }
define("TruePositives", { THRESHOLDS }, function(c, i) return c.tp[i] end)
--- How many zeros were predicted to be ones.
---@example mg.metrics.FalsePositives()
define("FalsePositives", { THRESHOLDS }, function(c, i) return c.fp[i] end)
--- How many zeros were predicted.
---@example mg.metrics.TrueNegatives()
define("TrueNegatives", { THRESHOLDS }, function(c, i) return c.tn[i] end)
--- How many ones were predicted to be zeros.
---@example mg.metrics.FalseNegatives()
define("FalseNegatives", { THRESHOLDS }, function(c, i) return c.fn[i] end)

local CHOICE = { THRESHOLDS, { "top_k", codec = fields.positive_integer }, CLASS_ID }

--- Share of ones among what was predicted to be one.
---@example mg.metrics.Precision { thresholds = { 0.3, 0.6 } }
define("Precision", CHOICE, function(c, i) return metric.share(c.tp[i], c.tp[i] + c.fp[i]) end)
--- Share of the ones that was predicted.
---@example mg.metrics.Recall { top_k = 2, class_id = 1 }
define("Recall", CHOICE, function(c, i) return metric.share(c.tp[i], c.tp[i] + c.fn[i]) end)

-- The best value of one figure where another is at least self[wanted].
local function define_best(name, wanted, constrained, dependent)
  local C = metric.define(name, nil, metric.fields(nil, { CLASS_ID,
    { "num_thresholds", default = 200, codec = fields.count }, { wanted, required = true, codec = fields.rate } }), nil,
    { wanted, "num_thresholds" })
  function C:start()
    local list = confusion.spread(self.num_thresholds)
    self.counter = { name = self.name, dtype = self.dtype, thresholds = list, even = #list > 1, class_id = self.class_id }
  end
  --- Forgets everything seen.
  function C:reset_state() confusion.reset(self.counter) end
  --- Adds a batch of labels (0 or 1) and predictions 0..1.
  ---@param y_true Tensor (B, ...)
  ---@param y_pred Tensor (B, ...)
  ---@param sample_weight? Tensor (B) or the predictions' shape
  function C:update_state(y_true, y_pred, sample_weight) confusion.update(self.counter, y_true, y_pred, sample_weight) end
  --- The best figure so far.
  ---@return number
  function C:result()
    local best, c = 0, self.counter
    for i = 1, #c.thresholds do
      if constrained(c, i) >= self[wanted] then best = math.max(best, dependent(c, i)) end
    end
    return best
  end
  counts[name] = C
end

local function sensitivity(c, i) return metric.share(c.tp[i], c.tp[i] + c.fn[i]) end
local function specificity(c, i) return metric.share(c.tn[i], c.tn[i] + c.fp[i]) end
local function precision(c, i) return metric.share(c.tp[i], c.tp[i] + c.fp[i]) end

--- The best share of ones found at thresholds where at least `specificity` of the zeros are.
---@example mg.metrics.SensitivityAtSpecificity { specificity = 0.5 }
define_best("SensitivityAtSpecificity", "specificity", specificity, sensitivity)
--- The best share of zeros found at thresholds where at least `sensitivity` of the ones are.
---@example mg.metrics.SpecificityAtSensitivity { sensitivity = 0.5 }
define_best("SpecificityAtSensitivity", "sensitivity", sensitivity, specificity)
--- The best precision at thresholds where recall is at least `recall`.
---@example mg.metrics.PrecisionAtRecall { recall = 0.5 }
define_best("PrecisionAtRecall", "recall", sensitivity, precision)
--- The best recall at thresholds where precision is at least `precision`.
---@example mg.metrics.RecallAtPrecision { precision = 0.8 }
define_best("RecallAtPrecision", "precision", precision, sensitivity)

return counts
