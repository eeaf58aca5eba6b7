-- Running means over batches, with sample weights and masks: what all metrics are made of. Totals are doubles in Lua.
local create = require "moongate.tensor_create"
local check = require "moongate.check"
local class = require "moongate.class"
local metric = require "moongate.metrics.metric"
local ops = require "moongate.ops"
local reduction = require "moongate.losses.reduction"
local tensor = require "moongate.tensor"

local means = {}

--- A class of metrics with the fields name, dtype and `extra`; its objects start at zero.
function means.class(name, default_name, extra, parent)
  return metric.define(name, default_name, metric.fields(default_name, extra), parent)
end

--- The weighted mean of all values given since the last reset.
---@param options? table { name = "mean" }
---@example local m = mg.metrics.Mean(); m:update_state(mg.tensor { 1, 3 }); print(m:result())
local Mean = means.class("Mean", "mean")
means.Mean = Mean

--- Forgets everything seen.
function Mean:reset_state() self.total, self.count = 0, 0 end

local function mean_from(values, first)
  local dims = {}
  for d = first, #values.shape do dims[#dims + 1] = d end
  return #dims > 0 and ops.mean(values, dims) or values
end

-- One value (and weight) per sample: axes that the weights lack are averaged first, then all but the batch axis.
local function samplewise(values, weight)
  if weight then
    values, weight = reduction.same_rank(values, weight)
    values = mean_from(values, #weight.shape + 1)
    weight = ops.broadcast_to(weight, values.shape)
    values = ops.where(ops.ne(weight, 0), ops.mul(values, weight), 0)
    weight = mean_from(weight, 2)
  end
  return mean_from(values, 2), weight
end

--- Adds values, a tensor or a number, each (or each sample) with its weight.
---@param values Tensor|number (B, ...)
---@param sample_weight Tensor|number|nil
function Mean:update_state(values, sample_weight)
  if type(values) == "number" then
    local weight = sample_weight or 1
    self.total, self.count = self.total + values * weight, self.count + weight
    return
  end
  if values.dtype ~= "float32" and values.dtype ~= "float64" then values = ops.cast(values, "float32") end
  local weight = sample_weight and ops.cast(create.as_tensor(sample_weight, values.dtype), values.dtype)
  values, weight = samplewise(values, weight)
  self.total = self.total + ops.sum(values):item()
  self.count = self.count + (weight and ops.sum(weight):item() or values.shape[1] or 1)
end

--- The mean so far; 0 before anything was seen.
---@return number
function Mean:result() return self.count == 0 and 0 or self.total / self.count end

--- The weighted sum of all values given since the last reset.
---@example local m = mg.metrics.Sum()
local Sum = means.class("Sum", "sum", nil, Mean)
means.Sum = Sum

--- Adds values, a tensor or a number, each (or each sample) times its weight.
---@param values Tensor|number (B, ...)
---@param sample_weight Tensor|number|nil
function Sum:update_state(values, sample_weight)
  if type(values) == "number" then
    self.total = self.total + values * (sample_weight or 1)
    return
  end
  local weight = sample_weight and ops.cast(create.as_tensor(sample_weight, values.dtype), values.dtype)
  self.total = self.total + ops.sum((samplewise(values, weight))):item()
end

--- The sum so far.
---@return number
function Sum:result() return self.total end

--- A metric of (y_true, y_pred): a function of both gives one value per entry, their mean is the metric.
---@example mg.metrics.MeanMetricWrapper(function(y_true, y_pred) return (y_true - y_pred):abs() end, "error")
local Wrapper = class("MeanMetricWrapper", Mean)
function Wrapper:__call(...) return self:call(...) end
means.MeanMetricWrapper = Wrapper

function Wrapper:init(fn, name)
  self.name, self.fn = name or "metric", check.type("MeanMetricWrapper", "fn", fn, "function")
  self.compute = function(_, ...) return fn(...) end
  self:reset_state()
end

-- Weights, or nil, times a mask, or nil.
local function masked(weight, mask, dtype)
  if not mask then return weight end
  mask = ops.cast(mask, dtype)
  if not weight then return mask end
  mask, weight = reduction.same_rank(mask, ops.cast(weight, dtype))
  return ops.mul(mask, weight)
end

--- Adds a batch. The mask that rides on y_pred multiplies the weights.
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param sample_weight Tensor|nil
function Wrapper:update_state(y_true, y_pred, sample_weight)
  y_pred, y_true = reduction.tensors(self.name, y_true, y_pred)
  local values = self:compute(y_true, y_pred)
  if type(values) ~= "number" and not tensor.is(values) then
    check.fail("%s: the metric function returned %s, expected a tensor or a number", self.name, check.describe(values))
  end
  local weight = sample_weight and create.as_tensor(sample_weight, y_pred.dtype)
  weight = masked(weight, y_pred.keras_mask, y_pred.dtype)
  -- what the values themselves leave out counts only beside other weights, as in Keras
  local own = weight and tensor.is(values) and values.keras_mask
  if own then weight = masked(weight, own, y_pred.dtype) end
  Mean.update_state(self, values, weight)
end

return means
