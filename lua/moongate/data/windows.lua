-- Windows of a series as rows of a dataset; nothing is copied until a batch is made.
local create = require "moongate.tensor_create"
local check = require "moongate.check"
local Dataset = require "moongate.data.dataset"
local ops = require "moongate.ops"
local tensor = require "moongate.tensor"

local OPTIONS = { "length", "shift", "horizon", "target", "targets" }

-- One row of positions (from 0) for each start: (B, 1) + (1, L) = (B, L).
local function positions(starts, length, ahead)
  local steps = create.arange(ahead, ahead + length, { dtype = "int32" })
  return ops.add(ops.expand_dims(starts, 2), ops.expand_dims(steps, 1))
end

--- Windows of `length` steps of a series, `shift` steps apart, each with what follows: target "next" is the value `horizon` steps
--- behind the window's end, "sequence" the window moved by `horizon` steps, "none" nothing.
---@param series Tensor (N) or (N, F)
---@param options table { length =, shift = 1, horizon = 1, target = "next", targets = series }
---@return Dataset rows x (length[, F]), y
---@example local data = mg.data.windows(text_ids, { length = 100, shift = 100, target = "sequence" }):shuffle(1):batch(64)
return function(series, options)
  local op = "windows"
  tensor.expect(op, "series", series)
  local o = check.options(op, options, OPTIONS)
  local length, shift = check.integer(op, "length", o.length, 1), check.integer(op, "shift", o.shift or 1, 1)
  local horizon = check.integer(op, "horizon", o.horizon or 1, 0)
  local target = check.one_of(op, "target", o.target or "next", { "next", "sequence", "none" })
  local targets = o.targets or series
  local total = series.shape[1] - (target == "none" and 0 or horizon)
  local count = math.floor((total - length) / shift) + 1
  if count < 1 then
    check.fail("%s: series %s has no window of %d steps and %d more", op, tostring(series.shape), length, horizon)
  end
  local starts = ops.mul(create.arange(0, count, { dtype = "int32" }), shift):keep()
  local function rows(ids)
    local first = ops.gather(starts, ids)
    local x = ops.gather(series, positions(first, length, 0))
    if target == "none" then return x end
    if target == "sequence" then return x, ops.gather(targets, positions(first, length, horizon)) end
    return x, ops.gather(targets, ops.add(first, length - 1 + horizon))
  end
  return Dataset {
    count = count, rows = rows,
    range = function(first, last) return rows(create.arange(first - 1, last, { dtype = "int32" })) end,
  }
end
