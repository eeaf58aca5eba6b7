-- What all optimizers share: options, state, configs; step.lua has the order of a step. The variables live in one flat tensor per
-- dtype, so that an update is one call. Source: keras/src/optimizers/base_optimizer.py.
local create = require "moongate.tensor_create"
local autograd = require "moongate.autograd"
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local flat = require "moongate.optimizers.flat"
local memory = require "moongate.memory"
local names = require "moongate.optimizers.names"
local null = require "moongate.null"
local schedules = require "moongate.optimizers.schedules"
local step = require "moongate.optimizers.step"
local tensor = require "moongate.tensor"
local Variable = require "moongate.variable"

--- The parent of all optimizers.
---@example local optimizer = mg.optimizers.Adam { learning_rate = 1e-3 }
local Optimizer = class("Optimizer")

local rate = {
  decode = function(value, where)
    if type(value) == "table" and value.class_name then
      return schedules.deserialize(value, where and where.path and where or nil)
    end
    if schedules.is(value) or type(value) == "function" then return value end
    return check.number(where.op, where.name, value)
  end,
  float = true, coerced = true,
}

local momentum = { decode = function(value, where) return fields.rate.decode(value, where) end, float = true, plain = true }

local TF2_ORDER = { "name", "weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "ema_momentum",
  "ema_overwrite_frequency", "jit_compile", "is_legacy_optimizer", "learning_rate" }
local ONLY_KERAS3, ONLY_TF2 = { hidden = true }, { hidden = false }

-- Keras 1 and 2 and the optimizers of TensorFlow before 2.11: `lr`, and `decay`, which is a schedule of its own.
local function older(config)
  if config.lr ~= nil then config.learning_rate, config.lr = config.lr, nil end
  local decay = config.decay
  if type(decay) == "number" and decay > 0 and type(config.learning_rate) == "number" then
    config.learning_rate = schedules.InverseTimeDecay(config.learning_rate, { decay_steps = 1, decay_rate = decay })
  end
  config.decay, config.schedule_decay = nil, nil
  if config.epsilon == null then config.epsilon = nil end
end

