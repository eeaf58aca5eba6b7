-- FTRL-Proximal (McMahan et al. 2013). Formula with p = -learning_rate_power, l2' = l2 + beta / (2 lr), g' = g + 2 shrinkage w:
-- a' = a + g^2; z += g' - (a'^p - a^p) / lr w; w = (clip(z, -l1, l1) - z) / (a'^p / lr + 2 l2').
-- Source: keras/src/optimizers/ftrl.py.
local check = require "moongate.check"
local fields = require "moongate.fields"
local ops = require "moongate.ops"
local Optimizer = require "moongate.optimizers.optimizer"

local STRENGTHS = { "initial_accumulator_value", "l1_regularization_strength", "l2_regularization_strength",
  "l2_shrinkage_regularization_strength" }

local function check_strengths(self)
  for _, name in ipairs(STRENGTHS) do check.number("Ftrl", name, self[name], 0) end
  check.number("Ftrl", "learning_rate_power", self.learning_rate_power, nil, 0)
end

--- Follow the regularized leader: weights that a gradient does not call for stay at exactly 0 with l1.
---@param options? table learning_rate = 0.001, learning_rate_power = -0.5, l1_regularization_strength = 0, ...
---@return Optimizer
---@example mg.optimizers.Ftrl { learning_rate = 0.1, l1_regularization_strength = 0.01 }
return Optimizer.define("Ftrl", {
  name = "ftrl", learning_rate = 0.001,
  options = {
    { "learning_rate_power", default = -0.5, codec = fields.float },
    { "initial_accumulator_value", default = 0.1, codec = fields.float },
    { "l1_regularization_strength", default = 0, codec = fields.float },
    { "l2_regularization_strength", default = 0, codec = fields.float },
    { "l2_shrinkage_regularization_strength", default = 0, codec = fields.float }, { "beta", default = 0, codec = fields.float },
  },
  check = check_strengths,
  slots = function(self) return { { { "accumulator", value = self.initial_accumulator_value }, "linear" } } end,
  update = function(self, target, rate)
    local sum, linear, w, g = target.slots.accumulator, target.slots.linear, target.parameter, target.gradient
    local power, l1 = -self.learning_rate_power, self.l1_regularization_strength
    local l2 = self.l2_regularization_strength + self.beta / (2 * rate)
    local before = ops.pow(sum, power)
    sum:add_(ops.square(g))
    local after = ops.pow(sum, power)
    linear:add_(g):add_(ops.mul(w, 2 * self.l2_shrinkage_regularization_strength))
    linear:sub_(ops.mul(ops.div(ops.sub(after, before), rate), w))
    w:copy_(ops.div(ops.sub(ops.clip(linear, -l1, l1), linear), ops.add(ops.div(after, rate), 2 * l2)))
  end,
})
