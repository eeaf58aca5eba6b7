-- Stochastic gradient descent. Formula: v = momentum v - lr g; w += v, or with nesterov w += momentum v - lr g.
local fields = require "moongate.fields"
local Optimizer = require "moongate.optimizers.optimizer"

--- Gradient descent, with momentum and Nesterov's form of it.
---@param options? table learning_rate = 0.01, momentum = 0, nesterov = false, clipnorm, ...
---@return Optimizer
---@example mg.optimizers.SGD { learning_rate = 0.1, momentum = 0.9 }
return Optimizer.define("SGD", {
  kind = "sgd", name = "sgd", learning_rate = 0.01,
  options = { { "momentum", default = 0, codec = fields.float }, { "nesterov", default = false, codec = fields.boolean } },
  slots = function(self) return self.momentum ~= 0 and { { "momentum" } } or {} end,
  state = function(slots) return { slots.momentum } end,
})
