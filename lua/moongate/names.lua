-- Automatic names, as Keras gives them: the class in snake_case, then _1, _2, ... for the next ones of a run.
local Registry = require "moongate.registry"

local names = {}
local used = {}

--- "gru", "gru_1", ... for objects of a class (or a name in snake_case already).
---@param class_name string
---@return string
function names.unique(class_name)
  local name = Registry.snake_case(class_name)
  local count = used[name] or 0
  used[name] = count + 1
  return count == 0 and name or name .. "_" .. count
end

--- Starts again at the first names (keras.backend.clear_session).
function names.reset() used = {} end

return names
