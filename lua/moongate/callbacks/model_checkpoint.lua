-- Weights written during training. Rules: keras/src/callbacks/model_checkpoint.py.
local Callback = require "moongate.callbacks.callback"
local check = require "moongate.check"
local monitor = require "moongate.callbacks.monitor"

local ModelCheckpoint = Callback:extend("ModelCheckpoint")

local OPTIONS = {
  "filepath", "monitor", "verbose", "save_best_only", "save_weights_only", "mode", "save_freq", "initial_value_threshold",
  "save_state",
}

--- Writes the weights after every epoch (or every save_freq batches), or with save_best_only when `monitor` has improved.
--- `filepath` ends in .weights.h5 and may hold {epoch:02d} or figures of the logs, {val_loss:.2f}. save_state = true also writes
--- the rest of the run (optimizer, step count, shuffle order, random streams) beside it, for resuming.
---@param options table filepath, monitor = "val_loss", save_best_only = false, save_freq = "epoch", ...
---@return Callback
---@example mg.callbacks.ModelCheckpoint { filepath = "best.weights.h5", save_best_only = true }
function ModelCheckpoint:init(options)
  local op = "ModelCheckpoint"
  if type(options) == "string" then options = { filepath = options } end
  options = check.options(op, options, OPTIONS)
  self.filepath = check.type(op, "filepath", options.filepath, "string")
  if not self.filepath:match("%.weights%.h5$") or options.save_weights_only == false then
    check.fail("%s: filepath %q, expected a name ending in .weights.h5: weights are what is written", op, self.filepath)
  end
  self.save_freq = options.save_freq or "epoch"
  if self.save_freq ~= "epoch" then check.integer(op, "save_freq", self.save_freq, 1) end
  self.monitor, self.verbose, self.save_state = options.monitor or "val_loss", options.verbose or 0, options.save_state or false
  self.save_best_only = options.save_best_only or false
  self.direction = monitor.direction(op, self.monitor, options.mode or "auto")
  self.best = options.initial_value_threshold or monitor.worst(self.direction)
  self.batches, self.epoch = 0, 0
end

-- "{epoch:02d}-{val_loss:.2f}" with the epoch counted from 1.
local function fill(pattern, epoch, logs)
  return (pattern:gsub("{([%w_]+):?([^}]*)}", function(name, format)
    local value = name == "epoch" and epoch + 1 or logs[name]
    if value == nil then
      check.fail("ModelCheckpoint: filepath %q names %s, which is not in the logs", pattern, name)
    end
    return format == "" and tostring(value) or ("%" .. format):format(value)
  end))
end

local function say(self, ...)
  if self.verbose > 0 then print(("\n" .. select(1, ...)):format(select(2, ...))) end
end

local function better(self, epoch, logs)
  if not self.save_best_only then return true end
  local value = monitor.value("ModelCheckpoint", logs, self.monitor)
  if not value then return false end
  if not monitor.improved(self.direction, value, self.best, 0) then
    say(self, "Epoch %d: %s did not improve from %.5f", epoch + 1, self.monitor, self.best)
    return false
  end
  say(self, "Epoch %d: %s improved from %.5f to %.5f", epoch + 1, self.monitor, self.best, value)
  self.best = value
  return true
end

local function save(self, epoch, logs)
  if not better(self, epoch, logs) then return end
  local path = fill(self.filepath, epoch, logs)
  self.model:save_weights(path)
  if self.save_state then self.model:save_state((path:gsub("%.weights%.h5$", ".state.h5"))) end
end

function ModelCheckpoint:on_epoch_begin(epoch) self.epoch = epoch end

function ModelCheckpoint:on_train_batch_end(_, logs)
  self.batches = self.batches + 1
  if self.save_freq ~= "epoch" and self.batches % self.save_freq == 0 then save(self, self.epoch, logs) end
end

function ModelCheckpoint:on_epoch_end(epoch, logs)
  if self.save_freq == "epoch" then save(self, epoch, logs) end
end

return ModelCheckpoint
