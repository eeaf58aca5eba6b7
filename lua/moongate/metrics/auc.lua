-- The area under a curve of decisions at many thresholds. Source: keras/src/metrics/confusion_metrics.py.
local check = require "moongate.check"
local confusion = require "moongate.metrics.confusion"
local fields = require "moongate.fields"
local metric = require "moongate.metrics.metric"

local share = metric.share

-- Keras takes a few spellings and writes one.
local function spelled(words)
  local choice = fields.choice(unpack(words))
  return { plain = true, decode = function(value, where)
    for _, word in ipairs(words) do
      if type(value) == "string" and (value == word:lower() or value == word:gsub("^%l", string.upper)) then value = word end
    end
    return choice.decode(value, where)
  end }
end

--- Area under the ROC curve (or precision over recall, "PR", or their gains, "PRGAIN"), from decisions at many thresholds.
---@param options? table num_thresholds = 200, curve = "ROC", summation_method = "interpolation", thresholds, multi_label, ...
---@example mg.metrics.AUC { curve = "PR", num_thresholds = 100 }
local AUC = metric.define("AUC", nil, metric.fields(nil, {
  { "num_thresholds", default = 200, codec = fields.count },
  { "curve", default = "ROC", codec = spelled { "ROC", "PR", "PRGAIN" } },
  { "summation_method", default = "interpolation", codec = spelled { "interpolation", "minoring", "majoring" } },
  { "multi_label", default = false, codec = fields.boolean }, { "num_labels", codec = fields.positive_integer },
  { "label_weights", codec = metric.NUMBERS }, { "from_logits", default = false, codec = fields.boolean },
  { "thresholds", codec = metric.NUMBERS, when_set = true },
}))

local function thresholds_of(self)
  local list, given = {}, self.thresholds
  if given then
    for i = 1, #given do list[i] = check.number("AUC", ("thresholds[%d]"):format(i), given[i], 0, 1) end
    table.sort(list)
    table.insert(list, 1, 0)
    list[#list + 1] = 1
  else
    if self.num_thresholds < 2 then check.fail("AUC: argument num_thresholds is 1, expected 2 or more") end
    list = confusion.spread(self.num_thresholds)
  end
  local even = given == nil or confusion.is_even(list)
  list[1], list[#list] = -1e-7, 1 + 1e-7
  return list, even
end

function AUC:start()
  if self.num_labels and not self.multi_label then
    check.fail("AUC: argument num_labels is %d, and multi_label is false; likely fix: multi_label = true", self.num_labels)
  end
  local list, even = thresholds_of(self)
  if self.thresholds then self.num_thresholds = #list end
  self.counter = { name = self.name, dtype = self.dtype, thresholds = list, even = even, from_logits = self.from_logits,
    multi_label = self.multi_label, label_weights = self.label_weights, labels = self.num_labels }
end

--- Forgets everything seen.
function AUC:reset_state() confusion.reset(self.counter) end

--- Adds a batch of labels (0 or 1) and predictions 0..1 (B, ...), (B, labels) with multi_label.
---@param y_true Tensor
---@param y_pred Tensor
---@param sample_weight? Tensor (B) or the predictions' shape
function AUC:update_state(y_true, y_pred, sample_weight)
  if self.multi_label and #y_pred.shape ~= 2 then
    check.fail("AUC: y_pred %s, expected (B, labels) with multi_label", tostring(y_pred.shape))
  end
  confusion.update(self.counter, y_true, y_pred, sample_weight)
end

-- The curve's point at one threshold (and label).
local points = {}

function points.ROC(c, i) return share(c.fp[i], c.fp[i] + c.tn[i]), share(c.tp[i], c.tp[i] + c.fn[i]) end
function points.PR(c, i) return share(c.tp[i], c.tp[i] + c.fn[i]), share(c.tp[i], c.tp[i] + c.fp[i]) end

-- Flach and Kull 2015: gains over a constant decision.
function points.PRGAIN(c, i)
  if c.tp[i] == 0 then return 0, 1 end
  local scale = share(c.tp[i] + c.fn[i], c.tn[i] + c.fp[i])
  return math.max(1 - scale * c.fn[i] / c.tp[i], 0), 1 - scale * c.fp[i] / c.tp[i]
end

local heights = {
  interpolation = function(a, b) return (a + b) / 2 end, minoring = math.min, majoring = math.max,
}

local function area(self, label, labels)
  local c, sum = self.counter, 0
  local point, height = points[self.curve], heights[self.summation_method]
  local x, y = point(c, label)
  for t = 2, #c.thresholds do
    local next_x, next_y = point(c, (t - 1) * labels + label)
    sum = sum + (x - next_x) * height(y, next_y)
    x, y = next_x, next_y
  end
  return sum
end

-- Davis and Goadrich 2006: between two thresholds true positives grow in proportion to positives P; slope = dTP / dP, and the
-- integral of precision is slope (dTP + (TP_b - slope P_b) log(P_a / P_b)) / all ones.
local function precision_recall_area(self, label, labels)
  local c, sum = self.counter, 0
  for t = 1, #c.thresholds - 1 do
    local a, b = (t - 1) * labels + label, t * labels + label
    local p_a, p_b, dtp = c.tp[a] + c.fp[a], c.tp[b] + c.fp[b], c.tp[a] - c.tp[b]
    local slope = share(dtp, math.max(p_a - p_b, 0))
    local ratio = p_a > 0 and p_b > 0 and p_a / p_b or 1
    sum = sum + share(slope * (dtp + (c.tp[b] - slope * p_b) * math.log(ratio)), math.max(c.tp[b] + c.fn[b], 0))
  end
  return sum
end

--- The area so far; with multi_label the mean over the labels, weighted by label_weights.
---@return number
function AUC:result()
  local of_label = self.curve == "PR" and self.summation_method == "interpolation" and precision_recall_area or area
  if not self.multi_label then return of_label(self, 1, 1) end
  local labels, sum, total = self.counter.labels or 1, 0, 0
  for label = 1, labels do
    local weight = self.label_weights and self.label_weights[label] or 1
    sum, total = sum + weight * of_label(self, label, labels), total + weight
  end
  return share(sum, total)
end

return AUC
