-- Comparisons and logic (uint8, 0 or 1) and the choice between two tensors.
local core = require "moongate.ffi.core"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local raw = require "moongate.ops.raw"
local convert = require "moongate.ops.convert"
local C = core.C

local M = {}

-- Both as tensors of one dtype.
local function operands(op, a, b)
  if type(b) == "number" then
    a = convert.for_number(op, a, b)
    return a, raw.scalar(b, a)
  elseif type(a) == "number" then
    b = convert.for_number(op, b, a)
    return raw.scalar(a, b), b
  end
  return convert.same(op, a, b)
end

local function comparison(op, code)
  return function(a, b)
    a, b = operands(op, a, b)
    return raw.compare(code, a, b, op)
  end
end

--- a == b, element by element
---@param a Tensor|number (...)
---@param b Tensor|number (...) broadcast against a
---@return Tensor uint8
M.eq = comparison("eq", C.MG_COMPARE_EQ)
--- a ~= b, element by element
---@param a Tensor|number (...)
---@param b Tensor|number (...) broadcast against a
---@return Tensor uint8
M.ne = comparison("ne", C.MG_COMPARE_NE)
--- a < b, element by element
---@param a Tensor|number (...)
---@param b Tensor|number (...) broadcast against a
---@return Tensor uint8
M.lt = comparison("lt", C.MG_COMPARE_LT)
--- a <= b, element by element
---@param a Tensor|number (...)
---@param b Tensor|number (...) broadcast against a
---@return Tensor uint8
M.le = comparison("le", C.MG_COMPARE_LE)
--- a > b, element by element
---@param a Tensor|number (...)
---@param b Tensor|number (...) broadcast against a
---@return Tensor uint8
M.gt = comparison("gt", C.MG_COMPARE_GT)
--- a >= b, element by element
---@param a Tensor|number (...)
---@param b Tensor|number (...) broadcast against a
---@return Tensor uint8
M.ge = comparison("ge", C.MG_COMPARE_GE)

--- 1 where x is 0, else 0
---@param x Tensor (...)
---@return Tensor uint8
function M.logical_not(x)
  tensors.expect("logical_not", "x", x)
  return raw.compare(C.MG_COMPARE_EQ, x, raw.scalar(0, x))
end

--- 1 where both are nonzero
---@param a Tensor (...)
---@param b Tensor (...) broadcast against a
---@return Tensor uint8
function M.logical_and(a, b)
  a, b = convert.truth("logical_and", "a", a), convert.truth("logical_and", "b", b)
  return raw.binary(C.MG_BINARY_MIN, a, b, "logical_and")
end

--- 1 where at least one is nonzero
---@param a Tensor (...)
---@param b Tensor (...) broadcast against a
---@return Tensor uint8
function M.logical_or(a, b)
  a, b = convert.truth("logical_or", "a", a), convert.truth("logical_or", "b", b)
  return raw.binary(C.MG_BINARY_MAX, a, b, "logical_or")
end

local function where_back(node, dy)
  local a, b, condition = node.a, node.b, node.c
  local zero = raw.scalar(0, dy)
  if a.node then autograd.accumulate(a, raw.sum_to(convert.where(condition, dy, zero), a.shape)) end
  if b.node then autograd.accumulate(b, raw.sum_to(convert.where(condition, zero, dy), b.shape)) end
end

--- a where condition is nonzero, else b; all three broadcast
---@param condition Tensor (...)
---@param a Tensor|number (...)
---@param b Tensor|number (...)
---@return Tensor
---@example mg.ops.where(x:gt(0), x, 0)
function M.where(condition, a, b)
  tensors.expect("where", "condition", condition)
  if condition.dtype ~= "uint8" then condition = convert.truth("where", "condition", condition) end
  if type(a) == "number" and type(b) == "number" then a = raw.scalar(a, condition, tensors.floatx) end
  a, b = operands("where", a, b)
  local y = convert.where(condition, a, b)
  if autograd.state.on and (a.node or b.node) then
    local node = autograd.record(y, where_back, a, b)
    node.c = condition
    autograd.guard(node, { condition })
  end
  return y
end

return M
