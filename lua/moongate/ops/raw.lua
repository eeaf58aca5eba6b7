-- Unrecorded operations and views, for the bodies of the others. Dimensions count from 0 here, as in the engine.
local core = require "moongate.ffi.core"
local ffi = require "ffi"
local bit = require "bit"
local memory = require "moongate.memory"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"
local C, raise = core.C, core.raise
local alloc, alloc_like, wrap, fill_dims = tensors.alloc, tensors.alloc_like, tensors.wrap, tensors.fill_dims

local raw = {}

function raw.unary(code, x, a, b)
  local y = alloc_like(x, x.dtype)
  if C.mg_unary(code, y.handle, x.handle, a or 0, b or 0) ~= 0 then raise() end
  return y
end

--- a and b share their dtype; broadcasts.
function raw.binary(code, a, b, op)
  local y
  if rawequal(a.shape, b.shape) or shapes.equal(a.shape, b.shape) then
    y = alloc_like(a, a.dtype)
  else
    y = alloc(shapes.broadcast(op or "backward", a.shape, b.shape), a.dtype, a)
  end
  if C.mg_binary(code, y.handle, a.handle, b.handle) ~= 0 then raise() end
  return y
end

function raw.add(a, b) return raw.binary(C.MG_BINARY_ADD, a, b) end
function raw.sub(a, b) return raw.binary(C.MG_BINARY_SUB, a, b) end
function raw.mul(a, b) return raw.binary(C.MG_BINARY_MUL, a, b) end
function raw.div(a, b) return raw.binary(C.MG_BINARY_DIV, a, b) end
--- s * x + t
function raw.affine(x, s, t) return raw.unary(C.MG_UNARY_AFFINE, x, s, t) end

function raw.compare(code, a, b, op)
  local y = alloc(shapes.broadcast(op or "backward", a.shape, b.shape), "uint8", a)
  if C.mg_compare(code, y.handle, a.handle, b.handle) ~= 0 then raise() end
  return y
end

function raw.fill(x, value)
  if C.mg_fill(x.handle, value) ~= 0 then raise() end
  return x
end

function raw.full(shape, dtype, value, like)
  return raw.fill(alloc(shape, dtype, like), value)
end

function raw.full_like(x, value, dtype)
  return raw.fill(alloc_like(x, dtype or x.dtype), value)
end

--- A scalar beside `like`: of its device, and of its dtype unless given.
function raw.scalar(value, like, dtype)
  return raw.fill(alloc(shapes.own {}, dtype or like.dtype, like), value)
end

function raw.cast(x, dtype)
  local y = alloc_like(x, dtype)
  if C.mg_copy(y.handle, x.handle) ~= 0 then raise() end
  return y
end

--- out = a + b, all of one shape and dtype; out may be a.
function raw.add_into(out, a, b)
  if C.mg_binary(C.MG_BINARY_ADD, out.handle, a.handle, b.handle) ~= 0 then raise() end
  return out
end

function raw.copy_to(out, x)
  if C.mg_copy(out.handle, x.handle) ~= 0 then raise() end
  return out
end

function raw.is_contiguous(x) return C.mg_tensor_is_contiguous(x.handle) ~= 0 end

--- x itself, or a row-major copy of it.
function raw.contiguous(x)
  return raw.is_contiguous(x) and x or raw.cast(x, x.dtype)
end

local function view(handle, status, x, shape, count)
  if status ~= 0 then
    memory.give(handle, 0)
    raise()
  end
  return wrap(handle, shape, x.dtype, count, 0)
end

function raw.slice(x, axis, start, count, step)
  local handle = memory.take()
  local size = x.shape[axis + 1]
  local total = size == 0 and 0 or x.count / size * count
  local status = C.mg_tensor_slice(handle, x.handle, axis, start, count, step)
  return view(handle, status, x, shapes.with(x.shape, axis + 1, count), total)
end

--- A view in another shape, or nil when that needs a copy.
function raw.try_reshape(x, shape)
  local handle = memory.take()
  local sizes, n = fill_dims(shape)
  local status = C.mg_tensor_reshape(handle, x.handle, n, sizes)
  if status == C.MG_ESHAPE then
    memory.give(handle, 0)
    return nil
  end
  return view(handle, status, x, shape, x.count)
end

--- x in another shape with as many elements: a view, or a copy where none is possible.
function raw.reshape(x, shape)
  return raw.try_reshape(x, shape) or raw.try_reshape(raw.cast(x, x.dtype), shape)
end

local axes_buffer = ffi.new("int32_t[8]")

--- Dimension i of the result is dimension axes[i] (from 0) of x.
function raw.permute(x, axes)
  local handle, shape = memory.take(), {}
  for i = 1, #axes do
    axes_buffer[i - 1] = axes[i]
    shape[i] = x.shape[axes[i] + 1]
  end
  return view(handle, C.mg_tensor_permute(handle, x.handle, axes_buffer), x, shapes.own(shape), x.count)
end

--- The last two dimensions exchanged.
function raw.swap_last(x)
  local axes, n = {}, #x.shape
  for i = 1, n do axes[i] = i - 1 end
  axes[n - 1], axes[n] = n - 1, n - 2
  return raw.permute(x, axes)
end

function raw.broadcast(x, shape)
  if shapes.equal(x.shape, shape) then return x end
  local handle = memory.take()
  local sizes, n = fill_dims(shape)
  return view(handle, C.mg_tensor_broadcast(handle, x.handle, n, sizes), x, shape, shapes.count(shape))
end

--- Reduces over `axes` (bits); the reduced dimensions stay with size 1.
function raw.reduce(code, x, axes, dtype)
  local shape = {}
  for i = 1, #x.shape do shape[i] = bit.band(axes, bit.lshift(1, i - 1)) ~= 0 and 1 or x.shape[i] end
  local y = alloc(shapes.own(shape), dtype or x.dtype, x)
  if C.mg_reduce(code, y.handle, x.handle, axes) ~= 0 then raise() end
  return y
end

--- Gives a tensor that nobody else holds another shape, with as many elements, in its own handle.
function raw.set_shape(x, shape)
  local sizes, n = fill_dims(shape)
  if C.mg_tensor_reshape(x.handle, x.handle, n, sizes) ~= 0 then raise() end
  x.shape = shape
  return x
end

--- The gradient of broadcasting: g summed to `shape`.
function raw.sum_to(g, shape)
  local from = g.shape
  if rawequal(from, shape) or shapes.equal(from, shape) then return g end
  local extra, axes = #from - #shape, 0
  for i = 1, #from do
    if i <= extra or (shape[i - extra] == 1 and from[i] ~= 1) then axes = bit.bor(axes, bit.lshift(1, i - 1)) end
  end
  return raw.set_shape(raw.reduce(C.MG_REDUCE_SUM, g, axes), shape)
end

function raw.matmul(a, b, shape)
  local y = alloc(shape, a.dtype, a)
  if C.mg_matmul(y.handle, a.handle, b.handle, 0) ~= 0 then raise() end
  return y
end

return raw
