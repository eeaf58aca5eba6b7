-- Arithmetic of two tensors, or of a tensor and a number. Shapes broadcast; the dtypes of tensors are promoted (uint8, int32,
-- float32, float64); quotients and powers of integers are floats.
local core = require "moongate.ffi.core"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local raw = require "moongate.ops.raw"
local convert = require "moongate.ops.convert"
local C = core.C
local state, accumulate, record, record_inputs = autograd.state, autograd.accumulate, autograd.record, autograd.record_inputs
local sum_to, affine, meta = raw.sum_to, raw.affine, tensors.meta

local M = {}

-- Two tensors of one dtype, or a number and a tensor fit for it; `float`: integers become floats.
local function operands(op, a, b, float)
  if type(b) == "number" then return convert.for_number(op, a, b, float), b end
  if type(a) == "number" then return a, convert.for_number(op, b, a, float) end
  return convert.same(op, a, b, float)
end

local function plain(a, b)
  return getmetatable(a) == meta and getmetatable(b) == meta and a.dtype == b.dtype
end

local function affine_back(node, dy)
  accumulate(node.a, affine(dy, node.s, 0))
end

-- s * x + t, with t a number
local function scaled(x, s, t)
  local y = affine(x, s, t)
  if x.node and state.on then record(y, affine_back, x).s = s end
  return y
end

local function add_back(node, dy)
  accumulate(node.a, sum_to(dy, node.a.shape))
  accumulate(node.b, sum_to(dy, node.b.shape))
end

--- a + b
---@param a Tensor|number (...)
---@param b Tensor|number (...) broadcast against a
---@return Tensor
---@example mg.ops.add(x, 1)
function M.add(a, b)
  if not plain(a, b) then
    a, b = operands("add", a, b)
    if type(b) == "number" then return scaled(a, 1, b) end
    if type(a) == "number" then return scaled(b, 1, a) end
  end
  local y = raw.binary(C.MG_BINARY_ADD, a, b, "add")
  if state.on and (a.node or b.node) then record(y, add_back, a, b) end
  return y
end

local function sub_back(node, dy)
  accumulate(node.a, sum_to(dy, node.a.shape))
  if node.b.node then accumulate(node.b, sum_to(affine(dy, -1, 0), node.b.shape)) end
end

--- a - b
---@param a Tensor|number (...)
---@param b Tensor|number (...) broadcast against a
---@return Tensor
function M.sub(a, b)
  if not plain(a, b) then
    a, b = operands("sub", a, b)
    if type(b) == "number" then return scaled(a, 1, -b) end
    if type(a) == "number" then return scaled(b, -1, a) end
  end
  local y = raw.binary(C.MG_BINARY_SUB, a, b, "sub")
  if state.on and (a.node or b.node) then record(y, sub_back, a, b) end
  return y
end

local function mul_back(node, dy)
  local a, b = node.a, node.b
  if a.node then accumulate(a, sum_to(raw.mul(dy, b), a.shape)) end
  if b.node then accumulate(b, sum_to(raw.mul(dy, a), b.shape)) end
end

--- a * b, element by element
---@param a Tensor|number (...)
---@param b Tensor|number (...) broadcast against a
---@return Tensor
function M.mul(a, b)
  if not plain(a, b) then
    a, b = operands("mul", a, b)
    if type(b) == "number" then return scaled(a, b, 0) end
    if type(a) == "number" then return scaled(b, a, 0) end
  end
  local y = raw.binary(C.MG_BINARY_MUL, a, b, "mul")
  if state.on and (a.node or b.node) then record_inputs(y, mul_back, a, b) end
  return y
end

-- d(a/b) = da/b - (a/b) db/b
local function div_back(node, dy)
  local a, b = node.a, node.b
  local da = raw.div(dy, b)
  if a.node then accumulate(a, sum_to(da, a.shape)) end
  if b.node then accumulate(b, sum_to(affine(raw.mul(da, raw.div(a, b)), -1, 0), b.shape)) end
end

local function div_number_back(node, dy)
  accumulate(node.a, raw.unary(C.MG_UNARY_DIV, dy, node.s))
end

-- d(s/x) = -y/x dx
local function div_into_back(node, dy)
  local x = node.a
  accumulate(x, affine(raw.mul(dy, raw.div(raw.unary(C.MG_UNARY_DIV_INTO, x, node.s), x)), -1, 0))
