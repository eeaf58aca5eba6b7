-- Making tensors: from nested tables, filled, ranges.
local check = require "moongate.check"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"
local raw = require "moongate.ops.raw"

local M = {}

-- A table with nil among its entries has no length to rely on.
local function refuse_hole(value, depth)
  local i = 1
  while value[i] ~= nil do i = i + 1 end
  check.fail("tensor: entry%s[%d] is nil and entries follow it, expected none missing", ("[1]"):rep(depth - 1), i)
end

-- The shape of a nested table by its first entries.
local function shape_of(value)
  local shape = {}
  while type(value) == "table" and not tensors.is(value) do
    shape[#shape + 1] = #value
    if table.maxn(value) ~= #value then refuse_hole(value, #shape) end
    if #shape > 8 then check.fail("tensor: the tables are nested more than 8 deep, which is the most dimensions a tensor has") end
    value = value[1]
  end
  return shape, value
end

local function ragged(value, shape, depth, path)
  check.fail("tensor: entry%s is %s, expected %s as in the first entries; all rows must have equal length", path,
    type(value) == "table" and not tensors.is(value) and "a table of length " .. #value .. (#value == 0 and next(value)
      and " with named fields" or "") or check.describe(value),
    depth > #shape and "a number" or "a table of length " .. shape[depth])
end

-- Appends the numbers of a nested table to `flat`, checking every row against the shape.
local function flatten(value, shape, depth, flat, path)
  if depth > #shape then
    if value == true or value == false then value = value and 1 or 0 end
    if type(value) ~= "number" then ragged(value, shape, depth, path) end
    flat[#flat + 1] = value
    return
  end
  if type(value) ~= "table" or #value ~= shape[depth] or (#value == 0 and next(value) ~= nil) then
    ragged(value, shape, depth, path)
  end
  for i = 1, shape[depth] do flatten(value[i], shape, depth + 1, flat, path .. "[" .. i .. "]") end
end

local RANGES = { int32 = { -2 ^ 31, 2 ^ 31 - 1 }, uint8 = { 0, 255 } }

local function checked(value, dtype)
  local range = RANGES[dtype]
  if range and not (value >= range[1] and value <= range[2] and value % 1 == 0) then
    check.fail("tensor: value %s does not fit into %s", tostring(value), dtype)
  end
  return value
end

--- A tensor from a flat list in row-major order.
function tensors.from_list(list, shape, dtype)
  local t = tensors.alloc(shape, dtype)
  local p = tensors.write(t)
  for i = 1, t.count do p[i - 1] = checked(list[i], dtype) end
  return t
end

local function options_of(op, options)
  if type(options) == "string" then options = { dtype = options } end
  options = check.options(op, options, { "dtype", "requires_grad" })
  tensors.dtype(op, options.dtype)
  return options
end

local function finished(t, options)
  return options.requires_grad and t:requires_grad_() or t
end

--- A tensor from a number, a boolean, or nested tables of them. Numbers give mg.floatx(), whole or not; booleans give uint8.
---@param value number|boolean|table|Tensor
---@param options? table { dtype = "float32", requires_grad = false }
---@return Tensor
---@example mg.tensor{ { 1, 2, 3 }, { 4, 5, 6 } }
function M.tensor(value, options)
  options = options_of("tensor", options)
  if tensors.is(value) then
    return finished(raw.cast(value, options.dtype or value.dtype), options)
  end
  if type(value) ~= "number" and type(value) ~= "boolean" then check.type("tensor", "value", value, "table") end
  local shape, first = shape_of(value)
  if tensors.is(first) then
    check.fail("tensor: entries are tensors; join them with mg.ops.stack(list)")
  end
  if shapes.count(shape) > 0 and first == nil then check.fail("tensor: argument value has no entry [1], expected a list") end
  local flat = {}
  flatten(value, shape, 1, flat, "")
  local default = type(first) == "boolean" and "uint8" or tensors.floatx
  return finished(tensors.from_list(flat, shapes.of("tensor", shape), options.dtype or default), options)
end

--- A tensor as it is, other values as `tensor` makes them in `dtype`.
---@param value Tensor|number|table
---@param dtype? string
---@return Tensor
function M.as_tensor(value, dtype)
  return tensors.is(value) and value or M.tensor(value, { dtype = dtype })
end

-- Splits "sizes one after another or in a table, then options" into shape and options.
local function shape_and_options(op, first, ...)
  if type(first) ~= "number" then return shapes.of(op, first), options_of(op, (...)) end
  local sizes, n = { first, ... }, 1 + select("#", ...)
  local options = sizes[n]
  if type(options) == "number" then options, n = nil, n + 1 end
  for i = 1, n - 1 do check.integer(op, ("shape[%d]"):format(i), sizes[i], 0) end -- nil too, which ends a table early
  sizes[n] = nil
  return shapes.of(op, sizes), options_of(op, options)
end

local function filled(op, value)
  return function(...)
    local shape, options = shape_and_options(op, ...)
    return finished(raw.full(shape, options.dtype or tensors.floatx, value), options)
  end
end

--- Zeros of a shape
---@param shape integer[] or the sizes one after another
---@param options? table { dtype =, requires_grad = }
---@return Tensor
---@example mg.zeros(2, 3)
M.zeros = filled("zeros", 0)
--- Ones of a shape
---@param shape integer[] or the sizes one after another
---@param options? table { dtype =, requires_grad = }
---@return Tensor
---@example mg.ones({ 2, 3 }, { dtype = "int32" })
M.ones = filled("ones", 1)

--- A tensor of undefined contents
---@param shape integer[] or the sizes one after another
---@param options? table { dtype =, requires_grad = }
---@return Tensor
function M.empty(...)
  local shape, options = shape_and_options("empty", ...)
  return finished(tensors.alloc(shape, options.dtype or tensors.floatx), options)
end

--- A shape filled with one value
---@param shape integer[]
---@param value number
---@param options? table { dtype =, requires_grad = }
---@return Tensor
---@example mg.full({ 2, 2 }, 7)
function M.full(shape, value, options)
  options = options_of("full", options)
  check.type("full", "value", value, "number")
  return finished(raw.full(shapes.of("full", shape), options.dtype or tensors.floatx, value), options)
end

local function filled_like(op, value)
  return function(x, options)
    tensors.expect(op, "x", x)
    options = options_of(op, options)
    return finished(raw.full_like(x, value, options.dtype), options)
  end
end

--- Zeros in the shape and dtype of x
---@param x Tensor (...)
---@param options? table { dtype =, requires_grad = }
---@return Tensor
M.zeros_like = filled_like("zeros_like", 0)
--- Ones in the shape and dtype of x
---@param x Tensor (...)
---@param options? table { dtype =, requires_grad = }
---@return Tensor
M.ones_like = filled_like("ones_like", 1)

--- One value in the shape and dtype of x
---@param x Tensor (...)
---@param value number
---@param options? table { dtype =, requires_grad = }
---@return Tensor
function M.full_like(x, value, options)
  check.type("full_like", "value", value, "number")
  return filled_like("full_like", value)(x, options)
end

local function computed(op, count, options, f)
  local dtype = options.dtype or tensors.floatx
  local t = tensors.alloc(shapes.of(op, { count }), dtype)
  local p = tensors.write(t)
  for i = 0, count - 1 do p[i] = checked(f(i), dtype) end
  return finished(t, options)
end

--- start, start + step, ... up to but without stop, as in NumPy and PyTorch; arange(n) counts 0..n-1
---@param start number
---@param stop? number
---@param step? number default 1
---@param options? table { dtype =, requires_grad = }
---@return Tensor (n)
---@example mg.arange(0, 1, 0.25)
function M.arange(start, stop, step, options)
  if type(stop) == "table" then stop, options = nil, stop end
  if type(step) == "table" then step, options = nil, step end
  if stop == nil then start, stop = 0, start end
  options, step = options_of("arange", options), step or 1
  check.number("arange", "start", start, -2 ^ 53, 2 ^ 53)
  check.number("arange", "stop", stop, -2 ^ 53, 2 ^ 53)
  if check.number("arange", "step", step) == 0 then check.fail("arange: argument step is 0, expected another number") end
  local count = math.max(0, math.ceil((stop - start) / step))
  return computed("arange", check.integer("arange", "number of elements", count, 0, 2 ^ 31), options,
    function(i) return start + i * step end)
end

--- `count` numbers from first to last, both included, at equal distances
---@param first number
---@param last number
---@param count integer
---@param options? table { dtype =, requires_grad = }
---@return Tensor (count)
---@example mg.linspace(0, 1, 5)
function M.linspace(first, last, count, options)
  options = options_of("linspace", options)
  check.number("linspace", "first", first)
  check.number("linspace", "last", last)
  check.integer("linspace", "count", count, 0, 2 ^ 31)
  local step = count > 1 and (last - first) / (count - 1) or 0
  return computed("linspace", count, options, function(i)
    return i == count - 1 and i > 0 and last or first + i * step
  end)
end

--- Ones on the diagonal, else zeros
---@param rows integer
---@param columns? integer default rows
---@param options? table { dtype =, requires_grad = }
---@return Tensor (rows, columns)
function M.eye(rows, columns, options)
  if type(columns) == "table" then columns, options = nil, columns end
  options, columns = options_of("eye", options), columns or rows
  check.integer("eye", "rows", rows, 0, 2 ^ 31)
  check.integer("eye", "columns", columns, 0, 2 ^ 31)
  local t = raw.full(shapes.of("eye", { rows, columns }), options.dtype or tensors.floatx, 0)
  local p = tensors.write(t)
  for i = 0, math.min(rows, columns) - 1 do p[i * columns + i] = 1 end
  return finished(t, options)
end

return M
