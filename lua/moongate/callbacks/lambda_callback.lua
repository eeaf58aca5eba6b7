-- Callbacks from functions.
local Callback = require "moongate.callbacks.callback"
local check = require "moongate.check"

--- A callback made of functions, one for each hook named; they get what the hook gets, without self.
---@param hooks table { on_epoch_end = function(epoch, logs) ... end, ... }
---@return Callback
---@example mg.callbacks.LambdaCallback { on_epoch_end = function(epoch, logs) print(epoch, logs.val_loss) end }
local LambdaCallback = Callback:extend("LambdaCallback")

function LambdaCallback:init(hooks)
  for name, hook in pairs(check.options("LambdaCallback", hooks, Callback.HOOKS)) do
    check.type("LambdaCallback", name, hook, "function")
    self[name] = function(_, ...) return hook(...) end
  end
end

return LambdaCallback
