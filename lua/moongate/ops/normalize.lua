-- Normalization to mean 0 and variance 1 over some dimensions, with its gradient in one node:
--   n = (x - mean) / sqrt(variance + epsilon),   y = n gamma + beta
--   dx = (g - mean(g) - n mean(g n)) / sqrt(variance + epsilon)  with g = dy gamma
-- Source: Ioffe and Szegedy 2015; Ba, Kiros and Hinton 2016.
local core = require "moongate.ffi.core"
local bit = require "bit"
local check = require "moongate.check"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"
local raw = require "moongate.ops.raw"
local convert = require "moongate.ops.convert"
local C = core.C

local M = {}

-- out = a op b in the memory of a
local function into(code, a, b)
  core.check(C.mg_binary(code, a.handle, a.handle, b.handle))
  return a
end

local function normalize_back(node, dy)
  local x, gamma, beta, n = node.a, node.b, node.c, node.n
  local weighted = gamma and gamma.node and raw.mul(dy, n)
  if weighted then autograd.accumulate(gamma, raw.sum_to(weighted, gamma.shape)) end
  if beta and beta.node then autograd.accumulate(beta, raw.sum_to(dy, beta.shape)) end
  if not x.node then return end
  local g = gamma and raw.mul(dy, gamma) or raw.affine(dy, 1, 0)
  local mean = raw.reduce(C.MG_REDUCE_MEAN, g, node.axes)
  local slope = raw.reduce(C.MG_REDUCE_MEAN, raw.mul(g, n), node.axes)
  into(C.MG_BINARY_SUB, g, mean)
  into(C.MG_BINARY_SUB, g, raw.mul(n, slope))
  autograd.accumulate(x, into(C.MG_BINARY_MUL, g, node.scale))
end

local function bits_of(x, dims)
  local axes = 0
  check.type("normalize", "dims", dims, "table")
  for _, dim in ipairs(dims) do axes = bit.bor(axes, bit.lshift(1, shapes.dim("normalize", dim, #x.shape) - 1)) end
  return axes
end

local function weight(name, value, x)
  if value == nil then return nil end
  value = convert.cast(tensors.expect("normalize", name, value), x.dtype)
  if not shapes.equal(shapes.broadcast("normalize", x.shape, value.shape), x.shape) then
    check.fail("normalize: argument %s %s is larger than x %s, expected a shape that broadcasts to it", name, tostring(value.shape),
      tostring(x.shape))
  end
  return value
end

--- x with mean 0 and variance 1 over the dimensions dims, times gamma, plus beta
---@param x Tensor (...)
---@param dims integer[]
---@param epsilon number added to the variance
---@param gamma? Tensor broadcast against x
---@param beta? Tensor broadcast against x
---@return Tensor y (...)
---@return Tensor mean as x, with size 1 in dims; no gradient goes through it
---@return Tensor variance as mean: the mean of the squared differences
function M.normalize(x, dims, epsilon, gamma, beta)
  x = convert.float("normalize", "x", x)
  local axes = bits_of(x, dims)
  check.type("normalize", "epsilon", epsilon, "number")
  gamma, beta = weight("gamma", gamma, x), weight("beta", beta, x)
  local mean = raw.reduce(C.MG_REDUCE_MEAN, x, axes)
  local n = raw.sub(x, mean)
  local squares = raw.reduce(C.MG_REDUCE_SUM_OF_SQUARES, n, axes)
  local variance = raw.affine(squares, squares.count / x.count, 0)
  local scale = raw.unary(C.MG_UNARY_RSQRT, raw.affine(variance, 1, epsilon))
  into(C.MG_BINARY_MUL, n, scale)
  local y = gamma and raw.mul(n, gamma) or raw.affine(n, 1, 0)
  if beta then into(C.MG_BINARY_ADD, y, beta) end
  if autograd.state.on and (x.node or (gamma and gamma.node) or (beta and beta.node)) then
    local node = autograd.record(y, normalize_back, x, gamma or false)
    node.c, node.n, node.scale, node.axes = beta, n, scale, axes
    if gamma then autograd.guard(node, { gamma }) end
  end
  return y, mean, variance
end

local function handle(x) return x and x.handle or nil end

local function rows_back(node, dy)
  local x, gamma, beta, rows = node.x, node.gamma, node.beta, node.rows
  local dx = x.node and tensors.alloc(rows.shape, x.dtype, x)
  local dgamma = gamma and gamma.node and tensors.alloc(node.columns, x.dtype, x)
  local dbeta = beta and beta.node and tensors.alloc(node.columns, x.dtype, x)
  core.check(C.mg_layer_norm_backward(handle(dx), handle(dgamma), handle(dbeta), raw.reshape(dy, rows.shape).handle, rows.handle,
    node.mean.handle, node.inverse.handle, handle(gamma and raw.reshape(gamma, node.columns))))
  if dx then autograd.accumulate(x, raw.reshape(dx, x.shape)) end
  if dgamma then autograd.accumulate(gamma, raw.reshape(dgamma, gamma.shape)) end
  if dbeta then autograd.accumulate(beta, raw.reshape(dbeta, beta.shape)) end
end

local function last_sizes(x, n)
  check.integer("layer_norm", "n", n, 1, #x.shape)
  local sizes = {}
  for i = 1, n do sizes[i] = x.shape[#x.shape - n + i] end
  return shapes.own(sizes)
end

local function column_weight(name, value, x, sizes)
  if value == nil then return nil end
  value = convert.cast(tensors.expect("layer_norm", name, value), x.dtype)
  if not shapes.equal(value.shape, sizes) then
    check.fail("layer_norm: argument %s %s does not fit x %s, expected %s", name, tostring(value.shape), tostring(x.shape),
      tostring(sizes))
  end
  return value
end

--- normalize over the last n dimensions, in one pass each way
---@param x Tensor (..., sizes)
---@param n integer how many dimensions sizes are
---@param epsilon number added to the variance
---@param gamma? Tensor (sizes)
---@param beta? Tensor (sizes)
---@return Tensor y (..., sizes)
function M.layer_norm(x, n, epsilon, gamma, beta)
  x = convert.float("layer_norm", "x", x)
  check.type("layer_norm", "epsilon", epsilon, "number")
  local sizes = last_sizes(x, n)
  gamma, beta = column_weight("gamma", gamma, x, sizes), column_weight("beta", beta, x, sizes)
  local width = shapes.count(sizes)
  local columns, height = shapes.own { width }, shapes.own { width > 0 and x.count / width or 0 }
  local rows = raw.reshape(x, shapes.own { height[1], width })
  local out = tensors.alloc(rows.shape, x.dtype, x)
  local mean, inverse = tensors.alloc(height, x.dtype, x), tensors.alloc(height, x.dtype, x)
  core.check(C.mg_layer_norm_forward(out.handle, mean.handle, inverse.handle, rows.handle,
    handle(gamma and raw.reshape(gamma, columns)), handle(beta and raw.reshape(beta, columns)), epsilon))
  local y = raw.reshape(out, x.shape)
  local inputs = { x }
  inputs[#inputs + 1] = gamma
  inputs[#inputs + 1] = beta
  if autograd.any(inputs) then
    local node = autograd.record_many({ y }, rows_back, inputs, { x, gamma })
    node.x, node.gamma, node.beta, node.rows, node.columns, node.mean, node.inverse = x, gamma, beta, rows, columns, mean, inverse
  end
  return y
end

return M
