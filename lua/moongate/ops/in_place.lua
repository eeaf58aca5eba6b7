-- Operations that write over their first operand, which keeps its dtype; they return it. A name that ends in _ does in place what
-- the name without it does. Refused while operations are recorded when the operand is part of the graph.
local core = require "moongate.ffi.core"
local autograd = require "moongate.autograd"
local check = require "moongate.check"
local convert = require "moongate.ops.convert"
local raw = require "moongate.ops.raw"
local tensors = require "moongate.tensor_core"
local C = core.C
local state = autograd.state

local M = {}

--- Every element becomes `value`
---@param x Tensor (...)
---@param value number
---@return Tensor x
function M.fill_(x, value)
  convert.writable("fill_", x)
  check.type("fill_", "value", value, "number")
  return raw.fill(x, value)
end

--- Every element becomes 0
---@param x Tensor (...)
---@return Tensor x
function M.zero_(x)
  convert.writable("zero_", x)
  return raw.fill(x, 0)
end

--- Takes over the values of `source`, broadcast and cast
---@param x Tensor (...)
---@param source Tensor
---@return Tensor x
function M.copy_(x, source)
  convert.writable("copy_", x)
  tensors.expect("copy_", "source", source)
  if source.node and state.on then
    check.fail("copy_: argument source %s requires a gradient, which would be lost; use source:detach()", tostring(source.shape))
  end
  raw.copy_to(x, source)
  return x
end

-- Of two operands: the second, a tensor or a number, is broadcast and cast.
local function binary(op, code)
  return function(x, b)
    convert.writable(op, x)
    local number = type(b) == "number"
    if number then
      b = raw.scalar(b, x)
    else
      tensors.expect(op, "other", b)
      if b.node and state.on then
        check.fail("%s: argument other requires a gradient, which would be lost; use %s, or other:detach()", op, op:sub(1, -2))
      end
      if b.dtype ~= x.dtype then b = raw.cast(b, x.dtype) end
    end
    if C.mg_binary(code, x.handle, x.handle, b.handle) ~= 0 then core.raise() end
    if number then b:free() end
    return x
  end
end

--- x becomes x + b
---@param x Tensor (...)
---@param b Tensor|number broadcast and cast to x
---@return Tensor x
M.add_ = binary("add_", C.MG_BINARY_ADD)
--- x becomes x - b
---@param x Tensor (...)
---@param b Tensor|number broadcast and cast to x
---@return Tensor x
M.sub_ = binary("sub_", C.MG_BINARY_SUB)
--- x becomes x * b
---@param x Tensor (...)
---@param b Tensor|number broadcast and cast to x
---@return Tensor x
M.mul_ = binary("mul_", C.MG_BINARY_MUL)
--- x becomes x / b
---@param x Tensor (...) float
---@param b Tensor|number broadcast and cast to x
---@return Tensor x
M.div_ = binary("div_", C.MG_BINARY_DIV)
--- x becomes x to the power of b
---@param x Tensor (...) float
---@param b Tensor|number broadcast and cast to x
---@return Tensor x
M.pow_ = binary("pow_", C.MG_BINARY_POW)
--- x becomes the larger of x and b, element by element
---@param x Tensor (...)
---@param b Tensor|number broadcast and cast to x
---@return Tensor x
M.maximum_ = binary("maximum_", C.MG_BINARY_MAX)
--- x becomes the smaller of x and b, element by element
---@param x Tensor (...)
---@param b Tensor|number broadcast and cast to x
---@return Tensor x
M.minimum_ = binary("minimum_", C.MG_BINARY_MIN)

local function apply(op, code, x, a, b)
  convert.writable(op, x)
  if C.mg_unary(code, x.handle, x.handle, a or 0, b or 0) ~= 0 then core.raise() end
  return x
end

-- Of one operand.
local function unary(name, code)
  return function(x) return apply(name, code, x) end
end

--- x becomes -x
---@param x Tensor (...)
---@return Tensor x
function M.neg_(x) return apply("neg_", C.MG_UNARY_AFFINE, x, -1, 0) end
--- x becomes |x|
---@param x Tensor (...)
---@return Tensor x
M.abs_ = unary("abs_", C.MG_UNARY_ABS)
--- x becomes -1, 0 or 1
---@param x Tensor (...) float
---@return Tensor x
M.sign_ = unary("sign_", C.MG_UNARY_SIGN)
--- x becomes x * x
---@param x Tensor (...) float
---@return Tensor x
M.square_ = unary("square_", C.MG_UNARY_SQUARE)
--- x becomes its square root
---@param x Tensor (...) float
---@return Tensor x
M.sqrt_ = unary("sqrt_", C.MG_UNARY_SQRT)
--- x becomes 1 / sqrt(x)
---@param x Tensor (...) float
---@return Tensor x
M.rsqrt_ = unary("rsqrt_", C.MG_UNARY_RSQRT)
--- x becomes 1 / x
---@param x Tensor (...) float
---@return Tensor x
M.reciprocal_ = unary("reciprocal_", C.MG_UNARY_RECIPROCAL)
--- x becomes e^x
---@param x Tensor (...) float
---@return Tensor x
M.exp_ = unary("exp_", C.MG_UNARY_EXP)
--- x becomes e^x - 1
---@param x Tensor (...) float
---@return Tensor x
M.expm1_ = unary("expm1_", C.MG_UNARY_EXPM1)
--- x becomes its natural logarithm
---@param x Tensor (...) float
---@return Tensor x
M.log_ = unary("log_", C.MG_UNARY_LOG)
--- x becomes log(1 + x)
---@param x Tensor (...) float
---@return Tensor x
M.log1p_ = unary("log1p_", C.MG_UNARY_LOG1P)
--- x becomes its sine, x in radians
---@param x Tensor (...) float
---@return Tensor x
M.sin_ = unary("sin_", C.MG_UNARY_SIN)
--- x becomes its cosine, x in radians
---@param x Tensor (...) float
---@return Tensor x
M.cos_ = unary("cos_", C.MG_UNARY_COS)
--- x becomes the next whole number below
---@param x Tensor (...) float
---@return Tensor x
M.floor_ = unary("floor_", C.MG_UNARY_FLOOR)
--- x becomes the next whole number above
---@param x Tensor (...) float
---@return Tensor x
M.ceil_ = unary("ceil_", C.MG_UNARY_CEIL)
--- x becomes the nearest whole number, halves to even
---@param x Tensor (...) float
---@return Tensor x
M.round_ = unary("round_", C.MG_UNARY_ROUND)

--- Every element is brought into lo..hi
---@param x Tensor (...)
---@param lo? number
---@param hi? number
---@return Tensor x
function M.clip_(x, lo, hi)
  lo, hi = lo or -math.huge, hi or math.huge
  check.number("clip_", "lo", lo)
  check.number("clip_", "hi", hi, lo)
  return apply("clip_", C.MG_UNARY_CLIP, x, lo, hi)
end

return M
