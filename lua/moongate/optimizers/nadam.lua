-- Nadam (Dozat 2016). u_t = beta_1 (1 - 0.96^t / 2); the product of all u is state. Formula: m, v as in Adam;
-- w -= lr (u_{t+1} m / (1 - product u_{t+1}) + (1 - u_t) g / (1 - product)) / (sqrt(v / (1 - beta_2^t)) + epsilon).
-- Source: keras/src/optimizers/nadam.py.
local create = require "moongate.tensor_create"
local fields = require "moongate.fields"
local ops = require "moongate.ops"
local Optimizer = require "moongate.optimizers.optimizer"
local tensor = require "moongate.tensor"
local Variable = require "moongate.variable"

local function schedule(self, step) return self.beta_1 * (1 - 0.5 * 0.96 ^ step) end

--- Adam with Nesterov's momentum.
---@param options? table learning_rate = 0.001, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7, clipnorm, ...
---@return Optimizer
---@example mg.optimizers.Nadam { learning_rate = 2e-3 }
return Optimizer.define("Nadam", {
  name = "nadam", learning_rate = 0.001,
  options = {
    { "beta_1", default = 0.9, codec = fields.float }, { "beta_2", default = 0.999, codec = fields.float },
    { "epsilon", default = 1e-7, codec = fields.float },
  },
  slots = function() return { { "momentum", "velocity" } } end,
  extra = function(self, variables)
    local dtype = variables[1] and variables[1].dtype or tensor.floatx
    self.product = Variable(create.ones({}, { dtype = dtype }), { name = "variable", trainable = false })
    return { self.product }
  end,
  before = function(self, step) self.product:mul_(schedule(self, step)) end,
  update = function(self, target, rate, step)
    local m, v, g, product = target.slots.momentum, target.slots.velocity, target.gradient, self.product:item()
    local u, next_u = schedule(self, step), schedule(self, step + 1)
    m:add_(ops.mul(ops.sub(g, m), 1 - self.beta_1))
    v:add_(ops.mul(ops.sub(ops.square(g), v), 1 - self.beta_2))
    local mean = ops.add(ops.mul(m, rate * next_u / (1 - product * next_u)), ops.mul(g, rate * (1 - u) / (1 - product)))
    target.parameter:sub_(ops.div(mean, ops.add(ops.sqrt(ops.div(v, 1 - self.beta_2 ^ step)), self.epsilon)))
  end,
})
