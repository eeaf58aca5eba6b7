-- Adamax. Formula: m += (1 - beta_1)(g - m); u = max(beta_2 u, |g|); w -= lr m / ((1 - beta_1^t)(u + epsilon)).
-- Source: keras/src/optimizers/adamax.py.
local fields = require "moongate.fields"
local Optimizer = require "moongate.optimizers.optimizer"

--- Adam with the largest recent gradient instead of the second moment.
---@param options? table learning_rate = 0.001, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7, clipnorm, ...
---@return Optimizer
---@example mg.optimizers.Adamax { learning_rate = 2e-3 }
return Optimizer.define("Adamax", {
  kind = "adamax", name = "adamax", learning_rate = 0.001,
  options = {
    { "beta_1", default = 0.9, codec = fields.float }, { "beta_2", default = 0.999, codec = fields.float },
    { "epsilon", default = 1e-7, codec = fields.float },
  },
  slots = function() return { { "momentum", "norm" } } end,
  state = function(slots) return { slots.momentum, slots.norm } end,
})
