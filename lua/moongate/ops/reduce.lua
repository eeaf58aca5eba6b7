-- Sums and other reductions. `dims`: a dimension, a list of them, or nil for all; reduced dimensions vanish unless keepdims.
local core = require "moongate.ffi.core"
local bit = require "bit"
local check = require "moongate.check"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"
local raw = require "moongate.ops.raw"
local convert = require "moongate.ops.convert"
local C = core.C
local state, accumulate = autograd.state, autograd.accumulate

local M = {}

-- The axes as bits, and the shape without them.
local function axes_of(op, x, dims)
  local n, axes, left = #x.shape, 0, {}
  if dims == nil then return 2 ^ n - 1, shapes.own {} end
  if type(dims) ~= "table" then dims = { dims } end
  for _, dim in ipairs(dims) do axes = bit.bor(axes, bit.lshift(1, shapes.dim(op, dim, n) - 1)) end
  for i = 1, n do
    if bit.band(axes, bit.lshift(1, i - 1)) == 0 then left[#left + 1] = x.shape[i] end
  end
  return axes, shapes.own(left)
end

-- The reduced value with the dimensions in place, and the shape to give it in the end.
local function reduce(op, code, x, dims, keepdims, dtype)
  tensors.expect(op, "x", x)
  local axes, shape = axes_of(op, x, dims)
  local y = raw.reduce(code, x, axes, dtype)
  if keepdims then return y, y.shape, axes end
  local kept = y.shape
  return raw.set_shape(y, shape), kept, axes
end

-- dy with the reduced dimensions back in place (size 1).
local function unfolded(node, dy)
  return raw.reshape(dy, node.kept)
end

local function sum_back(node, dy)
  accumulate(node.a, raw.broadcast(unfolded(node, dy), node.a.shape))
end

local function mean_back(node, dy)
  local share = dy.count / node.a.count
  accumulate(node.a, raw.broadcast(raw.affine(unfolded(node, dy), share, 0), node.a.shape))
end

--- Sum over dims; integers give int32
---@param x Tensor (...)
---@param dims? integer|integer[]
---@param keepdims? boolean
---@return Tensor
---@example x:sum(1)
function M.sum(x, dims, keepdims)
  local integer = tensors.is(x) and not convert.FLOAT[x.dtype]
  local y, kept = reduce("sum", C.MG_REDUCE_SUM, x, dims, keepdims, integer and "int32" or nil)
  if x.node and state.on then autograd.record(y, sum_back, x).kept = kept end
  return y
end

--- Mean over dims; integers give mg.floatx()
---@param x Tensor (...)
---@param dims? integer|integer[]
---@param keepdims? boolean
---@return Tensor
function M.mean(x, dims, keepdims)
  local integer = tensors.is(x) and not convert.FLOAT[x.dtype]
  local y, kept = reduce("mean", C.MG_REDUCE_MEAN, x, dims, keepdims, integer and tensors.floatx or nil)
  if x.node and state.on then autograd.record(y, mean_back, x).kept = kept end
  return y
end

-- With no zero in a group the slope is product / x; with one zero only that element has a slope, the product of the others.
local function prod_back(node, dy)
  local x, axes = node.a, node.axes
  local zero, one = raw.scalar(0, x), raw.scalar(1, x)
  local is_zero = raw.compare(C.MG_COMPARE_EQ, x, zero)
  local safe = convert.where(is_zero, one, x)
  local others = raw.reduce(C.MG_REDUCE_PROD, safe, axes)
  local zeros = raw.reduce(C.MG_REDUCE_SUM, raw.cast(is_zero, x.dtype), axes)
  local without = raw.cast(raw.compare(C.MG_COMPARE_EQ, zeros, zero), x.dtype)
  local slope = convert.where(is_zero, others, raw.div(raw.mul(others, without), safe))
  local counts = raw.compare(C.MG_COMPARE_LE, zeros, one)
  accumulate(x, raw.mul(unfolded(node, dy), convert.where(counts, slope, zero)))
end

--- Product over dims; integers give int32
---@param x Tensor (...)
---@param dims? integer|integer[]
---@param keepdims? boolean
---@return Tensor
function M.prod(x, dims, keepdims)
  local integer = tensors.is(x) and not convert.FLOAT[x.dtype]
  local y, kept, axes = reduce("prod", C.MG_REDUCE_PROD, x, dims, keepdims, integer and "int32" or nil)
  if x.node and state.on then
    local node = autograd.record_input(y, prod_back, x)
    node.kept, node.axes = kept, axes
  end
  return y
end

-- Equal extremes share the gradient evenly.
local function extreme_back(node, dy)
  local x = node.a
  local best = raw.reduce(node.code, x, node.axes)
  local share = raw.cast(raw.compare(C.MG_COMPARE_EQ, x, best), x.dtype)
  local number = raw.reduce(C.MG_REDUCE_SUM, share, node.axes)
  accumulate(x, raw.mul(share, raw.div(unfolded(node, dy), number)))
end

local function extreme(op, code)
  return function(x, dims, keepdims)
    local y, kept, axes = reduce(op, code, x, dims, keepdims)
    if x.node and state.on then
      local node = autograd.record_input(y, extreme_back, x)
      node.kept, node.axes, node.code = kept, axes, code
    end
    return y
  end
end

--- The largest value over dims; NaN is passed on
---@param x Tensor (...)
---@param dims? integer|integer[]
---@param keepdims? boolean
---@return Tensor
M.max = extreme("max", C.MG_REDUCE_MAX)
--- The smallest value over dims; NaN is passed on
---@param x Tensor (...)
---@param dims? integer|integer[]
---@param keepdims? boolean
---@return Tensor
M.min = extreme("min", C.MG_REDUCE_MIN)

local function arg_reduce(op, code)
  return function(x, dim)
    tensors.expect(op, "x", x)
    if dim == nil then x, dim = raw.reshape(x, shapes.own { x.count }), 1 end
    dim = shapes.dim(op, dim, #x.shape)
    local y = tensors.alloc(shapes.with(x.shape, dim, 1), "int32", x)
    if C.mg_arg_reduce(code, y.handle, x.handle, dim - 1) ~= 0 then core.raise() end
    return raw.set_shape(y, shapes.without(x.shape, dim))
  end
end

--- Where along dim the largest value is (the first of equals), counted from 0 as class ids are
---@param x Tensor (...)
---@param dim? integer nil: of all elements in row-major order
---@return Tensor int32
M.argmax = arg_reduce("argmax", C.MG_ARG_MAX)
--- Where along dim the smallest value is (the first of equals), counted from 0
---@param x Tensor (...)
---@param dim? integer nil: of all elements in row-major order
---@return Tensor int32
M.argmin = arg_reduce("argmin", C.MG_ARG_MIN)

-- dx[..., ids[..., j]] = dy[..., j]
local function top_k_back(node, dy)
  local x, ids = node.list[1], node.ids
  local n, k = x.shape[#x.shape], ids.shape[#ids.shape]
  local shape = shapes.own { dy.count / k, k, n }
  local places = tensors.alloc(shape, x.dtype, x)
  local flat = raw.reshape(ids, shapes.own { dy.count / k, k })
  if C.mg_one_hot(places.handle, flat.handle) ~= 0 then core.raise() end
  local spread = raw.mul(places, raw.reshape(dy, shapes.own { dy.count / k, k, 1 }))
  accumulate(x, raw.reshape(raw.reduce(C.MG_REDUCE_SUM, spread, 2), x.shape))
end

--- The k largest values along the last dimension, in falling order, and where they are (from 0)
---@param x Tensor (..., n)
---@param k integer
---@return Tensor values (..., k)
---@return Tensor ids int32 (..., k)
function M.top_k(x, k)
  tensors.expect("top_k", "x", x)
  local n = #x.shape
  if n == 0 then check.fail("top_k: argument x is a scalar, expected at least one dimension") end
  check.integer("top_k", "k", k, 1, math.max(1, x.shape[n]))
  local shape = shapes.with(x.shape, n, k)
  local values, ids = tensors.alloc(shape, x.dtype, x), tensors.alloc(shape, "int32", x)
  if C.mg_top_k(values.handle, ids.handle, x.handle) ~= 0 then core.raise() end
  if x.node and state.on then autograd.record_many({ values }, top_k_back, { x }, { ids }).ids = ids end
  return values, ids
end

local function running(x, dim, reverse)
  local y = tensors.alloc_like(x, x.dtype)
  if C.mg_cumulative_sum(y.handle, x.handle, dim - 1, reverse) ~= 0 then core.raise() end
  return y
end

local function cumsum_back(node, dy)
  accumulate(node.a, running(dy, node.dim, 1 - node.reverse))
end

--- Running sums along dim; with `reverse` from the end
---@param x Tensor (...)
---@param dim integer
---@param reverse? boolean
---@return Tensor
function M.cumsum(x, dim, reverse)
  tensors.expect("cumsum", "x", x)
  dim, reverse = shapes.dim("cumsum", dim, #x.shape), reverse and 1 or 0
  local y = running(x, dim, reverse)
  if x.node and state.on then
    local node = autograd.record(y, cumsum_back, x)
    node.dim, node.reverse = dim, reverse
  end
  return y
end

local function softmax(op, log)
  local function backward(node, dy)
    local dx = tensors.alloc_like(dy, dy.dtype)
    if C.mg_softmax_backward(dx.handle, dy.handle, node.y.handle, node.axis, log) ~= 0 then core.raise() end
    accumulate(node.a, dx)
  end
  return function(x, dim)
    x = convert.float(op, "x", x)
    local axis = shapes.dim(op, dim or -1, #x.shape) - 1
    local y = tensors.alloc_like(x, x.dtype)
    if C.mg_softmax_forward(y.handle, x.handle, axis, log) ~= 0 then core.raise() end
    if x.node and state.on then autograd.record_output(y, backward, x).axis = axis end
    return y
  end
end

--- e^x / sum e^x along dim
---@param x Tensor (...)
---@param dim? integer default the last
---@return Tensor
M.softmax = softmax("softmax", 0)
--- log(softmax(x)) along dim
---@param x Tensor (...)
---@param dim? integer default the last
---@return Tensor
M.log_softmax = softmax("log_softmax", 1)

return M
