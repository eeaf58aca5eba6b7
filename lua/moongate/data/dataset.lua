-- Datasets: rows, their order, and batches of them. The order of an epoch follows from a seed and the epoch's number alone.
local check = require "moongate.check"
local class = require "moongate.class"
local memory = require "moongate.memory"
local ops = require "moongate.ops"
local structure = require "moongate.structure"
local tensor = require "moongate.tensor"

--- Batches of rows for fit, made by mg.data.from_tensors, from_function and windows.
---@example local data = mg.data.from_tensors(x, y):shuffle(1):batch(32)
local Dataset = class("Dataset")
Dataset.call_fix = "; likely fix: for x, y in dataset:iterate() do"

-- A source has `count` rows and rows(ids) or range(first, last), each giving x, y, w. Foreign batches come from `start(epoch)`.
function Dataset:init(source, settings)
  self.source, self.settings = source, settings or {}
end

local function with(self, changes)
  local settings = {}
  for key, value in pairs(self.settings) do settings[key] = value end
  for key, value in pairs(changes) do settings[key] = value end
  return Dataset(self.source, settings)
end

--- Whether `value` is a dataset.
---@return boolean
---@package
function Dataset.is_dataset(value)
  return type(value) == "table" and not tensor.is(value) and type(value.is) == "function" and value:is(Dataset)
end

-- Rows of tensors, or of lists and tables of tensors, with as many rows each.
local function of_tensors(op, x, y, w)
  if not structure.is_data(x) then tensor.expect(op, "x", x) end
  local rows = structure.first(x).shape[1]
  for _, other in ipairs { { "x", x }, { "y", y }, { "sample_weight", w } } do
    structure.each(other[2], function(t, at)
      local name = other[1] .. at
      tensor.expect(op, name, t)
      if #t.shape == 0 or t.shape[1] ~= rows then
        check.fail("%s: %s %s has %s rows and x %s has %s; they have to agree", op, name, tostring(t.shape),
          tostring(t.shape[1] or "no"), tostring(structure.first(x).shape), tostring(rows or "no"))
      end
    end)
  end
  local function each(f) return structure.map(x, f), structure.map(y, f), structure.map(w, f) end
  return Dataset {
    count = rows,
    rows = function(ids) return each(function(t) return ops.gather(t, ids) end) end,
    range = function(first, last) return each(function(t) return t:slice(1, first, last) end) end,
  }
end

--- Rows of tensors: x alone, with targets y, with weights w; each may be a list or a table by name of tensors too.
---@param x Tensor (N, ...)
---@param y? Tensor (N, ...)
---@param w? Tensor (N, ...)
---@return Dataset
---@example local data = mg.data.from_tensors(x, y):shuffle(1):batch(32)
function Dataset.from_tensors(x, y, w) return of_tensors("from_tensors", x, y, w) end

--- Batches from a Lua function: start(epoch) returns a function that gives x, y, w batch by batch, then nil.
---@param start function
---@return Dataset
---@example local data = mg.data.from_function(function(epoch) return coroutine.wrap(function() coroutine.yield(x, y) end) end)
function Dataset.from_function(start)
  check.type("from_function", "start", start, "function")
  return Dataset { start = start }
end

--- What fit takes as a dataset: one as it is, a function, or tensors.
---@return Dataset
---@package
function Dataset.of(op, x, y, w)
  if Dataset.is_dataset(x) then
    if y ~= nil then check.fail("%s: y is given beside a dataset, whose batches hold the targets already", op) end
    return x.settings.batch_size and x or x.source.start and x or x:batch(32)
  end
  if type(x) == "function" then return Dataset.from_function(x) end
  return of_tensors(op, x, y, w)
end

--- Another order in every epoch, which follows from `seed` and the epoch's number.
---@param seed integer
---@return Dataset
function Dataset:shuffle(seed)
  return with(self, { seed = check.integer("shuffle", "seed", seed, 0) })
end

--- Batches of `size` rows; the last one may be smaller unless drop_remainder.
---@param size integer
---@param options? table { drop_remainder = false }
---@return Dataset
function Dataset:batch(size, options)
  options = check.options("batch", options, { "drop_remainder" })
  return with(self, { batch_size = check.integer("batch", "size", size, 1), drop_remainder = options.drop_remainder or false })
end

--- Every batch through f(x, y, w), which returns the new x, y, w.
---@param f function
---@return Dataset
function Dataset:map(f)
  check.type("map", "f", f, "function")
  local before = self.settings.map
  return with(self, { map = before and function(...) return f(before(...)) end or f })
end

--- Batches of one epoch; nil when nobody knows.
---@return integer|nil
function Dataset:steps()
  local count, size = self.source.count, self.settings.batch_size or 1
  if not count then return nil end
  return self.settings.drop_remainder and math.floor(count / size) or math.ceil(count / size)
end

--- The batch (from 0) with which an epoch of `steps` batches begins when there are more: rows in their own order go on where the
--- epoch before stopped, as in Keras; shuffled ones begin a new order.
---@param epoch integer from 0
---@param steps integer|nil
---@return integer
---@package
function Dataset:first_batch(epoch, steps)
  local all = self:steps()
  if self.settings.seed or not all or not steps or steps >= all then return 0 end
  return epoch * steps % all
end

local function positions(self, epoch)
  local seed = self.settings.seed
  return seed and ops.random_permutation(self.source.count, { seed = seed, stream = epoch })
end

--- Iterates over the batches of an epoch (from 0): for x, y, w in data:iterate(0) do ... end
---@param epoch? integer
---@param passed? integer batches at its beginning that are passed over
---@return function
function Dataset:iterate(epoch, passed)
  local source, map = self.source, self.settings.map or function(...) return ... end
  passed = passed or 0
  if source.start then
    local next_batch = check.type("from_function", "start's result", source.start(epoch or 0), "function")
    for _ = 1, passed do next_batch() end
    return function()
      local x, y, w = next_batch()
      if x == nil then return nil end
      return map(x, y, w)
    end
  end
  local order, size, steps, step = positions(self, epoch or 0), self.settings.batch_size or 1, self:steps(), passed
  return function()
    if step >= steps then return nil end
    local first, last = step * size + 1, math.min((step + 1) * size, source.count)
    step = step + 1
    if order then return map(source.rows(order:slice(1, first, last))) end
    return map(source.range(first, last))
  end
end

--- Calls f, which takes a batch and works on it, and frees at once what it makes. A foreign generator may keep tensors of its own,
--- so with it nothing is freed early.
---@package
function Dataset:scoped(f)
  if self.source.start then return f() end
  return memory.scope(f)
end

--- The first batch of epoch 0, for its shapes.
---@package
function Dataset:peek() return self:iterate(0)() end

return Dataset
