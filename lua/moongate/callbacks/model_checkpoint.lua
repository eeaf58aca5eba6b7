-- Weights or the whole model written during training. Rules: keras/src/callbacks/model_checkpoint.py.
local Callback = require "moongate.callbacks.callback"
local atomic = require "moongate.files.atomic"
local check = require "moongate.check"
local figure = require "moongate.callbacks.figure"
local monitor = require "moongate.callbacks.monitor"

local ModelCheckpoint = Callback:extend("ModelCheckpoint")

local OPTIONS = {
  "filepath", "monitor", "verbose", "save_best_only", "save_weights_only", "mode", "save_freq", "initial_value_threshold",
  "save_state",
}

local ENDINGS = { [true] = ".weights.h5", [false] = ".keras, for whole models" }
local EITHER = ".weights.h5, for weights, or in .keras, for whole models"

-- Whether only weights are written, which the name tells.
local function what_is_saved(op, path, weights_only)
  local ending = path:match("%.weights%.h5$") or path:match("%.keras$")
  if not ending or weights_only == true and ending == ".keras" or weights_only == false and ending ~= ".keras" then
    check.fail("%s: filepath %q with save_weights_only = %s, expected a name ending in %s", op, path, tostring(weights_only),
      ENDINGS[weights_only] or EITHER)
  end
  return ending ~= ".keras"
end

--- Writes the weights (filepath ends in .weights.h5) or the model (.keras) after every epoch (or every save_freq batches), or
--- with save_best_only when `monitor` has improved. `filepath` may hold {epoch:02d}, with save_freq {batch:03d}, or figures of the
--- logs, {val_loss:.2f}; its folder is made when it is not there. save_state = true also writes the rest of the run (optimizer,
--- step count, shuffle order, random streams) beside it, for resuming.
---@param options table filepath, monitor = "val_loss", mode = "auto", save_best_only = false, save_freq = "epoch", verbose = 0, ...
---@return Callback
---@example mg.callbacks.ModelCheckpoint { filepath = "best.weights.h5", save_best_only = true }
function ModelCheckpoint:init(options)
  local op = "ModelCheckpoint"
  if type(options) == "string" then options = { filepath = options } end
  options = check.options(op, options, OPTIONS)
  self.filepath = check.type(op, "filepath", options.filepath, "string")
  self.save_weights_only = what_is_saved(op, self.filepath, options.save_weights_only)
  self.save_freq = options.save_freq or "epoch"
  if self.save_freq ~= "epoch" then check.integer(op, "save_freq", self.save_freq, 1) end
  self.monitor = check.type(op, "monitor", options.monitor or "val_loss", "string")
  self.verbose, self.save_state = check.verbosity(op, options.verbose), options.save_state or false
  self.save_best_only = options.save_best_only or false
  self.direction = monitor.direction(op, self.monitor, options.mode or "auto")
  local threshold = options.initial_value_threshold
  self.best = threshold and check.number(op, "initial_value_threshold", threshold)
  self.batches, self.epoch = 0, 0
end

-- "{epoch:02d}-{val_loss:.2f}" with epoch and batch counted from 1.
local function fill(pattern, epoch, batch, logs)
  return (pattern:gsub("{([%w_]+):?([^}]*)}", function(name, format)
    local value = logs[name]
    if name == "epoch" then value = epoch + 1 elseif name == "batch" and batch then value = batch + 1 end
    if value == nil then
      check.fail("ModelCheckpoint: filepath %q names %s, which is not in the logs", pattern, name)
    end
    return format == "" and tostring(value) or ("%" .. format):format(figure.number(value))
  end))
end

local function say(self, epoch, ...)
  if self.verbose > 0 then print(("\nEpoch %d: "):format(epoch + 1) .. select(1, ...):format(select(2, ...))) end
end

-- What is to be saved: all, or with save_best_only what has improved; all of it too where the figure is missing, as in Keras.
local function better(self, epoch, logs, path)
  local value = self.save_best_only and monitor.value("ModelCheckpoint", logs, self.monitor)
  if not value then
    if not self.save_best_only then say(self, epoch, "saving model to %s", path) end
    return true
  end
  local best = self.best and ("%.5f"):format(self.best) or "None"
  if self.best and not monitor.improved(self.direction, value, self.best, 0) then
    say(self, epoch, "%s did not improve from %s", self.monitor, best)
    return false
  end
  say(self, epoch, "%s improved from %s to %.5f, saving model to %s", self.monitor, best, value, path)
  self.best = value
  return true
end

local function save(self, epoch, batch, logs)
  local path = fill(self.filepath, epoch, batch, logs or {})
  if not better(self, epoch, logs, path) then return end
  local made, message = atomic.make_folder(path:match("^(.*)/[^/]*$") or ".")
  if not made then check.fail("ModelCheckpoint: %s", message) end
  if self.save_weights_only then self.model:save_weights(path) else self.model:save(path) end
  if self.save_state then self.model:save_state(path:gsub("%.weights%.h5$", ""):gsub("%.keras$", "") .. ".state.h5") end
  say(self, epoch, "finished saving model to %s", path)
end

function ModelCheckpoint:on_epoch_begin(epoch) self.epoch = epoch end

function ModelCheckpoint:on_train_batch_end(batch, logs)
  self.batches = self.batches + 1
  if self.save_freq ~= "epoch" and self.batches % self.save_freq == 0 then save(self, self.epoch, batch, logs) end
end

function ModelCheckpoint:on_epoch_end(epoch, logs)
  if self.save_freq == "epoch" then save(self, epoch, nil, logs) end
end

return ModelCheckpoint
