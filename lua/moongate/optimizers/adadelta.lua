-- Adadelta. Formula: a = rho a + (1 - rho) g^2; d = sqrt(u + epsilon) / sqrt(a + epsilon) g; u = rho u + (1 - rho) d^2; w -= lr d.
-- Source: keras/src/optimizers/adadelta.py.
local fields = require "moongate.fields"
local Optimizer = require "moongate.optimizers.optimizer"

--- Steps in the units of the weights: running squares of the updates over running squares of the gradients.
---@param options? table learning_rate = 0.001, rho = 0.95, epsilon = 1e-7, clipnorm, ...
---@return Optimizer
---@example mg.optimizers.Adadelta { learning_rate = 1 }
return Optimizer.define("Adadelta", {
  kind = "adadelta", name = "adadelta", learning_rate = 0.001,
  options = { { "rho", default = 0.95, codec = fields.float }, { "epsilon", default = 1e-7, codec = fields.float } },
  slots = function() return { { "accumulated_grad", "accumulated_delta_var" } } end,
  state = function(slots) return { slots.accumulated_grad, slots.accumulated_delta_var } end,
})
