-- Pooling: the largest element or the mean of windows that slide along the steps of (B, T, F). T' is the number of windows.
local core = require "moongate.ffi.core"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"
local raw = require "moongate.ops.raw"
local view = require "moongate.ops.window_view"
local convert = require "moongate.ops.convert"
local C = core.C
local state, accumulate = autograd.state, autograd.accumulate

local M = {}

-- The first of equal largest elements takes the gradient, as in TensorFlow and PyTorch.
local function max_pool_back(node, dy)
  local x, w, best = node.a, node.w, node.y
  local input = view.padded(x, w, -math.huge)
  local whole, own = view.zeros(x, w)
  local free = raw.full_like(best, 1, "uint8")
  for j = 0, w.count > 0 and w.size - 1 or -1 do
    local hit = raw.binary(C.MG_BINARY_MUL, raw.compare(C.MG_COMPARE_EQ, view.element(input, w, j), best), free)
    free = raw.sub(free, hit)
    local part = view.element(whole, w, j)
    raw.add_into(part, part, raw.mul(dy, raw.cast(hit, dy.dtype)))
  end
  accumulate(x, own)
end

--- The largest element of each window; steps added before and after never win
---@param x Tensor (B, T, F)
---@param options table size, stride = 1, dilation = 1, before = 0 and after = 0 (steps added)
---@return Tensor (B, T', F)
function M.max_pool(x, options)
  x = convert.float("max_pool", "x", x)
  local w = view.of("max_pool", x, options)
  local input = view.padded(x, w, -math.huge)
  local y = tensors.alloc(shapes.with(x.shape, 2, w.count), x.dtype, x)
  raw.copy_to(y, view.element(input, w, 0))
  for j = 1, w.count > 0 and w.size - 1 or 0 do
    core.check(C.mg_binary(C.MG_BINARY_MAX, y.handle, y.handle, view.element(input, w, j).handle))
  end
  if x.node and state.on then
    local node = autograd.record_output(y, max_pool_back, x)
    node.w, node.va = w, tensors.version(x)
  end
  return y
end

-- How many elements of each window are steps of x, not added ones: (1, T', 1), and nil where all are.
local function own_counts(x, w)
  if w.before == 0 and w.after == 0 then return nil end
  local counts = {}
  for i = 0, w.count - 1 do
    local number = 0
    for j = 0, w.count > 0 and w.size - 1 or -1 do
      local at = i * w.stride + j * w.dilation - w.before
      if at >= 0 and at < x.shape[2] then number = number + 1 end
    end
    counts[i + 1] = number
  end
  return tensors.from_list(counts, shapes.own { 1, w.count, 1 }, x.dtype)
end

local function shared(y, counts, size)
  return counts and raw.div(y, counts) or raw.unary(C.MG_UNARY_DIV, y, size)
end

local function average_pool_back(node, dy)
  local x, w = node.a, node.w
  local share = shared(dy, node.counts, w.size)
  local whole, own = view.zeros(x, w)
  for j = 0, w.count > 0 and w.size - 1 or -1 do
    local part = view.element(whole, w, j)
    raw.add_into(part, part, share)
  end
  accumulate(x, own)
end

--- The mean of each window; steps added before and after do not count
---@param x Tensor (B, T, F)
---@param options table size, stride = 1, dilation = 1, before = 0 and after = 0 (steps added)
---@return Tensor (B, T', F)
function M.average_pool(x, options)
  x = convert.float("average_pool", "x", x)
  local w = view.of("average_pool", x, options)
  local input = view.padded(x, w, 0)
  local y = tensors.alloc(shapes.with(x.shape, 2, w.count), x.dtype, x)
  raw.copy_to(y, view.element(input, w, 0))
  for j = 1, w.count > 0 and w.size - 1 or 0 do raw.add_into(y, y, view.element(input, w, j)) end
  local counts = own_counts(x, w)
  y = shared(y, counts, w.size)
  if x.node and state.on then
    local node = autograd.record(y, average_pool_back, x)
    node.w, node.counts = w, counts
  end
  return y
end

return M
