-- Following one figure of the logs: which way is better, and is this better. Shared by EarlyStopping, ModelCheckpoint and
-- ReduceLROnPlateau.
local check = require "moongate.check"
local tensor = require "moongate.tensor"

local monitor = {}

local MODES = { "auto", "min", "max" }

-- Parts of the names of Keras's metrics that are better when they are larger.
local GROWING = { "acc", "auc", "precision", "recall", "f1_score", "fbeta_score", "r2_score", "io_u", "iou", "cosine_similarity",
  "sensitivity", "specificity", "correlation" }

--- "min" or "max" for `mode`; auto: accuracies and the like grow, all else shrinks.
---@return string
function monitor.direction(op, name, mode)
  check.one_of(op, "mode", mode, MODES)
  check.type(op, "monitor", name, "string")
  if mode ~= "auto" then return mode end
  for _, word in ipairs(GROWING) do
    if name:lower():find(word, 1, true) then return "max" end
  end
  return "min"
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
  if tensor.is(value) then
    check.fail("%s: monitor %q has %d values, expected one; likely fix: a metric with an average, or one threshold", op, name,
      value.count)
  end
  if value then return value end
  local names = {}
  for key in pairs(logs or {}) do names[#names + 1] = key end
  table.sort(names)
  io.stderr:write(("%s: monitor %q is not in the logs; there are: %s%s\n"):format(op, name, table.concat(names, ", "),
    check.hint(name, names)))
  return nil
end

return monitor
