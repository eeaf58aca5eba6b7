-- Adadelta. Formula: a = rho a + (1 - rho) g^2; d = sqrt(u + epsilon) / sqrt(a + epsilon) g; u = rho u + (1 - rho) d^2; w -= lr d.
-- Source: keras/src/optimizers/adadelta.py.
local fields = require "moongate.fields"
local ops = require "moongate.ops"
local Optimizer = require "moongate.optimizers.optimizer"

local function root(x, epsilon) return ops.sqrt(ops.add(x, epsilon)) end

--- Steps in the units of the weights: running squares of the updates over running squares of the gradients.
---@param options? table learning_rate = 0.001, rho = 0.95, epsilon = 1e-7, clipnorm, ...
---@return Optimizer
---@example mg.optimizers.Adadelta { learning_rate = 1 }
return Optimizer.define("Adadelta", {
  name = "adadelta", learning_rate = 0.001,
  options = { { "rho", default = 0.95, codec = fields.float }, { "epsilon", default = 1e-7, codec = fields.float } },
  slots = function() return { { "accumulated_grad", "accumulated_delta_var" } } end,
  update = function(self, target, rate)
    local rho, squares, updates = self.rho, target.slots.accumulated_grad, target.slots.accumulated_delta_var
    squares:mul_(rho):add_(ops.mul(ops.square(target.gradient), 1 - rho))
    local delta = ops.div(ops.mul(root(updates, self.epsilon), target.gradient), root(squares, self.epsilon))
    updates:mul_(rho):add_(ops.mul(ops.square(delta), 1 - rho))
    target.parameter:sub_(ops.mul(delta, rate))
  end,
})
