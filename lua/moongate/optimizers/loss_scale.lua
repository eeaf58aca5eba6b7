-- Loss scaling around another optimizer. Source: keras/src/optimizers/loss_scale_optimizer.py.
local create = require "moongate.tensor_create"
local autograd = require "moongate.autograd"
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local memory = require "moongate.memory"
local ops = require "moongate.ops"
local Optimizer = require "moongate.optimizers.optimizer"
local Variable = require "moongate.variable"

-- An optimizer, or the config of one.
local inner = {
  decode = function(value, where)
    local optimizers = require "moongate.optimizers"
    if type(value) == "table" and value.class_name then
      return optimizers.deserialize(value, where and where.path and where or nil)
    end
    return value ~= nil and optimizers.get(value) or nil
  end,
  encode = function(value, where) return require("moongate.optimizers").serialize(value, where and where.dialect) end,
}

--- The loss times a scale before the gradients are made, the gradients divided by it: small ones are not lost. The scale doubles
--- after dynamic_growth_steps good steps; a step with a gradient that is not finite changes nothing but halves the scale.
---@param inner_optimizer Optimizer
---@param options? table initial_scale = 2^15, dynamic_growth_steps = 2000, name
---@return Optimizer
---@example mg.optimizers.LossScaleOptimizer(mg.optimizers.Adam(), { initial_scale = 1024 })
local LossScaleOptimizer = class("LossScaleOptimizer", Optimizer)

fields.declare(LossScaleOptimizer, {
  { "name", default = "loss_scale_optimizer", codec = fields.text }, { "inner_optimizer", required = true, codec = inner },
  { "initial_scale", default = 2 ^ 15, codec = fields.float },
  { "dynamic_growth_steps", default = 2000, codec = fields.positive_integer },
}, { "inner_optimizer" })

function LossScaleOptimizer:init(...)
  fields.assign(self, LossScaleOptimizer, fields.arguments(LossScaleOptimizer, ...))
  self.built = false
  autograd.no_grad(function()
    local function number(name, value, dtype)
      return Variable(create.full({}, value, { dtype = dtype }), { name = name, trainable = false })
    end
    self.iteration, self.rate = number("iteration", 0, "int32"), number("learning_rate", 0)
    self.step_counter = number("step_counter", 0, "int32")
    self.dynamic_scale = number("dynamic_scale", self.initial_scale, "float32")
  end)
  self.inner_optimizer.loss_scale_factor = nil
end

--- An optimizer from what get_config gave, a plain table or JSON text.
---@param given table|string
---@param options? table dialect (else told from the config), custom_objects, path
function LossScaleOptimizer.from_config(given, options) return fields.from_config(LossScaleOptimizer, given, options) end

--- The options as an ordered object, in Keras's key order.
---@param dialect? string "keras3" (default), "tf2", "compat.v1"
---@return table
function LossScaleOptimizer:get_config(dialect) return fields.config(self, LossScaleOptimizer, dialect) end

function LossScaleOptimizer.getters:learning_rate() return self.inner_optimizer.learning_rate end
function LossScaleOptimizer.setters:learning_rate(value) self.inner_optimizer.learning_rate = value end
function LossScaleOptimizer.getters:iterations() return self.inner_optimizer.iterations end

--- The inner optimizer's; see Optimizer.
---@param options table { var_list = Variable[], var_names = string[] }
function LossScaleOptimizer:exclude_from_weight_decay(options) self.inner_optimizer:exclude_from_weight_decay(options) end

--- Makes the inner optimizer's state.
---@param variables Variable[]
function LossScaleOptimizer:build(variables)
  if self.built then return end
  self.inner_optimizer:build(variables)
  self.trained, self.memory, self.built = variables, self.inner_optimizer.memory, true
end

--- Own state, then the inner optimizer's, without what only fills a place there: Keras does not keep that here.
---@return Variable[]
---@package
function LossScaleOptimizer:own_variables()
  local list = { self.iteration, self.rate }
  if self.built then list[3], list[4] = self.step_counter, self.dynamic_scale end
  for _, variable in ipairs(self.inner_optimizer:own_variables()) do
    if not variable.fills_a_place then list[#list + 1] = variable end
  end
  return list
end

--- The loss whose gradients `apply` expects: times the scale of this step.
---@param loss Tensor
---@return Tensor
function LossScaleOptimizer:scale_loss(loss) return loss * self.dynamic_scale:item() end

local function all_finite(gradients, count)
  for i = 1, count do
    if gradients[i] and ops.min(ops.is_finite(gradients[i])):item() == 0 then return false end
  end
  return true
end

local function divided(gradients, count, scale)
  local list = {}
  for i = 1, count do list[i] = gradients[i] and ops.div(gradients[i], scale) or nil end
  return list
end

--- One update by the gradients of the scaled loss, or none and half the scale when one of them is not finite.
---@param gradients Tensor[] each of its variable's shape
---@param variables? Variable[] in the same order; default: those of the first call
function LossScaleOptimizer:apply(gradients, variables)
  variables = variables or self.trained
  check.type(self.name .. ".apply", "gradients", gradients, "table")
  if not variables then check.fail("%s.apply: argument variables is nil, expected the list of variables", self.name) end
  self:build(variables)
  autograd.no_grad(function()
    local scale, steps = self.dynamic_scale:item(), self.step_counter:item()
    local finite = all_finite(gradients, #variables)
    if finite then self.inner_optimizer:apply(divided(gradients, #variables, scale), variables) end
    if finite and steps ~= self.dynamic_growth_steps - 1 then return self.step_counter:add_(1) end
    self.step_counter:fill_(0)
    self.dynamic_scale:mul_(finite and 2 or 0.5)
  end)
  memory.settle()
end

--- The inner optimizer's; see Optimizer.
function LossScaleOptimizer:finalize_variable_values() self.inner_optimizer:finalize_variable_values() end

return LossScaleOptimizer
