-- A smaller learning rate when a figure no longer improves. Rules: keras/src/callbacks/reduce_lr_on_plateau.py.
local Callback = require "moongate.callbacks.callback"
local check = require "moongate.check"
local monitor = require "moongate.callbacks.monitor"

local ReduceLROnPlateau = Callback:extend("ReduceLROnPlateau")

local OPTIONS = { "monitor", "factor", "patience", "verbose", "mode", "min_delta", "cooldown", "min_lr" }

--- Multiplies the learning rate by `factor` when `monitor` has not improved by more than min_delta for `patience` epochs, then
--- waits `cooldown` epochs; never below min_lr.
---@param options? table monitor = "val_loss", factor = 0.1, patience = 10, mode = "auto", min_delta = 1e-4, cooldown = 0, ...
---@return Callback
---@example mg.callbacks.ReduceLROnPlateau { factor = 0.3, patience = 5 }
function ReduceLROnPlateau:init(options)
  local op = "ReduceLROnPlateau"
  options = check.options(op, options, OPTIONS)
  self.monitor = check.type(op, "monitor", options.monitor or "val_loss", "string")
  self.factor = check.number(op, "factor", options.factor or 0.1, 0)
  if self.factor >= 1 then check.fail("%s: argument factor is %g, expected a number below 1", op, self.factor) end
  self.patience = check.integer(op, "patience", options.patience or 10, 0)
  self.cooldown = check.integer(op, "cooldown", options.cooldown or 0, 0)
  self.min_delta = check.number(op, "min_delta", options.min_delta or 1e-4, 0)
  self.min_lr = check.number(op, "min_lr", options.min_lr or 0, 0)
  self.verbose = check.verbosity(op, options.verbose)
  self.direction = monitor.direction(op, self.monitor, options.mode or "auto")
end

function ReduceLROnPlateau:on_train_begin()
  self.wait, self.cooling, self.best = 0, 0, monitor.worst(self.direction)
end

local function reduce(self, epoch)
  local optimizer = self.model.optimizer
  local old = optimizer.learning_rate
  if type(old) ~= "number" then
    check.fail("ReduceLROnPlateau: the optimizer's learning rate is a schedule, expected a number; use one or the other")
  end
  self.wait = 0
  if old <= self.min_lr then return end
  optimizer.learning_rate = math.max(old * self.factor, self.min_lr)
  self.cooling = self.cooldown
  if self.verbose > 0 then
    print(("\nEpoch %d: ReduceLROnPlateau reducing learning rate to %.14g."):format(epoch + 1, optimizer.learning_rate))
  end
end

function ReduceLROnPlateau:on_epoch_end(epoch, logs)
  logs.learning_rate = self.model.optimizer.learning_rate
  local value = monitor.value("ReduceLROnPlateau", logs, self.monitor)
  if not value then return end
  if self.cooling > 0 then self.cooling, self.wait = self.cooling - 1, 0 end
  if monitor.improved(self.direction, value, self.best, self.min_delta) then
    self.best, self.wait = value, 0
  elseif self.cooling == 0 then
    self.wait = self.wait + 1
    if self.wait >= self.patience then reduce(self, epoch) end
  end
end

return ReduceLROnPlateau
