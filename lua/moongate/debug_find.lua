-- Where in a tensor the first value is that is not finite: by step, then by row. (B,T,U) has rows and steps, time-major (T,B,U)
-- too; in everything else the first dimension is the row.
local autograd = require "moongate.autograd"
local ops = require "moongate.ops"

local find = {}

local function is_float(t) return t.dtype == "float32" or t.dtype == "float64" end

-- { row = dimension, step = dimension } of a shape.
local function layout(shape, time_major)
  if #shape == 3 then return { row = time_major and 2 or 1, step = time_major and 1 or 2 } end
  return { row = #shape > 0 and 1 or nil }
end

-- The index (from 1) along a dimension of element i (from 0).
local function index_of(shape, dim, i)
  if not dim then return nil end
  local inner = 1
  for k = dim + 1, #shape do inner = inner * shape[k] end
  return math.floor(i / inner) % shape[dim] + 1
end

local function text_of(value) return value ~= value and "nan" or tostring(value) end

-- Whether place a comes before b: by step (the last one first when `last`), then by row.
local function before(a, b, last)
  if not b then return true end
  if a.step and a.step ~= b.step then return (a.step > b.step) == (last == true) end
  return a.row ~= nil and a.row < b.row
end

local function all_finite(t)
  return autograd.no_grad(function() return ops.min(ops.is_finite(t)):item() == 1 end)
end

--- { row =, step =, value = "nan" } of the first value of a tensor that is not finite; nil when all are.
---@param t Tensor
---@param options? table time_major, backwards: the steps lie in reversed order, last: the last step counts as the first
---@return table|nil
function find.first(t, options)
  if not is_float(t) or t.count == 0 or all_finite(t) then return nil end
  options = options or {}
  local shape, values, best = t.shape, t:to_flat_table(), nil
  local dims = layout(shape, options.time_major)
  for i = 1, #values do
    local value = values[i]
    if value - value ~= 0 then
      local place = { row = index_of(shape, dims.row, i - 1), step = index_of(shape, dims.step, i - 1), value = text_of(value) }
      if before(place, best, options.last) then best = place end
    end
  end
  if options.backwards and best.step then best.step = shape[dims.step] + 1 - best.step end
  return best
end

--- The same within the row and step of a place, as far as the tensor has them.
---@param t Tensor
---@param place table { row =, step = }
---@param time_major boolean|nil
---@return table|nil
function find.at(t, place, time_major)
  if not is_float(t) or t.count == 0 or all_finite(t) then return nil end
  local shape, values = t.shape, t:to_flat_table()
  local dims = layout(shape, time_major)
  for i = 1, #values do
    local row, step = index_of(shape, dims.row, i - 1), index_of(shape, dims.step, i - 1)
    local here = (not row or not place.row or row == place.row) and (not step or not place.step or step == place.step)
    if here and values[i] - values[i] ~= 0 then return { row = row, step = step, value = text_of(values[i]) } end
  end
  return nil
end

return find
