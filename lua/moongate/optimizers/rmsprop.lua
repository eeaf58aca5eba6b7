-- RMSprop. Formula: v = rho v + (1 - rho) g^2; w -= lr g / sqrt(v + epsilon); centered subtracts the square of the mean gradient.
local fields = require "moongate.fields"
local Optimizer = require "moongate.optimizers.optimizer"

--- Gradients divided by a running root mean square of themselves.
---@param options? table learning_rate = 0.001, rho = 0.9, momentum = 0, epsilon = 1e-7, centered = false, clipnorm, ...
---@return Optimizer
---@example mg.optimizers.RMSprop { learning_rate = 1e-3 }
return Optimizer.define("RMSprop", {
  kind = "rmsprop", name = "rm_sprop", learning_rate = 0.001, tf2 = { ema_overwrite_frequency = 100 },
  options = {
    { "rho", default = 0.9, codec = fields.float }, { "momentum", default = 0, codec = fields.float },
    { "epsilon", default = 1e-7, codec = fields.float }, { "centered", default = false, codec = fields.boolean },
  },
  slots = function(self)
    local list = { { "velocity" } }
    if self.momentum > 0 then list[#list + 1] = { "momentum" } end
    if self.centered then list[#list + 1] = { "average_gradient" } end
    return list
  end,
  state = function(slots) return { slots.velocity, slots.momentum or false, slots.average_gradient or false } end,
})
