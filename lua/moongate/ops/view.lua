-- Other views of the same memory: reshape, permute, slice and their kin. Dimensions count from 1, negative from the end.
local check = require "moongate.check"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"
local raw = require "moongate.ops.raw"
local state, accumulate, record = autograd.state, autograd.accumulate, autograd.record

local M = {}

local function reshape_back(node, dy)
  accumulate(node.a, raw.reshape(dy, node.a.shape))
end

local function reshaped(x, shape)
  local y = raw.reshape(x, shape)
  if x.node and state.on then record(y, reshape_back, x) end
  return y
end

-- The sizes asked for, with one -1 inferred from the number of elements.
local function target_shape(op, x, sizes)
  check.type(op, "shape", sizes, "table")
  local shape, known, missing = {}, 1, nil
  for i = 1, #sizes do
    local size = check.integer(op, "shape[" .. i .. "]", sizes[i], -1, 2 ^ 53)
    if size == -1 and missing then check.fail("%s: shape has two unknown sizes (-1), expected at most one", op) end
    if size == -1 then missing = i else known = known * size end
    shape[i] = size
  end
  if missing then
    if known == 0 or x.count % known ~= 0 then
      check.fail("%s: argument x %s has %d elements, which shape %s does not divide, expected known sizes whose product does", op,
        tostring(x.shape), x.count, tostring(shapes.own(shape)))
    end
    shape[missing] = x.count / known
  end
  shape = shapes.of(op, shape)
  if shapes.count(shape) ~= x.count then
    check.fail("%s: argument x %s has %d elements and shape %s needs %d; likely fix: -1 for the size that is to fit", op,
      tostring(x.shape), x.count, tostring(shape), shapes.count(shape))
  end
  return shape
end

--- The same elements in row-major order in another shape; a view where possible. One size may be -1
---@param x Tensor (...)
---@param shape integer[]
---@return Tensor
---@example x:reshape{ -1, 3 }
function M.reshape(x, shape, ...)
  tensors.expect("reshape", "x", x)
  if type(shape) == "number" then shape = { shape, ... } end
  return reshaped(x, target_shape("reshape", x, shape))
end

--- As reshape
---@param x Tensor (...)
---@param shape integer[]
---@return Tensor
function M.view(x, shape, ...)
  return M.reshape(x, shape, ...)
end

