-- The base of callbacks, and the list of them that training calls. Names and order of the hooks: keras.callbacks.Callback.
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

--- A subclass of this class.
---@param name string
---@return table
function Callback.extend(parent, name) return class(name, parent) end

function Callback:set_model(model) self.model = model end
function Callback:set_params(params) self.params = params end

--- Callbacks as one: plain tables of functions count as LambdaCallback.
local CallbackList = class("CallbackList")
Callback.List = CallbackList

local function as_callback(value, i)
  if type(value) == "table" and value.on_epoch_begin and value.is then return value end
  if type(value) == "table" and getmetatable(value) == nil then return require("moongate.callbacks.lambda_callback")(value) end
  return check.fail("fit: callbacks[%d] is %s, expected a callback or a table of hooks (%s)", i, check.describe(value),
    table.concat(HOOKS, ", "))
end

function CallbackList:init(list, model, params)
  self.members = {}
  for i, value in ipairs(list) do self:append(as_callback(value, i), model, params) end
end

function CallbackList:append(callback, model, params)
  self.members[#self.members + 1] = callback
  callback:set_model(model)
  callback:set_params(params)
end

for _, name in ipairs(HOOKS) do
  CallbackList[name] = function(self, ...)
    for _, callback in ipairs(self.members) do callback[name](callback, ...) end
  end
end

return Callback
