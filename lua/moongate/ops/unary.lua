-- Elementwise functions of one tensor. Those that only make sense on floats convert integers to mg.floatx().
local core = require "moongate.ffi.core"
local check = require "moongate.check"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local raw = require "moongate.ops.raw"
local convert = require "moongate.ops.convert"
local C = core.C
local state, accumulate = autograd.state, autograd.accumulate
local mul, affine, unary = raw.mul, raw.affine, raw.unary

local M = {}

-- Slopes: dx from dy and what was saved (node.a the input, or node.y the output).
local function abs_back(node, dy) accumulate(node.a, mul(dy, unary(C.MG_UNARY_SIGN, node.a))) end
local function square_back(node, dy) accumulate(node.a, mul(dy, affine(node.a, 2, 0))) end
local function sqrt_back(node, dy) accumulate(node.a, mul(dy, unary(C.MG_UNARY_DIV_INTO, node.y, 0.5))) end
local function rsqrt_back(node, dy) accumulate(node.a, mul(dy, affine(unary(C.MG_UNARY_POW, node.y, 3), -0.5, 0))) end
local function reciprocal_back(node, dy) accumulate(node.a, mul(dy, affine(unary(C.MG_UNARY_SQUARE, node.y), -1, 0))) end
local function exp_back(node, dy) accumulate(node.a, mul(dy, node.y)) end
local function expm1_back(node, dy) accumulate(node.a, mul(dy, affine(node.y, 1, 1))) end
local function log_back(node, dy) accumulate(node.a, raw.div(dy, node.a)) end
local function log1p_back(node, dy) accumulate(node.a, raw.div(dy, affine(node.a, 1, 1))) end
local function sin_back(node, dy) accumulate(node.a, mul(dy, unary(C.MG_UNARY_COS, node.a))) end
local function cos_back(node, dy) accumulate(node.a, mul(dy, affine(unary(C.MG_UNARY_SIN, node.a), -1, 0))) end

local function apply(op, code, x)
  if getmetatable(x) ~= tensors.meta or not convert.FLOAT[x.dtype] then x = convert.float(op, "x", x) end
  local y = tensors.alloc_like(x, x.dtype)
  if C.mg_unary(code, y.handle, x.handle, 0, 0) ~= 0 then core.raise() end
  return y, x
end

local function from_input(op, code, backward)
  return function(x)
    local y
    y, x = apply(op, code, x)
    if x.node and state.on then autograd.record_input(y, backward, x) end
    return y
  end
end

local function from_output(op, code, backward)
  return function(x)
    local y
    y, x = apply(op, code, x)
    if x.node and state.on then autograd.record_output(y, backward, x) end
    return y
  end
end

-- A step function: the slope is 0 wherever there is one, so nothing is recorded.
local function flat(op, code)
  return function(x)
    if tensors.is(x) and not convert.FLOAT[x.dtype] and op ~= "sign" then return raw.cast(x, x.dtype) end
    return (apply(op, code, x))
  end
end

local function neg_back(node, dy) accumulate(node.a, affine(dy, -1, 0)) end

--- -x
---@param x Tensor (...)
---@return Tensor
function M.neg(x)
  tensors.expect("neg", "x", x)
  local y = affine(x, -1, 0)
  if x.node and state.on then autograd.record(y, neg_back, x) end
  return y
end

local float_abs = from_input("abs", C.MG_UNARY_ABS, abs_back)

--- |x|; slope 0 at 0
---@param x Tensor (...)
---@return Tensor
function M.abs(x)
  if tensors.is(x) and not convert.FLOAT[x.dtype] then return unary(C.MG_UNARY_ABS, x) end
  return float_abs(x)
end

local float_square = from_input("square", C.MG_UNARY_SQUARE, square_back)

--- x * x
---@param x Tensor (...)
---@return Tensor
function M.square(x)
  if tensors.is(x) and not convert.FLOAT[x.dtype] then return mul(x, x) end
  return float_square(x)
end

--- -1, 0 or 1
---@param x Tensor (...)
---@return Tensor
M.sign = flat("sign", C.MG_UNARY_SIGN)
--- Square root
---@param x Tensor (...)
---@return Tensor
M.sqrt = from_output("sqrt", C.MG_UNARY_SQRT, sqrt_back)
--- 1 / sqrt(x)
---@param x Tensor (...)
---@return Tensor
M.rsqrt = from_output("rsqrt", C.MG_UNARY_RSQRT, rsqrt_back)
--- 1 / x
---@param x Tensor (...)
---@return Tensor
M.reciprocal = from_output("reciprocal", C.MG_UNARY_RECIPROCAL, reciprocal_back)
--- e^x
---@param x Tensor (...)
---@return Tensor
M.exp = from_output("exp", C.MG_UNARY_EXP, exp_back)
--- e^x - 1, exact near 0
---@param x Tensor (...)
---@return Tensor
M.expm1 = from_output("expm1", C.MG_UNARY_EXPM1, expm1_back)
--- Natural logarithm
---@param x Tensor (...)
---@return Tensor
M.log = from_input("log", C.MG_UNARY_LOG, log_back)
--- log(1 + x), exact near 0
---@param x Tensor (...)
---@return Tensor
M.log1p = from_input("log1p", C.MG_UNARY_LOG1P, log1p_back)
--- Sine, x in radians
---@param x Tensor (...)
---@return Tensor
M.sin = from_input("sin", C.MG_UNARY_SIN, sin_back)
--- Cosine, x in radians
---@param x Tensor (...)
---@return Tensor
M.cos = from_input("cos", C.MG_UNARY_COS, cos_back)
--- The next whole number below
---@param x Tensor (...)
---@return Tensor
M.floor = flat("floor", C.MG_UNARY_FLOOR)
--- The next whole number above
---@param x Tensor (...)
---@return Tensor
M.ceil = flat("ceil", C.MG_UNARY_CEIL)
--- The nearest whole number, halves to even
---@param x Tensor (...)
---@return Tensor
M.round = flat("round", C.MG_UNARY_ROUND)

-- The slope is 1 from lo to hi, both included.
local function clip_back(node, dy)
  local x = node.a
  local inside = raw.compare(C.MG_COMPARE_EQ, x, unary(C.MG_UNARY_CLIP, x, node.lo, node.hi))
  accumulate(x, convert.where(inside, dy, raw.scalar(0, dy)))
end

--- min(max(x, lo), hi); NaN stays
---@param x Tensor (...)
---@param lo number
---@param hi number
---@return Tensor
function M.clip(x, lo, hi)
  tensors.expect("clip", "x", x)
  lo, hi = lo or -math.huge, hi or math.huge
  check.number("clip", "lo", lo)
  check.number("clip", "hi", hi, lo)
  local y = unary(C.MG_UNARY_CLIP, x, lo, hi)
  if x.node and state.on then
    local node = autograd.record_input(y, clip_back, x)
    node.lo, node.hi = lo, hi
  end
  return y
end

local function test(op, code)
  return function(x)
    x = convert.float(op, "x", x)
    local y = tensors.alloc_like(x, "uint8")
    if C.mg_unary(code, y.handle, x.handle, 0, 0) ~= 0 then core.raise() end
    return y
  end
end

--- 1 where x is not a number, else 0 (uint8)
---@param x Tensor (...)
---@return Tensor
M.is_nan = test("is_nan", C.MG_UNARY_IS_NAN)
--- 1 where x is neither infinite nor NaN, else 0 (uint8)
---@param x Tensor (...)
---@return Tensor
M.is_finite = test("is_finite", C.MG_UNARY_IS_FINITE)

return M
