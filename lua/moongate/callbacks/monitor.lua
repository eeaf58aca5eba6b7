-- Following one figure of the logs: which way is better, and is this better. Shared by EarlyStopping, ModelCheckpoint and
-- ReduceLROnPlateau.
local check = require "moongate.check"

local monitor = {}

local MODES = { "auto", "min", "max" }

--- "min" or "max" for `mode`; auto: accuracies grow, all else shrinks.
---@return string
function monitor.direction(op, name, mode)
  check.one_of(op, "mode", mode, MODES)
  check.type(op, "monitor", name, "string")
  if mode ~= "auto" then return mode end
  return (name:find("acc", 1, true) or name:find("auc", 1, true)) and "max" or "min"
end

--- Whether `value` is better than `best` by more than `delta`.
---@return boolean
function monitor.improved(direction, value, best, delta)
  if direction == "min" then return value + delta < best end
  return value - delta > best
end

--- Where improving starts.
---@return number
function monitor.worst(direction) return direction == "min" and math.huge or -math.huge end

--- The figure `name` of the logs, or nil after a warning that names those there are.
---@return number|nil
function monitor.value(op, logs, name)
  local value = logs and logs[name]
  if value then return value end
  local names = {}
  for key in pairs(logs or {}) do names[#names + 1] = key end
  table.sort(names)
  io.stderr:write(("%s: monitor %q is not in the logs; there are: %s%s\n"):format(op, name, table.concat(names, ", "),
    check.hint(name, names)))
  return nil
end

return monitor
