-- What all optimizers share: options, state, and the order of a step: unscale, accumulate, clip, decay, update, average,
-- constrain, count. Source: keras/src/optimizers/base_optimizer.py. The variables live in one flat tensor per dtype, so that an
-- update is one call.
local create = require "moongate.tensor_create"
local autograd = require "moongate.autograd"
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local flat = require "moongate.optimizers.flat"
local memory = require "moongate.memory"
local ops = require "moongate.ops"
local schedules = require "moongate.optimizers.schedules"
local tensor = require "moongate.tensor"
local Variable = require "moongate.variable"

--- The parent of all optimizers.
---@example local optimizer = mg.optimizers.Adam { learning_rate = 1e-3 }
local Optimizer = class("Optimizer")

local rate = {
  decode = function(value, where)
    if type(value) == "table" and value.class_name then return schedules.deserialize(value) end
    if schedules.is(value) or type(value) == "function" then return value end
    return check.number(where.op, where.name, value)
  end,
}

local function base_fields(name, learning_rate, weight_decay)
  return {
    { "name", default = name, codec = fields.text }, { "learning_rate", default = learning_rate, codec = rate },
    { "weight_decay", default = weight_decay, codec = fields.float, nullable = true }, { "clipnorm", codec = fields.float },
    { "global_clipnorm", codec = fields.float }, { "clipvalue", codec = fields.float },
    { "use_ema", default = false, codec = fields.boolean }, { "ema_momentum", default = 0.99, codec = fields.float },
    { "ema_overwrite_frequency", codec = fields.positive_integer }, { "loss_scale_factor", codec = fields.float },
    { "gradient_accumulation_steps", codec = fields.positive_integer },
  }
end

local function start(self)
  if self.clipnorm and self.global_clipnorm then
    check.fail("%s: clipnorm and global_clipnorm are both set, expected one of them", getmetatable(self).class.name)
  end
  self.built, self.excluded = false, { names = {}, variables = {} }
  autograd.no_grad(function()
    self.iteration = Variable(create.zeros({}, { dtype = "int32" }), { name = "iteration", trainable = false })
  end)
end

