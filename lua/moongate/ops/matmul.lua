-- Matrix products and the QR decomposition.
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

local function leading(shape)
  local out = {}
  for i = 1, #shape - 2 do out[i] = shape[i] end
  return shapes.own(out)
end

-- What would make the product possible, in words.
local function product_fix(first, a, second, b)
  local na, nb = #a, #b
  if na == 0 or nb == 0 then return ("; likely fix: %s * %s, which takes numbers"):format(first, second) end
  if nb > 1 and a[na] == b[nb] then return ("; likely fix: %s:%s()"):format(second, nb == 2 and "t" or "transpose") end
  if na > 1 and a[na - 1] == b[nb > 1 and nb - 1 or 1] then
    return ("; likely fix: %s:%s()"):format(first, na == 2 and "t" or "transpose")
  end
  return ("; likely fix: give %s %d rows"):format(second, a[na])
end

-- The sizes that the product sums over agree; `first` and `second` are the operands' names.
local function check_inner(op, first, a, second, b)
  local sa, sb = a.shape, b.shape
  local columns, rows = sa[#sa], sb[#sb > 1 and #sb - 1 or 1]
  if columns and columns == rows then return end
  check.fail("%s: %s %s has %s columns and %s %s %s rows, expected (..., M, K) and (..., K, N)%s", op, first, tostring(sa),
    tostring(columns or "no"), second, tostring(sb), tostring(rows or "no"), product_fix(first, sa, second, sb))
end

local function product_shape(a, b)
  local na, nb = #a.shape, #b.shape
  local shape = {}
  local front = shapes.broadcast("matmul", leading(a.shape), leading(b.shape))
  for i = 1, #front do shape[i] = front[i] end
  shape[#shape + 1], shape[#shape + 2] = a.shape[na - 1], b.shape[nb]
  return shapes.own(shape)
end

local function product(a, b)
  return raw.matmul(a, b, product_shape(a, b))
end

-- da = dy b^T, db = a^T dy
local function matmul_back(node, dy)
  local a, b = node.a, node.b
  if a.node then accumulate(a, raw.sum_to(product(dy, raw.swap_last(b)), a.shape)) end
  if b.node then accumulate(b, raw.sum_to(product(raw.swap_last(a), dy), b.shape)) end
end

-- x as rows: (..., K) -> (N, K)
local function rows(x)
  local n = #x.shape
  if n == 2 then return x end
  local k = x.shape[n]
  local number = 1
  for i = 1, n - 1 do number = number * x.shape[i] end
  return raw.reshape(x, shapes.own { number, k })
end

local function linear_back(node, dy)
  local x, kernel, bias = node.a, node.b, node.c
  local flat = rows(dy)
  if x.node then accumulate(x, raw.reshape(product(flat, raw.swap_last(kernel)), x.shape)) end
  if kernel.node then accumulate(kernel, product(raw.swap_last(rows(x)), flat)) end
  if bias and bias.node then accumulate(bias, raw.sum_to(flat, bias.shape)) end
end

--- x kernel + bias over the last dimension of x, in one product
---@param x Tensor (..., K)
---@param kernel Tensor (K, N)
---@param bias? Tensor (N)
---@return Tensor (..., N)
function M.linear(x, kernel, bias)
  x, kernel = convert.same("linear", x, kernel, true)
  local n = #x.shape
  if #kernel.shape ~= 2 then
    check.fail("linear: argument kernel %s for x %s, expected (K, N); likely fix: matmul, which takes more dimensions",
      tostring(kernel.shape), tostring(x.shape))
  end
  check_inner("linear", "x", x, "kernel", kernel)
  local flat = rows(x)
  local y = tensors.alloc(shapes.own { flat.shape[1], kernel.shape[2] }, x.dtype, x)
  if bias then
    tensors.expect("linear", "bias", bias)
    if #bias.shape ~= 1 or bias.shape[1] ~= kernel.shape[2] then
      check.fail("linear: argument bias %s for kernel %s, expected {%d}: one number for each column", tostring(bias.shape),
        tostring(kernel.shape), kernel.shape[2])
    end
    bias = convert.cast(bias, x.dtype)
    raw.copy_to(y, bias)
  end
  if C.mg_matmul(y.handle, flat.handle, kernel.handle, bias and 1 or 0) ~= 0 then core.raise() end
  if n ~= 2 then raw.set_shape(y, shapes.with(x.shape, n, kernel.shape[2])) end
  if state.on and (x.node or kernel.node or (bias and bias.node)) then
    autograd.record_inputs(y, linear_back, x, kernel).c = bias
  end
  return y
end

-- A vector takes part as a row (in front) or a column (behind), and that dimension is dropped from the result.
local function with_vectors(a, b)
  local view = require "moongate.ops.view"
  local va, vb = #a.shape == 1, #b.shape == 1
  if va then a = view.expand_dims(a, 1) end
  if vb then b = view.expand_dims(b, -1) end
  local y = M.matmul(a, b)
  if vb then y = view.squeeze(y, -1) end
  if va then y = view.squeeze(y, vb and -1 or -2) end
  return y
end

--- Matrix product; leading dimensions broadcast; a vector is a row in front and a column behind
---@param a Tensor (..., M, K)
---@param b Tensor (..., K, N)
---@return Tensor (..., M, N)
function M.matmul(a, b)
  a, b = convert.same("matmul", a, b, true)
  check_inner("matmul", "a", a, "b", b)
  local na, nb = #a.shape, #b.shape
  if na > 2 and nb == 2 then return M.linear(a, b) end
  if na == 1 or nb == 1 then return with_vectors(a, b) end
  local y = product(a, b)
  if state.on and (a.node or b.node) then autograd.record_inputs(y, matmul_back, a, b) end
  return y
end

--- Reduced QR decomposition; it has no gradient, and refuses a tensor that requires one while operations are recorded
---@param a Tensor (M, N)
---@return Tensor q (M, K) with orthonormal columns, K = min(M, N)
---@return Tensor r (K, N) upper triangular
function M.qr(a)
  a = convert.float("qr", "a", a)
  if #a.shape ~= 2 then check.fail("qr: argument a %s, expected (M, N); likely fix: a:reshape{ M, N }", tostring(a.shape)) end
  if a.node and state.on then
    check.fail("qr: argument a %s requires a gradient, which qr lacks; likely fix: a:detach()", tostring(a.shape))
  end
  local m, n = a.shape[1], a.shape[2]
  local k = math.min(m, n)
  local q, r = tensors.alloc(shapes.own { m, k }, a.dtype, a), tensors.alloc(shapes.own { k, n }, a.dtype, a)
  if C.mg_qr(q.handle, r.handle, a.handle) ~= 0 then core.raise() end
  return q, r
end

return M
