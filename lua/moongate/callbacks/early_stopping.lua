-- Stopping when a figure no longer improves. Rules: keras/src/callbacks/early_stopping.py.
local Callback = require "moongate.callbacks.callback"
local check = require "moongate.check"
local monitor = require "moongate.callbacks.monitor"

local EarlyStopping = Callback:extend("EarlyStopping")

local OPTIONS = { "monitor", "min_delta", "patience", "verbose", "mode", "baseline", "restore_best_weights", "start_from_epoch" }

--- Ends training when `monitor` has not improved by more than min_delta for `patience` epochs; with restore_best_weights the model
--- then takes the weights of its best epoch.
---@param options? table monitor = "val_loss", min_delta = 0, patience = 0, mode = "auto", restore_best_weights = false, ...
---@return Callback
---@example mg.callbacks.EarlyStopping { monitor = "val_loss", patience = 3, restore_best_weights = true }
function EarlyStopping:init(options)
  local op = "EarlyStopping"
  options = check.options(op, options, OPTIONS)
  self.monitor = check.type(op, "monitor", options.monitor or "val_loss", "string")
  self.baseline = options.baseline and check.number(op, "baseline", options.baseline)
  self.min_delta = math.abs(check.number(op, "min_delta", options.min_delta or 0))
  self.patience = check.integer(op, "patience", options.patience or 0, 0)
  self.verbose, self.restore_best_weights = check.verbosity(op, options.verbose), options.restore_best_weights or false
  self.start_from_epoch = check.integer(op, "start_from_epoch", options.start_from_epoch or 0, 0)
  self.direction = monitor.direction(op, self.monitor, options.mode or "auto")
end

function EarlyStopping:on_train_begin()
  self.wait, self.stopped_epoch, self.best_epoch, self.best_weights = 0, 0, 0, nil
  self.best = monitor.worst(self.direction)
end

local function remember(self, epoch)
  self.best_epoch = epoch
  if self.restore_best_weights then self.best_weights = self.model:get_weights() end
end

function EarlyStopping:on_epoch_end(epoch, logs)
  local value = monitor.value("EarlyStopping", logs, self.monitor)
  if not value or epoch < self.start_from_epoch then return end
  if self.restore_best_weights and not self.best_weights then remember(self, epoch) end
  self.wait = self.wait + 1
  if monitor.improved(self.direction, value, self.best, self.min_delta) then
    self.best = value
    remember(self, epoch)
    if not self.baseline or monitor.improved(self.direction, value, self.baseline, self.min_delta) then self.wait = 0 end
  elseif self.wait >= self.patience and epoch > 0 then
    self.stopped_epoch, self.model.stop_training = epoch, true
  end
end

function EarlyStopping:on_train_end()
  if self.stopped_epoch > 0 and self.verbose > 0 then print(("Epoch %d: early stopping"):format(self.stopped_epoch + 1)) end
  if self.restore_best_weights and self.best_weights then
    if self.verbose > 0 then
      print(("Restoring model weights from the end of the best epoch: %d."):format(self.best_epoch + 1))
    end
    self.model:set_weights(self.best_weights)
  end
end

return EarlyStopping
