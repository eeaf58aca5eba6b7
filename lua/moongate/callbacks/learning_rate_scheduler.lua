-- A learning rate per epoch. Rules: keras/src/callbacks/learning_rate_scheduler.py.
local Callback = require "moongate.callbacks.callback"
local check = require "moongate.check"

local LearningRateScheduler = Callback:extend("LearningRateScheduler")

--- Sets the optimizer's learning rate at the begin of each epoch to schedule(epoch, learning_rate), epochs from 0.
---@param schedule function
---@param options? table { verbose = 0 }
---@return Callback
---@example mg.callbacks.LearningRateScheduler(function(epoch, rate) return epoch < 10 and rate or rate * 0.9 end)
function LearningRateScheduler:init(schedule, options)
  if type(schedule) == "table" and schedule.schedule then schedule, options = schedule.schedule, schedule end
  self.schedule = check.type("LearningRateScheduler", "schedule", schedule, "function")
  options = check.options("LearningRateScheduler", options, { "schedule", "verbose" })
  self.verbose = check.verbosity("LearningRateScheduler", options.verbose)
end

function LearningRateScheduler:on_epoch_begin(epoch)
  local optimizer = self.model.optimizer
  local rate = self.schedule(epoch, optimizer.learning_rate)
  check.number("LearningRateScheduler", "schedule's result", rate)
  optimizer.learning_rate = rate
  if self.verbose > 0 then
    print(("\nEpoch %d: LearningRateScheduler setting learning rate to %.14g."):format(epoch + 1, rate))
  end
end

function LearningRateScheduler:on_epoch_end(_, logs)
  if logs then logs.learning_rate = self.model.optimizer.learning_rate end
end

return LearningRateScheduler
