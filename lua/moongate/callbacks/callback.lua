-- The base of callbacks. Names and order of the hooks: keras.callbacks.Callback.
-- Epochs and batches count from 0 in hooks, as in Keras.
local check = require "moongate.check"
local class = require "moongate.class"

local HOOKS = {
  "on_epoch_begin", "on_epoch_end", "on_train_begin", "on_train_end", "on_test_begin", "on_test_end", "on_predict_begin",
  "on_predict_end", "on_train_batch_begin", "on_train_batch_end", "on_test_batch_begin", "on_test_batch_end",
  "on_predict_batch_begin", "on_predict_batch_end",
}

--- Something that training calls at its turning points; a subclass defines the hooks that it wants. `self.model` and `self.params`
--- (epochs, steps, verbose) are set before on_train_begin.
---@example local Log = mg.callbacks.Callback:extend("Log"); function Log:on_epoch_end(epoch, logs) print(epoch, logs.loss) end
local Callback = class("Callback")
Callback.HOOKS = HOOKS

for _, name in ipairs(HOOKS) do Callback[name] = function() end end

-- The older names, which Keras still calls for batches of training.
function Callback:on_train_batch_begin(batch, logs)
  if self.on_batch_begin then self:on_batch_begin(batch, logs) end
end

function Callback:on_train_batch_end(batch, logs)
  if self.on_batch_end then self:on_batch_end(batch, logs) end
end

--- A subclass of this class.
---@param name string
---@return table
function Callback.extend(parent, name)
  check.type("Callback:extend (with a colon)", "parent", parent, "table")
  check.type("Callback:extend", "name", name, "string")
  return class(name, parent)
end

--- The model that is trained, kept in `self.model`.
---@param model Sequential
---@package
function Callback:set_model(model) self.model = model end

--- What the run is: epochs, steps, verbose, kept in `self.params`.
---@param params table
---@package
function Callback:set_params(params) self.params = params end

return Callback
