-- Optimizers by name. Keras: keras.optimizers.
local check = require "moongate.check"
local Registry = require "moongate.registry"

local registry = Registry("optimizer", "keras.optimizers")
local optimizers = {
  registry = registry, Optimizer = require "moongate.optimizers.optimizer", schedules = require "moongate.optimizers.schedules",
}

local adam = require("moongate.optimizers.adam").Adam
optimizers.Adam = registry:add(adam, "adam")
for _, file in ipairs { "sgd", "rmsprop", "adamw", "adagrad", "adadelta", "adamax", "nadam", "lion", "ftrl", "lamb",
  "adafactor" } do
  local C = require("moongate.optimizers." .. file)
  optimizers[C.name] = registry:add(C, C.name:lower())
end

optimizers.LossScaleOptimizer = registry:add(require "moongate.optimizers.loss_scale", "lossscaleoptimizer")

--- An optimizer from a name ("adam"), a config or an optimizer.
---@param identifier string|table
---@return Optimizer
function optimizers.get(identifier)
  local optimizer = registry:get(identifier)
  if type(optimizer) == "table" and optimizer.is and optimizer:is(optimizers.Optimizer) then return optimizer end
  return check.fail("optimizers.get: argument identifier is %s, expected a name or an optimizer", check.describe(identifier))
end

--- The optimizer in Keras's object form.
---@param dialect? string "keras3" (default), "tf2", "compat.v1"
---@return table
function optimizers.serialize(optimizer, dialect) return registry:serialize(optimizer, dialect) end

--- An optimizer from what serialize gave.
---@param config table|string
---@param options? table dialect (else told from the config), custom_objects, path
---@return Optimizer
function optimizers.deserialize(config, options) return registry:deserialize(config, options) end

return optimizers
