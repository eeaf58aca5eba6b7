-- LAMB (You et al. 2020). Formula: r = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon); w -= lr |w| / |r| r, the norms of
-- each variable, 1 where one of them is 0. Source: keras/src/optimizers/lamb.py.
local fields = require "moongate.fields"
local ops = require "moongate.ops"
local Optimizer = require "moongate.optimizers.optimizer"

local function norm(x) return math.sqrt(ops.optimizer_squares(x)) end

--- Adam whose step is as large, in each variable, as the variable itself times the rate: for large batches.
---@param options? table learning_rate = 0.001, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7, clipnorm, ...
---@return Optimizer
---@example mg.optimizers.Lamb { learning_rate = 2e-3, weight_decay = 0.01 }
return Optimizer.define("Lamb", {
  name = "lamb", learning_rate = 0.001, each = true,
  options = {
    { "beta_1", default = 0.9, codec = fields.float }, { "beta_2", default = 0.999, codec = fields.float },
    { "epsilon", default = 1e-7, codec = fields.float },
  },
  slots = function() return { { "momentum", "velocity" } } end,
  update = function(self, target, rate, step)
    local m, v, g = target.slots.momentum, target.slots.velocity, target.gradient
    m:add_(ops.mul(ops.sub(g, m), 1 - self.beta_1))
    v:add_(ops.mul(ops.sub(ops.square(g), v), 1 - self.beta_2))
    local root = ops.add(ops.sqrt(ops.div(v, 1 - self.beta_2 ^ step)), self.epsilon)
    local change = ops.div(ops.div(m, 1 - self.beta_1 ^ step), root)
    local size, length = norm(target.parameter), norm(change)
    local ratio = size > 0 and length > 0 and size / length or 1
    target.parameter:sub_(ops.mul(change, ratio * rate))
  end,
})
