-- Copies: other dtypes, joined tensors, padding.
local core = require "moongate.ffi.core"
local check = require "moongate.check"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"
local raw = require "moongate.ops.raw"
local convert = require "moongate.ops.convert"
local C = core.C
local state, accumulate = autograd.state, autograd.accumulate

local M = {}

--- The values in another dtype; x itself when it has that dtype. Floats to integers truncate
---@param x Tensor (...)
---@param dtype string "float32", "float64", "int32" or "uint8"
---@return Tensor
function M.cast(x, dtype)
  tensors.expect("cast", "x", x)
  if dtype == nil then check.fail("cast: argument dtype is nil, expected one of %s", table.concat(tensors.DTYPES, ", ")) end
  return convert.cast(x, tensors.dtype("cast", dtype))
end

local function copy_back(node, dy)
  accumulate(node.a, dy)
end

--- A copy in memory of its own, row-major
---@param x Tensor (...)
---@return Tensor
function M.copy(x)
  tensors.expect("copy", "x", x)
  local y = raw.cast(x, x.dtype)
  if x.node and state.on then autograd.record(y, copy_back, x) end
  return y
end

--- x itself where its memory is row-major without gaps, else a copy
---@param x Tensor (...)
---@return Tensor
function M.contiguous(x)
  tensors.expect("contiguous", "x", x)
  return C.mg_tensor_is_contiguous(x.handle) ~= 0 and x or M.copy(x)
end

-- The one dimension in which two shapes differ, as a hint where to join.
local function differing(a, b)
  local found
  for i = 1, #a == #b and #a or 0 do
    if a[i] ~= b[i] then
      if found then return "" end
      found = i
    end
  end
  return found and ("; likely fix: concat along dimension %d"):format(found) or ""
end

-- The list, checked: tensors of one dtype (promoted) whose shapes agree but for dimension dim.
local function joined(op, list, dim)
  check.type(op, "list", list, "table")
  if tensors.is(list) or #list == 0 then
    check.fail("%s: argument list is %s, expected a list of tensors", op, check.describe(list))
  end
  local dtype = tensors.expect(op, "list[1]", list[1]).dtype
  for i = 2, #list do dtype = convert.higher(dtype, tensors.expect(op, "list[" .. i .. "]", list[i]).dtype) end
  local out, first = {}, list[1].shape
  for i = 1, #list do
    local x = list[i]
    local same = #x.shape == #first and shapes.equal(dim and shapes.with(x.shape, dim, 0) or x.shape,
      dim and shapes.with(first, dim, 0) or first)
    if not same then
      check.fail("%s: list[%d] has shape %s and list[1] %s, expected equal sizes%s%s", op, i, tostring(x.shape), tostring(first),
        dim and " except in dimension " .. dim or "", differing(x.shape, first))
    end
    out[i] = convert.cast(x, dtype)
  end
  return out
end

local function concat_back(node)
  local start, axis = 0, node.axis
  for _, x in ipairs(node.list) do
    local size = x.shape[axis + 1]
    if x.node then accumulate(x, raw.slice(node[1], axis, size == 0 and 0 or start, size, 1)) end
    start = start + size
  end
end

local function copy_into(out, axis, start, x)
  local size = x.shape[axis + 1]
  if size == 0 then return start end
  local part = raw.slice(out, axis, start, size, 1)
  raw.copy_to(part, x)
  part:free()
  return start + size
end

--- Tensors one after another along dim
---@param list Tensor[] of equal shape except in dim
---@param dim? integer default 1
---@return Tensor
---@example mg.ops.concat({ a, b }, -1)
function M.concat(list, dim)
  check.type("concat", "list", list, "table")
  local n = tensors.is(list[1]) and #list[1].shape or 1
  dim = shapes.dim("concat", dim or 1, n)
  list = joined("concat", list, dim)
  local size = 0
  for _, x in ipairs(list) do size = size + x.shape[dim] end
  local y = tensors.alloc(shapes.with(list[1].shape, dim, size), list[1].dtype, list[1])
  local start = 0
  for _, x in ipairs(list) do start = copy_into(y, dim - 1, start, x) end
  if autograd.any(list) then autograd.record_many({ y }, concat_back, list, {}).axis = dim - 1 end
  return y
end

--- Tensors of one shape as the positions of a new dimension dim
---@param list Tensor[] of equal shape
---@param dim? integer default 1
---@return Tensor
function M.stack(list, dim)
  list = joined("stack", list)
  local expand, parts = require("moongate.ops.view").expand_dims, {}
  dim = shapes.dim("stack", dim or 1, #list[1].shape, 1)
  for i, x in ipairs(list) do parts[i] = expand(x, dim) end
  return M.concat(parts, dim)
end

-- The part of a padded tensor that holds x.
local function inner(padded, before, shape)
  local part = padded
  for i = 1, #shape do
    part = raw.slice(part, i - 1, shape[i] == 0 and 0 or before[i], shape[i], 1)
  end
  return part
end

local function pad_back(node, dy)
  accumulate(node.a, inner(dy, node.before, node.a.shape))
end

--- `value` added before and after in each dimension
---@param x Tensor (...)
---@param widths table[] one { before, after } for each dimension
---@param value? number default 0
---@return Tensor
---@example mg.ops.pad(x, { { 0, 0 }, { 1, 2 } })
function M.pad(x, widths, value)
  tensors.expect("pad", "x", x)
  check.type("pad", "widths", widths, "table")
  if #widths ~= #x.shape then
    check.fail("pad: widths has %d entries, expected one {before, after} for each dimension of %s", #widths, tostring(x.shape))
  end
  if value ~= nil then check.type("pad", "value", value, "number") end
  local before, shape = {}, {}
  for i = 1, #widths do
    local name = "widths[" .. i .. "]"
    check.type("pad", name, widths[i], "table")
    before[i] = check.integer("pad", name .. "[1]", widths[i][1], 0)
    shape[i] = x.shape[i] + before[i] + check.integer("pad", name .. "[2]", widths[i][2], 0)
  end
  local y = raw.full(shapes.of("pad", shape), x.dtype, value or 0, x)
  if x.count > 0 then raw.copy_to(inner(y, before, x.shape), x) end
  if x.node and state.on then autograd.record(y, pad_back, x).before = before end
  return y
end

return M
