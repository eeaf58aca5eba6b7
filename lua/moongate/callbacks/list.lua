-- The callbacks of a run as one, with the progress bar and the history that every run has. Hooks: see callback.lua.
local Callback = require "moongate.callbacks.callback"
local check = require "moongate.check"
local class = require "moongate.class"
local LambdaCallback = require "moongate.callbacks.lambda_callback"
local ProgressBar = require "moongate.callbacks.progress_bar"

local List = class("CallbackList")

for _, name in ipairs(Callback.HOOKS) do
  List[name] = function(self, ...)
    for _, callback in ipairs(self.members) do callback[name](callback, ...) end
  end
end

local function is_plain(value) return type(value) == "table" and getmetatable(value) == nil end

local function as_callback(value, i)
  if is_plain(value) then return LambdaCallback(value) end
  if type(value) == "table" and value.on_epoch_begin and value.is and not rawget(value, "init") then return value end
  return check.fail("fit: callbacks[%d] is %s, expected a callback or a table of hooks (%s)", i, check.describe(value),
    table.concat(Callback.HOOKS, ", "))
end

local function verbosity(value)
  if value == nil or value == "auto" then return 1 end
  return check.verbosity("fit", value)
end

--- The list for a run of `model`. `options`: callbacks and verbose as fit takes them; `params`: epochs and steps; `history`: a
--- History or nil. Callbacks run in the order given, as in Keras; the bar stands before the first plain table of functions, so that
--- its line has ended when those print theirs.
---@param model Sequential
---@param options table
---@param params table
---@param history? History
function List:init(model, options, params, history)
  local given = options.callbacks or {}
  if type(given) ~= "table" or getmetatable(given) then
    check.fail("fit: argument callbacks is %s, expected a list { callback, ... }", check.describe(given))
  end
  self.members, self.verbose = {}, verbosity(options.verbose)
  params.verbose = self.verbose
  local bar = self.verbose > 0 and ProgressBar() or nil
  for i, value in ipairs(given) do
    if bar and is_plain(value) then
      table.insert(self.members, bar)
      bar = nil
    end
    table.insert(self.members, as_callback(value, i))
  end
  if bar then table.insert(self.members, bar) end
  if history then table.insert(self.members, history) end
  for _, callback in ipairs(self.members) do
    callback:set_model(model)
    callback:set_params(params)
  end
end

return List
