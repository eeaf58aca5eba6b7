-- Adagrad. Formula: a += g^2; w -= lr g / sqrt(a + epsilon). Source: keras/src/optimizers/adagrad.py.
local fields = require "moongate.fields"
local Optimizer = require "moongate.optimizers.optimizer"

--- Gradients divided by the root of the sum of all their squares so far.
---@param options? table learning_rate = 0.001, initial_accumulator_value = 0.1, epsilon = 1e-7, clipnorm, ...
---@return Optimizer
---@example mg.optimizers.Adagrad { learning_rate = 0.01 }
return Optimizer.define("Adagrad", {
  kind = "adagrad", name = "adagrad", learning_rate = 0.001,
  options = {
    { "initial_accumulator_value", default = 0.1, codec = fields.float }, { "epsilon", default = 1e-7, codec = fields.float },
  },
  slots = function(self) return { { { "accumulator", value = self.initial_accumulator_value } } } end,
  state = function(slots) return { slots.accumulator } end,
})