--- A class of optimizers. `spec`: kind (of ops.optimizer_update), options (its own fields), slots(self) (its state, as lists of
--- names that Keras interleaves), state(slots) (in the order of the update's arguments), learning_rate and weight_decay (defaults).
---@param name string
---@param spec table
---@return table class
---@package
function Optimizer.define(name, spec)
  local C = class(name, Optimizer)
  local list = base_fields(spec.name, spec.learning_rate, spec.weight_decay)
  for _, field in ipairs(spec.options) do list[#list + 1] = field end
  fields.declare(C, list, { "learning_rate" })
  C.spec = spec
  function C:init(...)
    fields.assign(self, C, fields.arguments(C, ...))
    start(self)
  end
  --- An optimizer from what get_config gave, a plain table or JSON text.
  ---@param given table|string
  ---@param options? table dialect (else told from the config), custom_objects, path
  function C.from_config(given, options) return fields.from_config(C, given, options) end
  return C
end

--- The learning rate of the next update: a number, whatever it comes from.
function Optimizer.getters:learning_rate()
  local schedule = rawget(self, "schedule")
  if schedule then return schedule(self.iteration:item()) end
  return self.rate:item()
end

function Optimizer.setters:learning_rate(value)
  value = rate.decode(value, { op = self.name, name = "learning_rate" })
  if type(value) ~= "number" then
    rawset(self, "schedule", value)
    return
  end
  if rawget(self, "schedule") then
    check.fail("%s: learning_rate follows a schedule and cannot be set; pass a number to the constructor instead", self.name)
  end
  if not rawget(self, "rate") then
    self.rate = Variable(create.zeros({}, { dtype = tensor.floatx }), { name = "learning_rate", trainable = false })
  end
  self.rate:assign(value)
end

--- Updates done so far.
function Optimizer.getters:iterations()
  return math.floor(self.iteration:item() / (self.gradient_accumulation_steps or 1))
end

--- The options as an ordered object, in Keras's key order.
---@param dialect? string "keras3" (default), "tf2", "compat.v1"
---@return table
function Optimizer:get_config(dialect)
  local result = fields.config(self, getmetatable(self).class, dialect)
  local schedule = rawget(self, "schedule")
  if schedules.is(schedule) then result.learning_rate = schedules.serialize(schedule, dialect) end
  return result
end

--- Variables that weight decay leaves alone, before the first update: themselves, or by a part of their names.
---@param options table { var_list = Variable[], var_names = string[] }
function Optimizer:exclude_from_weight_decay(options)
  options = check.options("exclude_from_weight_decay", options, { "var_list", "var_names" })
  if self.built then check.fail("exclude_from_weight_decay: the optimizer is built already; call it before the first update") end
  for _, name in ipairs(options.var_names or {}) do table.insert(self.excluded.names, name) end
  for _, variable in ipairs(options.var_list or {}) do self.excluded.variables[variable] = true end
end

function Optimizer:decays(variable)
  if not self.weight_decay or self.excluded.variables[variable] then return false end
  for _, name in ipairs(self.excluded.names) do
    if variable.name:find(name, 1, true) then return false end
  end
  return true
end

--- Moves the variables into flat memory and makes the state. The first `apply` does it when nobody did.
---@param variables Variable[]
function Optimizer:build(variables)
  if self.built then return end
  check.type(self.name .. ".build", "variables", variables, "table")
  local names = {}
  if self.use_ema then names[1] = { "average" } end
  if self.gradient_accumulation_steps then names[#names + 1] = { "gradient_accumulator" } end
  for _, group in ipairs(self.spec.slots(self)) do names[#names + 1] = group end
  self.memory = autograd.no_grad(flat.build, variables, names, function(v) return self:decays(v) end)
  self.trained, self.built = variables, true
end

--- The state in Keras's order: iteration, learning rate, averages, accumulators, then what the formula needs. Each has `name`.
---@return Variable[]
---@package
function Optimizer:own_variables()
  local list = { self.iteration, rawget(self, "rate") }
  for _, variable in ipairs(self.built and self.memory.variables or {}) do list[#list + 1] = variable end
  return list
end

function Optimizer.getters:variables() return self:own_variables() end

-- Norms are per variable (clipnorm) or over all gradients (global_clipnorm).
local function clip(self, targets, entries)
  if self.clipnorm and self.clipnorm > 0 then
    for _, entry in ipairs(entries) do
      local norm = math.sqrt(ops.sum(ops.square(entry.gradient)):item())
      if norm > self.clipnorm or norm ~= norm then entry.gradient:mul_(self.clipnorm / norm) end
    end
  elseif self.global_clipnorm and self.global_clipnorm > 0 then
    local total = 0
    for _, target in ipairs(targets) do total = total + ops.sum(ops.square(target.gradient)):item() end
    local norm = math.sqrt(total)
    local factor = self.global_clipnorm * math.min(1 / norm, 1 / self.global_clipnorm) + (norm - norm)
    for _, target in ipairs(targets) do target.gradient:mul_(factor) end
  elseif self.clipvalue and self.clipvalue > 0 then
    for _, target in ipairs(targets) do
      target.gradient:copy_(ops.clip(target.gradient, -self.clipvalue, self.clipvalue))
    end
  end
end

local function update(self, targets)
  local spec, learning_rate, step = self.spec, self.learning_rate, self.iterations + 1
  for _, target in ipairs(targets) do
    ops.optimizer_update {
      kind = spec.kind, step = step, learning_rate = learning_rate, momentum = self.momentum, rho = self.rho,
      beta_1 = self.beta_1, beta_2 = self.beta_2, epsilon = self.epsilon, nesterov = self.nesterov,
      centered = self.centered, amsgrad = self.amsgrad, weight_decay = target.decays and self.weight_decay or 0,
      parameter = target.parameter, gradient = target.gradient, state = spec.state(target.slots),
    }
  end
end

-- Whether this call updates: with accumulation only every k-th does, with the mean of k gradients.
local function accumulate(self, targets)
  local steps = self.gradient_accumulation_steps
  if not steps then return true end
  local last = (self.iteration:item() + 1) % steps == 0
  for _, target in ipairs(targets) do
    local sum = target.slots.gradient_accumulator
    if last then
      target.gradient:add_(sum):div_(steps)
      sum:fill_(0)
    else
      sum:add_(target.gradient)
    end
  end
  return last
end

local function average(self)
  local done = self.iterations
  local momentum = done == 0 and 0 or self.ema_momentum
  for _, group in ipairs(self.memory.groups) do
    group.slots.average:mul_(momentum):add_(ops.mul(group.parameter, 1 - momentum))
    if self.ema_overwrite_frequency and (done + 1) % self.ema_overwrite_frequency == 0 then
      group.parameter:copy_(group.slots.average)
    end
  end
end

local function apply(self, gradients, variables)
  local targets, entries = flat.take(self.name, self.memory, gradients, variables, self.loss_scale_factor)
  if accumulate(self, targets) then
    clip(self, targets, entries)
    update(self, targets)
  end
  if self.use_ema then average(self) end
  for _, entry in ipairs(entries) do
    local constraint = entry.variable.constraint
    if constraint then entry.variable:assign(constraint(entry.variable)) end
  end
  self.iteration:add_(1)
end

--- One update of the variables by their gradients (nil: that variable stays as it is). Constraints are applied afterwards.
---@param gradients Tensor[] each of its variable's shape
---@param variables? Variable[] in the same order; default: those of the first call
---@example optimizer:apply(mg.gradients(loss, model.trainable_variables), model.trainable_variables)
function Optimizer:apply(gradients, variables)
  variables = variables or self.trained
  check.type(self.name .. ".apply", "gradients", gradients, "table")
  if not variables then check.fail("%s.apply: argument variables is nil, expected the list of variables", self.name) end
  if not self.built then self:build(variables) end
  autograd.no_grad(apply, self, gradients, variables)
  memory.settle()
end

--- With use_ema, the variables take the values of their moving averages: the end of training.
function Optimizer:finalize_variable_values()
  if not (self.use_ema and self.built) then return end
  autograd.no_grad(function()
    for _, group in ipairs(self.memory.groups) do group.parameter:copy_(group.slots.average) end
  end)
end

return Optimizer
