-- Learning-rate schedules: the rate as a function of the number of updates done so far. Formulas: keras.optimizers.schedules.
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local json = require "moongate.json"
local null = require "moongate.null"
local Registry = require "moongate.registry"

local registry = Registry("schedule", "keras.optimizers.schedules")
local schedules = { registry = registry }

--- Base of the schedules: a subclass has value(step); calling the object is the same.
---@example print(mg.optimizers.schedules.CosineDecay(4e-3, { decay_steps = 600 }):value(300))
local LearningRateSchedule = class("LearningRateSchedule")
schedules.LearningRateSchedule = LearningRateSchedule

local function define(name, list, positional)
  local C = fields.class(name, list, positional, LearningRateSchedule)
  function C:__call(step) return self:value(step) end
  schedules[name] = registry:add(C)
  return C
end

local numbers = {
  decode = function(list, where)
    check.type(where.op, where.name, list, "table")
    for i = 1, #list do check.number(where.op, ("%s[%d]"):format(where.name, i), list[i]) end
    return list
  end,
  encode = json.array,
}

-- Keras 3 writes the class's name where none is given, tf_keras null.
local function NAME(default)
  local codec = { decode = function(value, where) return fields.text.decode(value, where) or default end }
  return { "name", default = default, codec = codec, tf2 = { words = { [default] = null } } }
end

local rates = { decode = numbers.decode, encode = function(list)
  if json.is_container(list) then return list end
  local array = json.array { unpack(list) }
  for i = 1, #list do json.float(array, i) end
  return array
end }

local INITIAL = { "initial_learning_rate", required = true, codec = fields.float }
local positive = {
  decode = function(value, where)
    if value == nil then return nil end
    if check.number(where.op, where.name, value) <= 0 then
      check.fail("%s: argument %s is %s, expected a number above 0", where.op, where.name, check.describe(value))
    end
    return value
  end,
}
local STEPS = { "decay_steps", required = true, codec = positive }

--- initial_learning_rate * decay_rate ^ (step / decay_steps); with `staircase` the exponent is cut to whole numbers.
---@param initial_learning_rate number
---@param options table { decay_steps =, decay_rate =, staircase = false }
---@return LearningRateSchedule
---@example mg.optimizers.schedules.ExponentialDecay(0.1, { decay_steps = 100, decay_rate = 0.9 })
local ExponentialDecay = define("ExponentialDecay", {
  INITIAL, STEPS, { "decay_rate", required = true, codec = fields.number },
  { "staircase", default = false, codec = fields.boolean }, NAME "ExponentialDecay",
}, { "initial_learning_rate", "decay_steps", "decay_rate", "staircase" })

--- The rate after `step` updates.
---@param step number
---@return number
function ExponentialDecay:value(step)
  local power = step / self.decay_steps
  if self.staircase then power = math.floor(power) end
  return self.initial_learning_rate * self.decay_rate ^ power
end

--- values[1] up to and including step boundaries[1], then values[2] and so on; values has one number more than boundaries.
---@param options table { boundaries =, values = }
---@return LearningRateSchedule
---@example mg.optimizers.schedules.PiecewiseConstantDecay { boundaries = { 100, 200 }, values = { 1e-2, 1e-3, 1e-4 } }
local PiecewiseConstantDecay = define("PiecewiseConstantDecay", {
  { "boundaries", required = true, codec = numbers }, { "values", required = true, codec = rates },
  NAME "PiecewiseConstant",
}, { "boundaries", "values" })

