-- The formulas of losses/init.lua that are made of tensor operations; see compose.loss. Source: keras/src/losses/losses.py.
local compose = require "moongate.losses.compose"
local ops = require "moongate.ops"

local composed = {}

local EPSILON = compose.EPSILON

-- The mean over the last axis; of a scalar itself.
local function mean(values) return ops.mean(values, #values.shape > 0 and -1 or nil) end
local function sum(values) return ops.sum(values, #values.shape > 0 and -1 or nil) end

-- 100 |y - p| / max(|y|, epsilon)
composed.mean_absolute_percentage_error = compose.loss(function(_, y_true, y_pred)
  local share = ops.abs(ops.div(ops.sub(y_true, y_pred), ops.maximum(ops.abs(y_true), EPSILON)))
  return ops.mul(mean(share), 100)
end)

-- (log(1 + p) - log(1 + y))^2
composed.mean_squared_logarithmic_error = compose.loss(function(_, y_true, y_pred)
  local function log(x) return ops.log(ops.add(ops.maximum(x, EPSILON), 1)) end
  return mean(ops.square(ops.sub(log(y_pred), log(y_true))))
end)

local SOFTPLUS = { kind = "softplus" }

-- log(cosh(x)) = x + softplus(-2 x) - log 2
composed.log_cosh = compose.loss(function(_, y_true, y_pred)
  local x = ops.sub(y_pred, y_true)
  return mean(ops.sub(ops.add(x, ops.activation(ops.mul(x, -2), SOFTPLUS)), math.log(2)))
end)

local function unit(x)
  return ops.mul(x, ops.rsqrt(ops.maximum(ops.sum(ops.square(x), #x.shape > 0 and -1 or nil, true), EPSILON ^ 2)))
end

composed.cosine_similarity = compose.loss(function(_, y_true, y_pred)
  return ops.neg(sum(ops.mul(unit(y_true), unit(y_pred))))
end)

-- y log(y / p)
composed.kl_divergence = compose.loss(function(_, y_true, y_pred)
  y_true, y_pred = ops.clip(y_true, EPSILON, 1), ops.clip(y_pred, EPSILON, 1)
  return sum(ops.mul(y_true, ops.log(ops.div(y_true, y_pred))))
end)

-- p - y log(p + epsilon)
composed.poisson = compose.loss(function(_, y_true, y_pred)
  return mean(ops.sub(y_pred, ops.mul(y_true, ops.log(ops.add(y_pred, EPSILON)))))
end)

-- Labels that are all 0 or 1 become -1 or 1.
local function signed(y_true)
  local others = ops.logical_and(ops.ne(y_true, 0), ops.ne(y_true, 1))
  if ops.max(others):item() ~= 0 then return y_true end
  return ops.sub(ops.mul(y_true, 2), 1)
end

local function margin(y_true, y_pred) return ops.maximum(ops.sub(1, ops.mul(y_true, y_pred)), 0) end

composed.hinge = compose.loss(function(_, y_true, y_pred)
  return mean(margin(y_true, y_pred))
end, { prepare = signed })

composed.squared_hinge = compose.loss(function(_, y_true, y_pred)
  return mean(ops.square(margin(y_true, y_pred)))
end, { prepare = signed })

-- max(0, 1 + max((1 - y) p) - sum(y p))
composed.categorical_hinge = compose.loss(function(_, y_true, y_pred)
  local others = ops.mul(ops.sub(1, y_true), y_pred)
  local most = ops.max(others, #others.shape > 0 and -1 or nil)
  return ops.maximum(ops.add(ops.sub(most, sum(ops.mul(y_true, y_pred))), 1), 0)
end)

-- (1 - p_t)^gamma times the binary cross-entropy, p_t the probability given to the true class; with class balancing times alpha for
-- ones and 1 - alpha for zeros. Lin et al. 2017.
composed.binary_focal_crossentropy = compose.loss(function(self, y_true, y_pred)
  y_true = compose.smooth(y_true, self.label_smoothing, 2)
  if self.from_logits then y_pred = ops.sigmoid(y_pred) end
  local p, zeros = ops.clip(y_pred, EPSILON, 1 - EPSILON), ops.sub(1, y_true)
  local entropy = ops.neg(ops.add(ops.mul(y_true, ops.log(p)), ops.mul(zeros, ops.log(ops.sub(1, p)))))
  local p_t = ops.add(ops.mul(y_true, y_pred), ops.mul(zeros, ops.sub(1, y_pred)))
  local values = ops.mul(ops.pow(ops.sub(1, p_t), self.gamma), entropy)
  if self.apply_class_balancing then
    values = ops.mul(ops.add(ops.mul(y_true, self.alpha), ops.mul(zeros, 1 - self.alpha)), values)
  end
  return mean(values)
end, { exact = true })

-- alpha (1 - p)^gamma times the categorical cross-entropy.
composed.categorical_focal_crossentropy = compose.loss(function(self, y_true, y_pred)
  y_true = compose.smooth(y_true, self.label_smoothing, y_true.shape[#y_true.shape])
  if self.from_logits then y_pred = ops.softmax(y_pred, -1) end
  local p = ops.clip(ops.div(y_pred, ops.sum(y_pred, -1, true)), EPSILON, 1 - EPSILON)
  local factor = ops.mul(ops.pow(ops.sub(1, p), self.gamma), self.alpha)
  return ops.neg(sum(ops.mul(factor, ops.mul(y_true, ops.log(p)))))
end, { exact = true })

-- (1 - p^q) / q, p the probability of the class id. Zhang and Sabuncu 2018.
function composed.generalized(self, y_true, y_pred, rows, weights)
  y_pred = compose.shield(y_pred, weights)
  local hit = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[#y_pred.shape], y_pred.dtype)
  local p = sum(ops.mul(y_pred, ops.reshape(hit, y_pred.shape)))
  return compose.weigh(ops.div(ops.sub(1, ops.pow(p, self.q)), self.q), rows, weights)
end

return composed
