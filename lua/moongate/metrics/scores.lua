-- F scores, R2 and intersection over union. Sources: keras/src/metrics/{f_score_metrics,regression_metrics,iou_metrics}.py.
local create = require "moongate.tensor_create"
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local metric = require "moongate.metrics.metric"
local ops = require "moongate.ops"
local reduction = require "moongate.losses.reduction"

local scores = {}
local EPSILON = 1e-7 -- keras.config.epsilon()

local function matrix(op, x, name)
  if #x.shape ~= 2 then check.fail("%s: %s %s, expected (B, C)", op, name, tostring(x.shape)) end
  return ops.cast(x, "float64")
end

local function mean(list)
  local sum = 0
  for _, v in ipairs(list) do sum = sum + v end
  return sum / #list
end

-- F scores -------------------------------------------------------------------------------------------------------------------

local AVERAGE = { "average", codec = fields.choice("micro", "macro", "weighted") }
local THRESHOLD = { "threshold", codec = fields.number }

local FScore = class("FScore", metric.Metric)

function FScore:start()
  if self.threshold then check.number(self.name, "threshold", self.threshold, 0, 1) end
  if self.beta <= 0 then check.fail("%s: argument beta is %g, expected a number above 0", self.name, self.beta) end
end

--- Forgets everything seen.
function FScore:reset_state()
  for _, name in ipairs { "tp", "fp", "missed", "ones" } do self[name] = metric.zeros(self[name]) end
end

--- Adds a batch of labels (0 or 1) and predictions, both (B, C).
---@param y_true Tensor
---@param y_pred Tensor
---@param sample_weight? Tensor (B)
function FScore:update_state(y_true, y_pred, sample_weight)
  y_pred, y_true = reduction.tensors(self.name, y_true, y_pred)
  y_true, y_pred = matrix(self.name, y_true, "y_true"), matrix(self.name, y_pred, "y_pred")
  local chosen
  if self.threshold then
    chosen = ops.gt(y_pred, self.threshold)
  else
    chosen = ops.logical_and(ops.ge(y_pred, ops.max(y_pred, { -1 }, true)), ops.gt(ops.abs(y_pred), 1e-9))
  end
  chosen = ops.cast(chosen, "float64")
  local weight = sample_weight and ops.reshape(ops.cast(create.as_tensor(sample_weight, "float64"), "float64"), { -1, 1 })
  local function sum(values)
    if weight then values = ops.mul(values, weight) end
    return ops.sum(values, self.average ~= "micro" and 1 or nil)
  end
  metric.add(self.tp, sum(ops.mul(chosen, y_true)))
  metric.add(self.fp, sum(ops.mul(chosen, ops.sub(1, y_true))))
  metric.add(self.missed, sum(ops.mul(ops.sub(1, chosen), y_true)))
  metric.add(self.ones, sum(y_true))
end

--- The score so far: one for each class without `average`.
---@return number|Tensor
function FScore:result()
  local list, square, weighted, total = {}, (self.beta or 1) ^ 2, 0, EPSILON
  for i = 1, #self.tp do
    local precision = self.tp[i] / (self.tp[i] + self.fp[i] + EPSILON)
    local recall = self.tp[i] / (self.tp[i] + self.missed[i] + EPSILON)
    list[i] = precision * recall / (square * precision + recall + EPSILON) * (1 + square)
    weighted, total = weighted + list[i] * self.ones[i], total + self.ones[i]
  end
  if self.average == "weighted" then return weighted / total end
  return self.average and mean(list) or metric.value(list)
end

--- (1 + beta^2) precision recall / (beta^2 precision + recall) of each class, or their average ("micro", "macro", "weighted").
---@param options? table average = nil, beta = 1, threshold = nil (the largest prediction counts)
---@example mg.metrics.FBetaScore { beta = 2, average = "macro" }
scores.FBetaScore = metric.define("FBetaScore", "fbeta_score", metric.fields("fbeta_score",
  { AVERAGE, { "beta", default = 1, codec = fields.float }, THRESHOLD }), FScore)

--- The harmonic mean of precision and recall of each class, or its average.
---@param options? table average = nil, threshold = nil (the largest prediction counts)
---@example mg.metrics.F1Score { average = "macro" }
scores.F1Score = metric.define("F1Score", "f1_score", metric.fields("f1_score",
  { AVERAGE, { "beta", default = 1, codec = fields.float, hidden = true }, THRESHOLD }), FScore)

-- R2 -------------------------------------------------------------------------------------------------------------------------

--- 1 - squared errors / squared distances from the mean, averaged over outputs; num_regressors > 0 gives the adjusted score.
---@param options? table class_aggregation = "uniform_average", num_regressors = 0
---@example mg.metrics.R2Score { class_aggregation = "variance_weighted_average" }
local R2Score = metric.define("R2Score", "r2_score", metric.fields("r2_score", {
  { "class_aggregation", default = "uniform_average", nullable = true,
    codec = fields.choice("uniform_average", "variance_weighted_average") },
  { "num_regressors", default = 0, codec = fields.integer },
}))
scores.R2Score = R2Score

--- Forgets everything seen.
function R2Score:reset_state()
  for _, name in ipairs { "sums", "squares", "errors", "weights" } do self[name] = metric.zeros(self[name]) end
  self.samples = 0
end

--- Adds a batch, targets and predictions both (B, outputs).
---@param y_true Tensor
---@param y_pred Tensor
---@param sample_weight? Tensor (B) or (B, outputs)
function R2Score:update_state(y_true, y_pred, sample_weight)
  y_pred, y_true = reduction.tensors(self.name, y_true, y_pred)
  y_true, y_pred = reduction.same_rank(y_true, y_pred)
  y_true, y_pred = matrix(self.name, y_true, "y_true"), matrix(self.name, y_pred, "y_pred")
  local weight = ops.cast(create.as_tensor(sample_weight or 1, "float64"), "float64")
  if #weight.shape == 1 then weight = ops.expand_dims(weight, -1) end
  weight = ops.broadcast_to(weight, y_true.shape)
  local function add(totals, values) metric.add(totals, ops.sum(values, 1)) end
  add(self.sums, ops.mul(y_true, weight))
  add(self.squares, ops.mul(ops.square(y_true), weight))
  add(self.errors, ops.mul(ops.square(ops.sub(y_true, y_pred)), weight))
  add(self.weights, weight)
  self.samples = self.samples + y_true.count
end

-- With p regressors and n values seen: 1 - (1 - R2) (n - 1) / (n - p - 1), where that can be computed.
local function adjusted(self, score)
  local n, p = self.samples, self.num_regressors
  if p == 0 or p >= n - 1 then return score end
  return 1 - (1 - score) * (n - 1) / (n - p - 1)
end

--- The score so far; one for each output when class_aggregation is null.
---@return number|Tensor
function R2Score:result()
  local list, weighted, total = {}, 0, 0
  for i = 1, #self.sums do
    local spread = self.squares[i] - self.sums[i] * (self.sums[i] / self.weights[i])
    local score = 1 - self.errors[i] / spread
    if math.abs(score) == math.huge then score = 0 end
    list[i] = adjusted(self, score)
    weighted, total = weighted + spread * score, total + spread
  end
  if self.class_aggregation == "uniform_average" then return mean(list) end
  return self.class_aggregation and adjusted(self, weighted / total) or metric.value(list)
end

return scores
