-- Nadam (Dozat 2016). u_t = beta_1 (1 - 0.96^t / 2); the product of all u is state. Formula: m, v as in Adam;
-- w -= lr (u_{t+1} m / (1 - product u_{t+1}) + (1 - u_t) g / (1 - product)) / (sqrt(v / (1 - beta_2^t)) + epsilon).
-- Source: keras/src/optimizers/nadam.py.
local create = require "moongate.tensor_create"
local fields = require "moongate.fields"
local Optimizer = require "moongate.optimizers.optimizer"
local tensor = require "moongate.tensor"
local Variable = require "moongate.variable"

local function schedule(self, step) return self.beta_1 * (1 - 0.5 * 0.96 ^ step) end

--- Adam with Nesterov's momentum.
---@param options? table learning_rate = 0.001, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7, clipnorm, ...
---@return Optimizer
---@example mg.optimizers.Nadam { learning_rate = 2e-3 }
return Optimizer.define("Nadam", {
  kind = "nadam", name = "nadam", learning_rate = 0.001,
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
  state = function(slots) return { slots.momentum, slots.velocity } end,
  rho = function(self) return self.product:item() end,
})
