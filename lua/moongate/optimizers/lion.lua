-- Lion (Chen et al. 2023). Formula: w -= lr sign(beta_1 m + (1 - beta_1) g); m = beta_2 m + (1 - beta_2) g.
-- Source: keras/src/optimizers/lion.py.
local check = require "moongate.check"
local fields = require "moongate.fields"
local Optimizer = require "moongate.optimizers.optimizer"

--- Steps of one size: the sign of a momentum.
---@param options? table learning_rate = 0.001, beta_1 = 0.9, beta_2 = 0.99, weight_decay, clipnorm, ...
---@return Optimizer
---@example mg.optimizers.Lion { learning_rate = 1e-4, weight_decay = 0.01 }
return Optimizer.define("Lion", {
  kind = "lion", name = "lion", learning_rate = 0.001, tf2 = { learning_rate = 1e-4 },
  options = { { "beta_1", default = 0.9, codec = fields.float }, { "beta_2", default = 0.99, codec = fields.float } },
  check = function(self)
    if self.beta_1 <= 0 or self.beta_1 > 1 then
      check.fail("Lion: argument beta_1 is %g, expected a number above 0, at most 1", self.beta_1)
    end
  end,
  slots = function() return { { "momentum" } } end,
  state = function(slots) return { slots.momentum } end,
})