--- A new dimension of size 1 at dim
---@param x Tensor (...)
---@param dim integer
---@return Tensor
function M.expand_dims(x, dim)
  tensors.expect("expand_dims", "x", x)
  dim = shapes.dim("expand_dims", dim, #x.shape, 1)
  local shape = {}
  for i = 1, #x.shape do shape[i] = x.shape[i] end
  table.insert(shape, dim, 1)
  return reshaped(x, shapes.of("expand_dims", shape))
end

--- Without dimension dim, which has size 1; nil: without all of size 1
---@param x Tensor (...)
---@param dim? integer
---@return Tensor
function M.squeeze(x, dim)
  tensors.expect("squeeze", "x", x)
  local shape = {}
  if dim then
    dim = shapes.dim("squeeze", dim, #x.shape)
    if x.shape[dim] ~= 1 then
      check.fail("squeeze: dimension %d of x %s has size %d, expected 1; likely fix: select(%d, i), or reshape", dim,
        tostring(x.shape), x.shape[dim], dim)
    end
    return reshaped(x, shapes.without(x.shape, dim))
  end
  for i = 1, #x.shape do
    if x.shape[i] ~= 1 then shape[#shape + 1] = x.shape[i] end
  end
  return reshaped(x, shapes.own(shape))
end

local function permute_back(node, dy)
  local back = {}
  for i = 1, #node.axes do back[node.axes[i] + 1] = i - 1 end
  accumulate(node.a, raw.permute(dy, back))
end

local function permuted(x, axes)
  local y = raw.permute(x, axes)
  if x.node and state.on then record(y, permute_back, x).axes = axes end
  return y
end

--- The dimensions in another order: dimension i of the result is dimension dims[i] of x
---@param x Tensor (...)
---@param dims integer[] each of 1..n once
---@return Tensor
---@example x:permute{ 2, 1, 3 }
function M.permute(x, dims, ...)
  tensors.expect("permute", "x", x)
  if type(dims) == "number" then dims = { dims, ... } end
  check.type("permute", "dims", dims, "table")
  local axes, seen, n = {}, {}, #x.shape
  for i = 1, #dims do
    axes[i] = shapes.dim("permute", dims[i], n) - 1
    if seen[axes[i]] then check.fail("permute: dims name dimension %d twice", axes[i] + 1) end
    seen[axes[i]] = true
  end
  if #axes ~= n then check.fail("permute: dims has %d entries, expected %d for x %s", #axes, n, tostring(x.shape)) end
  return permuted(x, axes)
end

--- Two dimensions exchanged (default: the last two)
---@param x Tensor (...)
---@param d1? integer
---@param d2? integer
---@return Tensor
function M.transpose(x, d1, d2)
  tensors.expect("transpose", "x", x)
  local n, axes = #x.shape, {}
  if n < 2 and not d1 then check.fail("transpose: x %s, expected at least two dimensions", tostring(x.shape)) end
  d1, d2 = shapes.dim("transpose", d1 or -2, n), shapes.dim("transpose", d2 or -1, n)
  for i = 1, n do axes[i] = i - 1 end
  axes[d1], axes[d2] = axes[d2], axes[d1]
  return permuted(x, axes)
end

--- The transposed matrix
---@param x Tensor (M, N)
---@return Tensor (N, M)
function M.t(x)
  tensors.expect("t", "x", x)
  if #x.shape ~= 2 then check.fail("t: x %s, expected two dimensions; use permute or transpose", tostring(x.shape)) end
  return M.transpose(x, 1, 2)
end

local function slice_back(node, dy)
  local dx = raw.full_like(node.a, 0)
  raw.copy_to(raw.slice(dx, node.axis, node.start, node.number, node.step), dy)
  accumulate(node.a, dx)
end

-- Elements start, start + step, ... (from 0) of an axis.
local function sliced(x, axis, start, number, step)
  local y = raw.slice(x, axis, start, number, step)
  if x.node and state.on then
    local node = record(y, slice_back, x)
    node.axis, node.start, node.number, node.step = axis, start, number, step
  end
  return y
end

-- A position 1..size or -size..-1 as 1..size.
local function position(op, name, value, x, dim)
  local size = x.shape[dim]
  check.integer(op, name, value)
  local p = value < 0 and size + 1 + value or value
  if p < 1 or p > size then
    check.fail("%s: %s is %d, expected 1..%d or -%d..-1 in dimension %d of %s", op, name, value, size, size, dim, tostring(x.shape))
  end
  return p
end

--- Elements first, first + step, ... up to last of dimension dim, both included, counted from 1, negative from the end
---@param x Tensor (...)
---@param dim integer
---@param first? integer default 1 (the end when step is negative)
---@param last? integer default the other end; first - 1 gives no element
---@param step? integer default 1
---@return Tensor
---@example x:slice(2, 1, 10)
function M.slice(x, dim, first, last, step)
  tensors.expect("slice", "x", x)
  dim, step = shapes.dim("slice", dim, #x.shape), step or 1
  local size = x.shape[dim]
  if check.integer("slice", "step", step, -2 ^ 31, 2 ^ 31) == 0 then check.fail("slice: argument step is 0, expected another") end
  local start, stop = step > 0 and 1 or size, step > 0 and size or 1
  if step > 0 and type(first) == "number" and last == first - 1 and first >= 1 and first <= size + 1 then
    return sliced(x, dim - 1, 0, 0, 1) -- the empty range before `first`
  end
  if first ~= nil then start = position("slice", "first", first, x, dim) end
  if last ~= nil then stop = position("slice", "last", last, x, dim) end
  local number = math.max(0, math.floor((stop - start) / step) + 1)
  return sliced(x, dim - 1, number == 0 and 0 or start - 1, number, step)
end

--- One position of dimension dim, which vanishes
---@param x Tensor (...)
---@param dim integer
---@param i integer from 1, negative from the end
---@return Tensor
function M.select(x, dim, i)
  tensors.expect("select", "x", x)
  dim = shapes.dim("select", dim, #x.shape)
  local p = position("select", "index", i, x, dim)
  return reshaped(sliced(x, dim - 1, p - 1, 1, 1), shapes.without(x.shape, dim))
end

--- The elements of dimension dim in opposite order
---@param x Tensor (...)
---@param dim integer
---@return Tensor
function M.reverse(x, dim)
  tensors.expect("reverse", "x", x)
  dim = shapes.dim("reverse", dim, #x.shape)
  local size = x.shape[dim]
  return sliced(x, dim - 1, math.max(size - 1, 0), size, size > 0 and -1 or 1)
end

local function split_back(node)
  local x = node.list[1]
  local dx, start = raw.full_like(x, 0), 0
  for i, size in ipairs(node.sizes) do
    if node[i] then raw.copy_to(raw.slice(dx, node.axis, start, size, 1), node[i]) end
    start = start + size
  end
  accumulate(x, dx)
end

-- A list of sizes that fill dimension dim; a number gives pieces of that size, the last one maybe smaller.
local function piece_sizes(x, sizes, dim)
  local total, list = x.shape[dim], {}
  if type(sizes) == "number" then
    check.integer("split", "sizes", sizes, 1)
    for start = 0, total - 1, sizes do list[#list + 1] = math.min(sizes, total - start) end
    return list
  end
  check.type("split", "sizes", sizes, "table")
  local sum = 0
  for i = 1, #sizes do
    list[i] = check.integer("split", "sizes[" .. i .. "]", sizes[i], 0)
    sum = sum + list[i]
  end
  if sum ~= total then
    check.fail("split: argument sizes adds up to %d, expected %d: dimension %d of x %s%s", sum, total, dim,
      tostring(x.shape), sum < total and ("; likely fix: one more piece of %d"):format(total - sum) or "")
  end
  return list
end

--- Pieces along dim, as a list
---@param x Tensor (...)
---@param sizes integer|integer[] the size of each piece, or one size for all
---@param dim? integer default 1
---@return Tensor[]
function M.split(x, sizes, dim)
  tensors.expect("split", "x", x)
  dim = shapes.dim("split", dim or 1, #x.shape)
  local list, pieces, start = piece_sizes(x, sizes, dim), {}, 0
  for i, size in ipairs(list) do
    pieces[i] = raw.slice(x, dim - 1, size == 0 and 0 or start, size, 1)
    start = start + size
  end
  if x.node and state.on and #pieces > 0 then
    local node = autograd.record_many(pieces, split_back, { x }, {})
    node.sizes, node.axis = list, dim - 1
  end
  return pieces
end

local function broadcast_back(node, dy)
  accumulate(node.a, raw.sum_to(dy, node.a.shape))
end

--- A view in which dimensions of size 1 are repeated
---@param x Tensor (...)
---@param shape integer[]
---@return Tensor
function M.broadcast_to(x, shape, ...)
  tensors.expect("broadcast_to", "x", x)
  shape = shapes.of("broadcast_to", shape, ...)
  if not shapes.equal(shapes.broadcast("broadcast_to", x.shape, shape), shape) then
    check.fail("broadcast_to: argument x %s is larger than shape %s, expected sizes of x that are equal or 1", tostring(x.shape),
      tostring(shape))
  end
  local y = raw.broadcast(x, shape)
  if rawequal(y, x) then y = tensors.alias(x) end
  if x.node and state.on then record(y, broadcast_back, x) end
  return y
end

return M
