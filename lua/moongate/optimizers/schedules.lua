-- Learning-rate schedules: the rate as a function of the number of updates done so far. Formulas: keras.optimizers.schedules.
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local json = require "moongate.json"
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

local INITIAL = { "initial_learning_rate", required = true, codec = fields.number }
local STEPS = { "decay_steps", required = true, codec = fields.number }

--- initial_learning_rate * decay_rate ^ (step / decay_steps); with `staircase` the exponent is cut to whole numbers.
---@param initial_learning_rate number
---@param options table { decay_steps =, decay_rate =, staircase = false }
---@return LearningRateSchedule
---@example mg.optimizers.schedules.ExponentialDecay(0.1, { decay_steps = 100, decay_rate = 0.9 })
local ExponentialDecay = define("ExponentialDecay", {
  INITIAL, STEPS, { "decay_rate", required = true, codec = fields.number },
  { "staircase", default = false, codec = fields.boolean }, { "name", default = "ExponentialDecay", codec = fields.text },
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
  { "boundaries", required = true, codec = numbers }, { "values", required = true, codec = numbers },
  { "name", default = "PiecewiseConstant", codec = fields.text },
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
  INITIAL, STEPS, { "alpha", default = 0, codec = fields.float }, { "name", default = "CosineDecay", codec = fields.text },
  { "warmup_target", codec = fields.number }, { "warmup_steps", default = 0, codec = fields.number },
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
