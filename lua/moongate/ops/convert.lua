-- Dtypes of operands: promotion, numbers beside tensors, recorded casts; and checks that in-place operations share.
local core = require "moongate.ffi.core"
local check = require "moongate.check"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"
local raw = require "moongate.ops.raw"
local C = core.C
local meta = tensors.meta

local convert = {}

local RANK = { uint8 = 1, int32 = 2, float32 = 3, float64 = 4 }
local FLOAT = { float32 = true, float64 = true }
convert.FLOAT = FLOAT

local function cast_back(node, dy)
  autograd.accumulate(node.a, raw.cast(dy, node.a.dtype))
end

--- x in another dtype, recorded where both are floats; x itself when it has that dtype already.
function convert.cast(x, dtype)
  if x.dtype == dtype then return x end
  local y = raw.cast(x, dtype)
  if x.node and autograd.state.on and FLOAT[dtype] then autograd.record(y, cast_back, x) end
  return y
end

--- The argument as a float tensor (integers become mg.floatx()).
function convert.float(op, name, x)
  if getmetatable(x) ~= meta then tensors.expect(op, name, x) end
  if FLOAT[x.dtype] then return x end
  return convert.cast(x, tensors.floatx)
end

--- x as it takes part in arithmetic with number s: an integer tensor stays one when s is whole and `float` is not asked for.
function convert.for_number(op, x, s, float)
  if getmetatable(x) ~= meta then tensors.expect(op, "a", x) end
  if FLOAT[x.dtype] or (s % 1 == 0 and not float) then return x end
  return convert.cast(x, tensors.floatx)
end

--- The higher of two dtypes.
function convert.higher(a, b) return RANK[a] >= RANK[b] and a or b end

--- Both tensors in the higher of their dtypes.
function convert.same(op, a, b, float)
  if getmetatable(a) ~= meta then tensors.expect(op, "a", a) end
  if getmetatable(b) ~= meta then tensors.expect(op, "b", b) end
  local dtype = convert.higher(a.dtype, b.dtype)
  if float and not FLOAT[dtype] then dtype = tensors.floatx end
  return convert.cast(a, dtype), convert.cast(b, dtype)
end

--- Nonzero elements as 1, in uint8.
function convert.truth(op, name, x)
  if getmetatable(x) ~= meta then tensors.expect(op, name, x) end
  return raw.compare(C.MG_COMPARE_NE, x, raw.scalar(0, x), op)
end

--- Unrecorded: a where c is nonzero, else b.
function convert.where(c, a, b)
  local shape = shapes.broadcast("where", shapes.broadcast("where", c.shape, a.shape), b.shape)
  local y = tensors.alloc(shape, a.dtype, a)
  if C.mg_where(y.handle, c.handle, a.handle, b.handle) ~= 0 then core.raise() end
  return y
end

--- x may be written to: it is no part of a graph that is being recorded.
function convert.writable(op, x)
  if getmetatable(x) ~= meta then tensors.expect(op, "self", x) end
  if x.node and autograd.state.on then
    check.fail("%s: the tensor %s requires a gradient and cannot be changed in place while operations are recorded; "
      .. "use mg.no_grad, or the form without _", op, tostring(x.shape))
  end
end

return convert
