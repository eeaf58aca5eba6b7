-- Adafactor (Shazeer and Stern 2018): the second moment of a matrix from the means r of its rows and c of its columns.
-- Formula with rho = min(lr, 1 / sqrt(t)), alpha = max(epsilon_2, rms(w)) rho, b = 1 - t^beta_2_decay, s = g^2 + epsilon_1:
-- r = b r + (1 - b) mean_columns(s), c likewise over rows, v = r / mean(r) c (vectors: v = b v + (1 - b) s);
-- u = g / sqrt(v); w -= alpha u / max(1, rms(u) / clip_threshold). Source: keras/src/optimizers/adafactor.py.
local fields = require "moongate.fields"
local ops = require "moongate.ops"
local Optimizer = require "moongate.optimizers.optimizer"

-- The shape of a variable without dimension `gone` counted from the end; vectors and scalars have a whole number that stays 0.
local function without(gone)
  return function(variable)
    local shape, n = {}, #variable.shape
    if n < 2 then return shape, "int32" end
    for i, size in ipairs(variable.shape) do
      if i ~= n + 1 - gone then shape[#shape + 1] = size end
    end
    return shape
  end
end

local function own_name(variable) return variable.name end

local SLOTS = { {
  { "r", shape = without(1), title = own_name }, { "c", shape = without(2), title = own_name }, "velocity",
} }

local function rms(x) return math.sqrt(ops.optimizer_squares(x) / x.count) end

-- m = b m + (1 - b) x
local function blend(m, b, x) m:mul_(b):add_(ops.mul(x, 1 - b)) end

local function second_moment(target, squares, b)
  local r, c, v = target.slots.r, target.slots.c, target.slots.velocity
  if #target.variable.shape < 2 then return blend(v, b, squares) end
  blend(r, b, ops.mean(squares, -1))
  blend(c, b, ops.mean(squares, -2))
  v:copy_(ops.mul(ops.expand_dims(ops.div(r, ops.mean(r, { -1 }, true)), -1), ops.expand_dims(c, -2)))
end

--- Adam's scaling with the memory of rows and columns only; steps are relative to the size of the weights.
---@param options? table learning_rate = 0.001, beta_2_decay = -0.8, epsilon_1 = 1e-30, epsilon_2 = 1e-3, clip_threshold = 1, ...
---@return Optimizer
---@example mg.optimizers.Adafactor { learning_rate = 0.01 }
return Optimizer.define("Adafactor", {
  name = "adafactor", learning_rate = 0.001, each = true,
  options = {
    { "beta_2_decay", default = -0.8, codec = fields.float }, { "epsilon_1", default = 1e-30, codec = fields.float },
    { "epsilon_2", default = 1e-3, codec = fields.float }, { "clip_threshold", default = 1, codec = fields.float },
    { "relative_step", default = true, codec = fields.boolean },
  },
  slots = function() return SLOTS end,
  update = function(self, target, rate, step)
    local alpha = math.max(self.epsilon_2, rms(target.parameter)) * math.min(rate, 1 / math.sqrt(step))
    second_moment(target, ops.add(ops.square(target.gradient), self.epsilon_1), 1 - step ^ self.beta_2_decay)
    local change = ops.div(target.gradient, ops.sqrt(target.slots.velocity))
    target.parameter:sub_(ops.mul(change, alpha / math.max(1, rms(change) / self.clip_threshold)))
  end,
})