local assign = PiecewiseConstantDecay.init
function PiecewiseConstantDecay:init(...)
  assign(self, ...)
  if #self.values ~= #self.boundaries + 1 then
    check.fail("PiecewiseConstantDecay: argument values has %d numbers, expected %d: one more than boundaries", #self.values,
      #self.boundaries + 1)
  end
end

--- The rate after `step` updates.
---@param step number
---@return number
function PiecewiseConstantDecay:value(step)
  for i = 1, #self.boundaries do
    if step <= self.boundaries[i] then return self.values[i] end
  end
  return self.values[#self.values]
end

--- Half a cosine from the initial rate (or from warmup_target, reached in a straight line in warmup_steps) down to alpha times it.
---@param initial_learning_rate number
---@param options table { decay_steps =, alpha = 0, warmup_target = nil, warmup_steps = 0 }
---@return LearningRateSchedule
---@example mg.optimizers.schedules.CosineDecay(4e-3, { decay_steps = 600 })
local CosineDecay = define("CosineDecay", {
  INITIAL, STEPS, { "alpha", default = 0, codec = fields.float }, NAME "CosineDecay",
  { "warmup_target", codec = fields.float }, { "warmup_steps", default = 0, codec = fields.number },
}, { "initial_learning_rate", "decay_steps", "alpha" })

--- The rate after `step` updates.
---@param step number
---@return number
function CosineDecay:value(step)
  local from, warm = self.initial_learning_rate, 0
  if self.warmup_target then
    if step < self.warmup_steps then return from + (self.warmup_target - from) * step / self.warmup_steps end
    from, warm = self.warmup_target, self.warmup_steps
  end
  local done = math.min(step - warm, self.decay_steps) / self.decay_steps
  return from * ((1 - self.alpha) * 0.5 * (1 + math.cos(math.pi * done)) + self.alpha)
end

--- From the initial rate down to end_learning_rate along (1 - step / decay_steps) ^ power; with `cycle` the last step grows to the
--- next multiple of decay_steps instead of staying.
---@param initial_learning_rate number
---@param options table { decay_steps =, end_learning_rate = 1e-4, power = 1, cycle = false }
---@return LearningRateSchedule
---@example mg.optimizers.schedules.PolynomialDecay(0.1, { decay_steps = 1000, end_learning_rate = 0.01, power = 0.5 })
local PolynomialDecay = define("PolynomialDecay", {
  INITIAL, STEPS, { "end_learning_rate", default = 1e-4, codec = fields.float }, { "power", default = 1, codec = fields.float },
  { "cycle", default = false, codec = fields.boolean }, NAME "PolynomialDecay",
}, { "initial_learning_rate", "decay_steps", "end_learning_rate", "power" })

--- The rate after `step` updates.
---@param step number
---@return number
function PolynomialDecay:value(step)
  local last = self.decay_steps
  if self.cycle then
    last = last * (step == 0 and 1 or math.ceil(step / last))
  else
    step = math.min(step, last)
  end
  return (self.initial_learning_rate - self.end_learning_rate) * (1 - step / last) ^ self.power + self.end_learning_rate
end

--- initial_learning_rate / (1 + decay_rate * step / decay_steps); with `staircase` the quotient is cut to whole numbers.
---@param initial_learning_rate number
---@param options table { decay_steps =, decay_rate =, staircase = false }
---@return LearningRateSchedule
---@example mg.optimizers.schedules.InverseTimeDecay(0.1, { decay_steps = 100, decay_rate = 0.5 })
local InverseTimeDecay = define("InverseTimeDecay", {
  INITIAL, STEPS, { "decay_rate", required = true, codec = fields.number },
  { "staircase", default = false, codec = fields.boolean }, NAME "InverseTimeDecay",
}, { "initial_learning_rate", "decay_steps", "decay_rate", "staircase" })

--- The rate after `step` updates.
---@param step number
---@return number
function InverseTimeDecay:value(step)
  local quotient = step / self.decay_steps
  if self.staircase then quotient = math.floor(quotient) end
  return self.initial_learning_rate / (1 + self.decay_rate * quotient)
end

--- Half a cosine again and again: the i-th takes first_decay_steps * t_mul ^ i steps and starts at m_mul ^ i times the initial
--- rate; alpha times the initial rate is always left. Loshchilov and Hutter 2017 (SGDR).
---@param initial_learning_rate number
---@param options table { first_decay_steps =, t_mul = 2, m_mul = 1, alpha = 0 }
---@return LearningRateSchedule
---@example mg.optimizers.schedules.CosineDecayRestarts(0.1, { first_decay_steps = 100 })
local CosineDecayRestarts = define("CosineDecayRestarts", {
  INITIAL, { "first_decay_steps", required = true, codec = positive }, { "t_mul", default = 2, codec = fields.float },
  { "m_mul", default = 1, codec = fields.float }, { "alpha", default = 0, codec = fields.float },
  NAME "SGDRDecay",
}, { "initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha" })

--- The rate after `step` updates.
---@param step number
---@return number
function CosineDecayRestarts:value(step)
  local done, t = step / self.first_decay_steps, self.t_mul
  local restarts = math.floor(t == 1 and done or math.log(1 - done * (1 - t)) / math.log(t))
  if t == 1 then
    done = done - restarts
  else
    done = (done - (1 - t ^ restarts) / (1 - t)) / t ^ restarts
  end
  local cosine = 0.5 * self.m_mul ^ restarts * (1 + math.cos(math.pi * done))
  return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)
end

--- Whether `value` is a schedule.
---@param value any
---@return boolean
function schedules.is(value)
  return type(value) == "table" and type(value.is) == "function" and value:is(LearningRateSchedule)
end

--- A schedule from what serialize gave.
---@param config table|string
---@param options? table dialect (else told from the config), custom_objects, path
---@return LearningRateSchedule
function schedules.deserialize(config, options) return registry:deserialize(config, options) end

--- The schedule in Keras's object form.
---@param schedule LearningRateSchedule
---@param dialect? string "keras3" (default), "tf2", "compat.v1"
---@return table
function schedules.serialize(schedule, dialect) return registry:serialize(schedule, dialect) end

return schedules
