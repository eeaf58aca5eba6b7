-- True and false positives and negatives at thresholds. Source: keras/src/metrics/metrics_utils.py.
local create = require "moongate.tensor_create"
local check = require "moongate.check"
local metric = require "moongate.metrics.metric"
local ops = require "moongate.ops"
local reduction = require "moongate.losses.reduction"
local shapes = require "moongate.shape"

local confusion = { NONE = -1e10 } -- below every prediction

--- Whether thresholds lie evenly from 0 to 1: then a prediction's place among them is computed, not looked for.
---@param thresholds number[]
---@return boolean
---@package
function confusion.is_even(thresholds)
  local n = #thresholds
  if n < 3 then return false end
  for i, t in ipairs(thresholds) do
    local even = (i - 1) / (n - 1)
    if math.abs(t - even) > 1e-7 + 1e-5 * even then return false end
  end
  return true
end

-- The k largest predictions of each row; the others become smaller than any threshold.
local function keep_top(y_pred, k)
  local _, ids = ops.top_k(y_pred, k)
  local kept = ops.sum(ops.one_hot(ids, y_pred.shape[#y_pred.shape], y_pred.dtype), -2)
  return ops.where(ops.ne(kept, 0), y_pred, confusion.NONE)
end

local function one_class(op, x, id)
  if #x.shape < 2 then check.fail("%s: class_id needs predictions (B, C), found %s", op, tostring(x.shape)) end
  return ops.slice(x, #x.shape, id + 1, id + 1)
end

-- Weights (B) of samples, or of the predictions' shape, broadcast to that shape.
local function weights_of(self, y_pred, sample_weight)
  local shape, weights = y_pred.shape, nil
  if sample_weight then
    weights = ops.cast(create.as_tensor(sample_weight, "float64"), "float64")
    if #shape > 1 and #weights.shape == #shape - 1 and #weights.shape > 0 then weights = ops.expand_dims(weights, -1) end
    if #weights.shape > #shape then weights = ops.squeeze(weights, -1) end
    weights = ops.broadcast_to(weights, shape)
  end
  local labels = not self.multi_label and self.label_weights
  if labels then
    labels = ops.broadcast_to(create.tensor(labels, { dtype = "float64" }), shape)
    weights = weights and ops.mul(weights, labels) or labels
  end
  return weights
end

-- Weights of the ones and of the zeros among the labels, and predictions, all (N, labels).
local function prepared(self, y_true, y_pred, sample_weight)
  y_pred, y_true = reduction.tensors(self.name, y_true, y_pred)
  y_pred = ops.cast(y_pred, self.dtype == "float64" and "float64" or "float32")
  if self.from_logits then y_pred = ops.sigmoid(y_pred) end
  y_pred, y_true = reduction.same_rank(y_pred, y_true)
  if self.top_k then y_pred = keep_top(y_pred, self.top_k) end
  if self.class_id then
    y_true, y_pred = one_class(self.name, y_true, self.class_id), one_class(self.name, y_pred, self.class_id)
  end
  if not shapes.equal(y_true.shape, y_pred.shape) then
    check.fail("%s: y_true %s does not fit y_pred %s, expected the same shape", self.name, shapes.text(y_true.shape),
      shapes.text(y_pred.shape))
  end
  local weights = weights_of(self, y_pred, sample_weight)
  local labels = self.multi_label and y_pred.shape[2] or 1
  local shape = { y_pred.count / labels, labels }
  local ones = ops.cast(ops.ne(y_true, 0), "float64")
  local zeros = ops.sub(1, ones)
  if weights then ones, zeros = ops.mul(ones, weights), ops.mul(zeros, weights) end
  return ops.reshape(ones, shape), ops.reshape(zeros, shape), ops.reshape(y_pred, shape)
end

-- How many thresholds each prediction is above, (N, labels), computed from its value.
local function places(self, y_pred)
  local n = #self.thresholds
  y_pred = ops.where(ops.is_nan(y_pred), 0, y_pred)
  local place = ops.ceil(ops.mul(ops.clip(y_pred, 0, 1), n - 1))
  if self.thresholds[1] < 0 or self.thresholds[n] > 1 then place = ops.maximum(place, 1) end
  return ops.cast(place, "int32")
end

-- Sums of weights of predictions above each threshold, (thresholds * labels).
local function above_evenly(self, place, weights)
  local n, labels = #self.thresholds, weights.shape[2]
  local ids = ops.add(ops.mul(place, labels), ops.cast(create.arange(0, labels), "int32"))
  local zeros = create.zeros({ (n + 1) * labels, 1 }, { dtype = "float64" })
  local sums = ops.scatter_add(zeros, ops.reshape(ids, { ids.count }), ops.reshape(weights, { weights.count, 1 })):to_flat_table()
  local above = {}
  for label = 1, labels do
    local running = 0
    for t = n, 1, -1 do
      running = running + sums[t * labels + label]
      above[(t - 1) * labels + label] = running
    end
  end
  return above
end

local function above_each(self, y_pred, ones, zeros)
  local tp, fp = {}, {}
  for _, threshold in ipairs(self.thresholds) do
    local positive = ops.cast(ops.gt(y_pred, threshold), "float64")
    for _, v in ipairs(ops.sum(ops.mul(ones, positive), 1):to_flat_table()) do tp[#tp + 1] = v end
    for _, v in ipairs(ops.sum(ops.mul(zeros, positive), 1):to_flat_table()) do fp[#fp + 1] = v end
  end
  return tp, fp
end

--- Adds a batch to self.tp, fp, tn and fn, lists of one total per threshold (and label, with `multi_label`: labels innermost). self
--- has thresholds, even, and may have top_k, class_id, from_logits, multi_label, label_weights.
---@package
function confusion.update(self, y_true, y_pred, sample_weight)
  local ones, zeros, predictions = prepared(self, y_true, y_pred, sample_weight)
  local labels = ones.shape[2]
  local tp, fp
  if self.even then
    local place = places(self, predictions)
    tp, fp = above_evenly(self, place, ones), above_evenly(self, place, zeros)
  else
    tp, fp = above_each(self, predictions, ones, zeros)
  end
  local all_ones, all_zeros, tn, fn = ops.sum(ones, 1):to_flat_table(), ops.sum(zeros, 1):to_flat_table(), {}, {}
  for i = 1, #tp do
    local label = (i - 1) % labels + 1
    fn[i], tn[i] = all_ones[label] - tp[i], all_zeros[label] - fp[i]
  end
  self.labels = labels
  metric.add(self.tp, tp)
  metric.add(self.fp, fp)
  metric.add(self.tn, tn)
  metric.add(self.fn, fn)
end

--- Totals at zero.
---@package
function confusion.reset(self)
  self.tp, self.fp, self.tn, self.fn = {}, {}, {}, {}
  for i = 1, #self.thresholds * (self.labels or 1) do self.tp[i], self.fp[i], self.tn[i], self.fn[i] = 0, 0, 0, 0 end
end

--- n thresholds from 0 to 1, 0.5 for one.
---@return number[]
---@package
function confusion.spread(n)
  if n == 1 then return { 0.5 } end
  local list = {}
  for i = 1, n do list[i] = (i - 1) / (n - 1) end
  return list
end

return confusion