-- Fields in Keras 3's order, and the order of tf_keras. `spec.tf2`: what is another default there.
local function fields_of(name, spec)
  local tf2 = spec.tf2 or {}
  local list = {
    { "name", default = spec.name, codec = fields.text, tf2 = { words = { [spec.name] = name } } },
    { "learning_rate", default = spec.learning_rate, codec = rate, defaults = { tf2 = tf2.learning_rate } },
    { "weight_decay", default = spec.weight_decay, codec = fields.float, nullable = true }, { "clipnorm", codec = fields.float },
    { "global_clipnorm", codec = fields.float }, { "clipvalue", codec = fields.float },
    { "use_ema", default = false, codec = fields.boolean }, { "ema_momentum", default = 0.99, codec = momentum },
    { "ema_overwrite_frequency", codec = fields.positive_integer, defaults = { tf2 = tf2.ema_overwrite_frequency } },
    { "loss_scale_factor", codec = fields.float, tf2 = ONLY_KERAS3 },
    { "gradient_accumulation_steps", codec = fields.positive_integer, tf2 = ONLY_KERAS3 },
    { "jit_compile", constant = false, hidden = true, tf2 = ONLY_TF2 },
    { "is_legacy_optimizer", constant = false, hidden = true, tf2 = ONLY_TF2 },
    order = { tf2 = { unpack(TF2_ORDER) } }, older = older,
  }
  for _, field in ipairs(spec.options) do
    list[#list + 1] = field
    table.insert(list.order.tf2, field[1])
  end
  return list
end

local function check_options(self)
  local title, set = getmetatable(self).class.name, {}
  for _, name in ipairs { "clipnorm", "global_clipnorm", "clipvalue" } do
    if self[name] then set[#set + 1] = name end
  end
  if #set > 1 then check.fail("%s: %s are both set, expected one of them", title, table.concat(set, " and ")) end
  if self.gradient_accumulation_steps == 1 then
    check.fail("%s: argument gradient_accumulation_steps is 1, expected 2 or more, or nil", title)
  end
end

local function start(self)
  check_options(self)
  self.built, self.excluded = false, { variables = {} }
  autograd.no_grad(function()
    self.iteration = Variable(create.zeros({}, { dtype = "int32" }), { name = "iteration", trainable = false })
  end)
end

--- A class of optimizers. `spec`: options (its own fields), learning_rate, weight_decay and tf2 (defaults), slots(self) (its state,
--- as lists of slots that Keras interleaves, see flat.lua), and either kind (of ops.optimizer_update) with state(slots) in the
--- order of its arguments, or update(self, target, rate, step) on target.parameter, gradient and slots: whole flat tensors, or
--- single variables with `each`. before(self, step) runs once a step; extra(self, variables) gives further state.
---@param name string
---@param spec table
---@return table class
---@package
function Optimizer.define(name, spec)
  local C = class(name, Optimizer)
  fields.declare(C, fields_of(name, spec), { "learning_rate" })
  C.spec = spec
  function C:init(...)
    fields.assign(self, C, fields.arguments(C, ...))
    start(self)
    if spec.check then spec.check(self) end
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
  if schedule then return check.number(self.name, "learning_rate", schedule(self.iteration:item())) end
  return self.rate:item()
end

function Optimizer.setters:learning_rate(value)
  value = rate.decode(value, { op = self.name, name = "learning_rate" })
  if type(value) ~= "number" then
    rawset(self, "schedule", value)
    rawset(self, "rate", nil)
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

--- Keras 2's name of learning_rate.
function Optimizer.getters:lr() return self.learning_rate end
function Optimizer.setters:lr(value) self.learning_rate = value end

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

--- Variables that weight decay leaves alone, before the first update: themselves, or by what their names match, a regular
--- expression as Keras takes it ("bias", "^gamma$", "norm|bias").
---@param options table { var_list = Variable[], var_names = string[] }
function Optimizer:exclude_from_weight_decay(options)
  options = check.options("exclude_from_weight_decay", options, { "var_list", "var_names" })
  if self.built then check.fail("exclude_from_weight_decay: the optimizer is built already; call it before the first update") end
  self.excluded = { variables = {}, matches = names.matcher("exclude_from_weight_decay", options.var_names or {}) }
  for _, variable in ipairs(options.var_list or {}) do self.excluded.variables[variable] = true end
end

function Optimizer:decays(variable)
  if not self.weight_decay or self.excluded.variables[variable] then return false end
  return not (self.excluded.matches and self.excluded.matches(variable.name))
end

--- Moves the variables into flat memory and makes the state. The first `apply` does it when nobody did.
---@param variables Variable[]
function Optimizer:build(variables)
  if self.built then return end
  check.type(self.name .. ".build", "variables", variables, "table")
  local lists = {}
  if self.use_ema then lists[1] = { "average" } end
  if self.gradient_accumulation_steps then lists[#lists + 1] = { "gradient_accumulator" } end
  for _, list in ipairs(self.spec.slots(self)) do lists[#lists + 1] = list end
  self.memory = autograd.no_grad(flat.build, variables, lists, function(v) return self:decays(v) end)
  self.extra = self.spec.extra and autograd.no_grad(self.spec.extra, self, variables) or {}
  self.trained, self.built = variables, true
end

--- The state in Keras's order: iteration, learning rate, averages, accumulators, then what the formula needs. Each has `name`.
---@return Variable[]
---@package
function Optimizer:own_variables()
  local list = { self.iteration, rawget(self, "rate") }
  for _, variable in ipairs(self.built and self.memory.variables or {}) do list[#list + 1] = variable end
  for _, variable in ipairs(self.built and self.extra or {}) do list[#list + 1] = variable end
  return list
end

function Optimizer.getters:variables() return self:own_variables() end

--- The loss whose gradients `apply` expects: times loss_scale_factor, where that is set.
---@param loss Tensor
---@return Tensor
function Optimizer:scale_loss(loss)
  return self.loss_scale_factor and loss * self.loss_scale_factor or loss
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
  autograd.no_grad(step, self, gradients, variables)
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
