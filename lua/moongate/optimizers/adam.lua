-- Adam. Formula: a = lr sqrt(1 - beta_2^t) / (1 - beta_1^t); w -= a m / (sqrt(v) + epsilon), with Keras's place for epsilon.
local fields = require "moongate.fields"
local Optimizer = require "moongate.optimizers.optimizer"

local Adam = {}

--- What Adam and AdamW share; they differ in the default of weight_decay.
function Adam.define(name, short, weight_decay)
  return Optimizer.define(name, {
    kind = "adam", name = short, learning_rate = 0.001, weight_decay = weight_decay,
    options = {
      { "beta_1", default = 0.9, codec = fields.float }, { "beta_2", default = 0.999, codec = fields.float },
      { "epsilon", default = 1e-7, codec = fields.float }, { "amsgrad", default = false, codec = fields.boolean },
    },
    slots = function(self) return { { "momentum", "velocity" }, self.amsgrad and { "velocity_hat" } or nil } end,
    state = function(slots) return { slots.momentum, slots.velocity, slots.velocity_hat or false } end,
  })
end

--- Adam: first and second moments of the gradient, both corrected for their start at zero.
---@param options? table learning_rate = 0.001, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7, amsgrad = false, clipnorm, ...
---@return Optimizer
---@example mg.optimizers.Adam { learning_rate = 4e-3, clipnorm = 1 }
Adam.Adam = Adam.define("Adam", "adam")

return Adam