end

local function unary_number(code, x, s, backward)
  local y = raw.unary(code, x, s)
  if x.node and state.on then autograd.record_input(y, backward, x).s = s end
  return y
end

--- a / b; integers give floats
---@param a Tensor|number (...)
---@param b Tensor|number (...) broadcast against a
---@return Tensor
function M.div(a, b)
  a, b = operands("div", a, b, true)
  if type(b) == "number" then return unary_number(C.MG_UNARY_DIV, a, b, div_number_back) end
  if type(a) == "number" then return unary_number(C.MG_UNARY_DIV_INTO, b, a, div_into_back) end
  local y = raw.binary(C.MG_BINARY_DIV, a, b, "div")
  if state.on and (a.node or b.node) then record_inputs(y, div_back, a, b) end
  return y
end

-- d(x^s) = s x^(s-1) dx; the slope of x^0 is 0 everywhere
local function pow_number_back(node, dy)
  local s = node.s
  if s == 0 then return accumulate(node.a, affine(dy, 0, 0)) end
  local slope = affine(raw.unary(C.MG_UNARY_POW, node.a, s - 1), s, 0)
  accumulate(node.a, raw.mul(dy, slope))
end

-- d(s^x) = s^x log(s) dx
local function pow_of_back(node, dy)
  local y = raw.unary(C.MG_UNARY_POW_OF, node.a, node.s)
  accumulate(node.a, affine(raw.mul(dy, y), node.s == 0 and 0 or math.log(node.s), 0))
end

-- d(a^b) = b a^(b-1) da + a^b log(a) db, the second term 0 where a is 0
local function pow_back(node, dy)
  local a, b = node.a, node.b
  if a.node then
    local slope = raw.mul(b, raw.binary(C.MG_BINARY_POW, a, affine(b, 1, -1)))
    accumulate(a, sum_to(raw.mul(dy, slope), a.shape))
  end
  if b.node then
    local safe = convert.where(raw.compare(C.MG_COMPARE_EQ, a, raw.scalar(0, a)), raw.scalar(1, a), a)
    local slope = raw.mul(raw.binary(C.MG_BINARY_POW, a, b), raw.unary(C.MG_UNARY_LOG, safe))
    accumulate(b, sum_to(raw.mul(dy, slope), b.shape))
  end
end

--- a ^ b; integers give floats
---@param a Tensor|number (...)
---@param b Tensor|number (...) broadcast against a
---@return Tensor
function M.pow(a, b)
  a, b = operands("pow", a, b, true)
  if type(b) == "number" then return unary_number(C.MG_UNARY_POW, a, b, pow_number_back) end
  if type(a) == "number" then return unary_number(C.MG_UNARY_POW_OF, b, a, pow_of_back) end
  local y = raw.binary(C.MG_BINARY_POW, a, b, "pow")
  if state.on and (a.node or b.node) then record_inputs(y, pow_back, a, b) end
  return y
end

-- Of equals the first operand has the gradient, as in TensorFlow. node.s: the comparison that says that a was taken.
local function choice_back(node, dy)
  local a, b = node.a, node.b
  local taken, zero = raw.compare(node.s, a, b), raw.scalar(0, dy)
  if a.node then accumulate(a, sum_to(convert.where(taken, dy, zero), a.shape)) end
  if b.node then accumulate(b, sum_to(convert.where(taken, zero, dy), b.shape)) end
end

local function choice(op, code, comparison, a, b)
  a, b = operands(op, a, b)
  if type(a) == "number" then a = raw.scalar(a, b) end
  if type(b) == "number" then b = raw.scalar(b, a) end
  local y = raw.binary(code, a, b, op)
  if state.on and (a.node or b.node) then record_inputs(y, choice_back, a, b).s = comparison end
  return y
end

--- The larger of a and b, element by element; NaN is passed on
---@param a Tensor|number (...)
---@param b Tensor|number (...) broadcast against a
---@return Tensor
function M.maximum(a, b)
  return choice("maximum", C.MG_BINARY_MAX, C.MG_COMPARE_GE, a, b)
end

--- The smaller of a and b, element by element; NaN is passed on
---@param a Tensor|number (...)
---@param b Tensor|number (...) broadcast against a
---@return Tensor
function M.minimum(a, b)
  return choice("minimum", C.MG_BINARY_MIN, C.MG_COMPARE_LE, a, b)
end

return M
