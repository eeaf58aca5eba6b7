-- Convolution along the steps of (B, T, F), as Keras and TensorFlow mean it (the kernel is not reversed):
--   y[b, i, u] = bias[u] + sum over j, f of x[b, i stride + j dilation - before, f] kernel[j, f, u]
-- computed in one of two ways. By elements: for each j the steps that element j of the windows sees, a view, times kernel[j], added
-- up; nothing is copied. By columns: one product of the windows as rows (B T', K F) with the kernel (K F, U), where the products by
-- elements would be small. With groups, features and filters are cut into equal parts, and each part of the filters sees its part
-- of the features.
local check = require "moongate.check"
local core = require "moongate.ffi.core"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"
local raw = require "moongate.ops.raw"
local convert = require "moongate.ops.convert"
local view = require "moongate.ops.window_view"
local C = core.C
local state, accumulate = autograd.state, autograd.accumulate

local M = {}

-- Part g of the last axis cut into w.groups parts.
local function part(x, w, g)
  if w.groups == 1 then return x end
  local n = #x.shape
  local size = x.shape[n] / w.groups
  return raw.slice(x, n - 1, g * size, size, 1)
end

-- The windows of x as rows: (B, T', K F).
local function columns(x, w)
  local batch, features = x.shape[1], x.shape[3]
  if w.size == 1 and w.stride == 1 and w.before == 0 and w.after == 0 then return x end
  local input = view.padded(x, w, 0)
  local y = tensors.alloc(shapes.own { batch, w.count, w.size * features }, x.dtype, x)
  for j = 0, w.size - 1 do raw.copy_to(raw.slice(y, 2, j * features, features, 1), view.element(input, w, j)) end
  return y
end

-- Part g of the filters as a matrix (K F, U).
local function matrix(kernel, w, g)
  local own = part(kernel, w, g)
  local s = own.shape
  return raw.reshape(own, shapes.own { s[1] * s[2], s[3] })
end

local function product_into(out, a, b, beta)
  core.check(C.mg_matmul(out.handle, a.handle, b.handle, beta))
end

-- Rows of a contiguous (B, T', N) as a matrix (B T', N).
local function flat(x)
  local s = x.shape
  return raw.reshape(x, shapes.own { s[1] * s[2], s[3] })
end

-- By elements -------------------------------------------------------------------------------------------------------------------

-- Fewer features, or fewer windows in an example, make products that BLAS does slowly. An empty batch has no rows to cut from.
local LEAST = 16

local function by_elements(x, w)
  return w.groups == 1 and w.size > 1 and x.shape[3] >= LEAST and w.count >= LEAST and x.shape[1] > 0
end

-- kernel[j] as a matrix (F, U).
local function tap(kernel, j)
  return raw.reshape(raw.slice(kernel, 0, j, 1, 1), shapes.own { kernel.shape[2], kernel.shape[3] })
end

local function forward_by_elements(y, x, kernel, w, beta)
  local input = view.padded(x, w, 0)
  for j = 0, w.size - 1 do
    product_into(y, view.element(input, w, j), tap(kernel, j), (j > 0 or beta) and 1 or 0)
  end
end

-- With one window a step, and dy followed by zeros to as many steps as the padded input has, example and step are one axis: no
-- element of a window sees another example but through those zeros.
local function back_by_elements(x, kernel, dy, w, dkernel)
  local input = flat(view.padded(x, w, 0))
  local steps = x.shape[2] + w.before + w.after
  local spread = flat(view.padded(dy, { before = 0, after = steps - w.count }, 0))
  local rows, whole, dx = input.shape[1], nil, nil
  if x.node then whole, dx = view.zeros(x, w) end
  local into = whole and flat(whole)
  for j = 0, w.size - 1 do
    local offset = j * w.dilation
    local own = raw.slice(spread, 0, 0, rows - offset, 1)
    if dkernel then
      local seen = raw.slice(input, 0, offset, rows - offset, 1)
      product_into(tap(dkernel, j), raw.swap_last(seen), own, 0)
    end
    if into then product_into(raw.slice(into, 0, offset, rows - offset, 1), own, raw.swap_last(tap(kernel, j)), 1) end
  end
  return dx
end

-- By columns --------------------------------------------------------------------------------------------------------------------

-- dx += the windows' gradients, each element where it came from.
local function scatter(whole, dcolumns, w)
  local features = whole.shape[3]
  for j = 0, w.size - 1 do
    local own = view.element(whole, w, j)
    raw.add_into(own, own, raw.slice(dcolumns, 2, j * features, features, 1))
  end
end

local function back_by_columns(x, kernel, dy, w, dkernel)
  local whole, dx
  if x.node then whole, dx = view.zeros(x, w) end
  for g = 0, w.groups - 1 do
    local own = raw.contiguous(part(dy, w, g))
    if dkernel then
      local product = raw.matmul(raw.swap_last(flat(columns(part(x, w, g), w))), flat(own), matrix(kernel, w, g).shape)
      raw.copy_to(part(dkernel, w, g), raw.reshape(product, part(kernel, w, g).shape))
    end
    if dx then
      local weights = raw.swap_last(matrix(kernel, w, g))
      scatter(part(whole, w, g), raw.matmul(own, weights, shapes.with(own.shape, 3, weights.shape[2])), w)
    end
  end
  return dx
end

-- Whether the zeros behind dy are fewer than the windows.
local function few_zeros(w) return w.stride == 1 and (w.size - 1) * w.dilation < w.count end

local function conv_back(node, dy)
  local x, kernel, bias, w = node.a, node.b, node.c, node.w
  local dkernel = kernel.node and tensors.alloc_like(kernel, kernel.dtype)
  if x.node or dkernel then
    local back = by_elements(x, w) and few_zeros(w) and back_by_elements or back_by_columns
    local dx = back(x, kernel, dy, w, dkernel)
    if dx then accumulate(x, dx) end
    if dkernel then accumulate(kernel, dkernel) end
  end
  if bias and bias.node then accumulate(bias, raw.sum_to(dy, bias.shape)) end
end

local function check_shapes(x, kernel, bias, groups)
  local s = kernel.shape
  if #x.shape ~= 3 or #s ~= 3 then
    check.fail("conv1d: arguments x %s and kernel %s, expected (batch, steps, features) and (steps, features, filters)",
      tostring(x.shape), tostring(s))
  end
  if s[2] * groups ~= x.shape[3] or s[3] % groups ~= 0 then
    check.fail("conv1d: kernel %s with %d groups for x %s, expected %d features in the kernel and filters that the groups divide",
      tostring(s), groups, tostring(x.shape), math.floor(x.shape[3] / groups))
  end
  if bias and (#bias.shape ~= 1 or bias.shape[1] ~= s[3]) then
    check.fail("conv1d: argument bias %s for kernel %s, expected {%d}: one number for each filter", tostring(bias.shape),
      tostring(s), s[3])
  end
end

--- Convolution along the steps, plus bias
---@param x Tensor (B, T, F)
---@param kernel Tensor (K, F / groups, U)
---@param bias? Tensor (U)
---@param options? table stride = 1, dilation = 1, before = 0 and after = 0 (zeros added in front and behind), groups = 1
---@return Tensor (B, T', U)
function M.conv1d(x, kernel, bias, options)
  options = check.options("conv1d", options, { "stride", "dilation", "before", "after", "groups" })
  x, kernel = convert.same("conv1d", x, kernel, true)
  if bias then bias = convert.cast(tensors.expect("conv1d", "bias", bias), x.dtype) end
  local groups = check.integer("conv1d", "groups", options.groups or 1, 1)
  check_shapes(x, kernel, bias, groups)
  local w = view.of("conv1d", x, { size = kernel.shape[1], stride = options.stride, dilation = options.dilation,
    before = options.before, after = options.after })
  w.groups = groups
  local y = tensors.alloc(shapes.own { x.shape[1], w.count, kernel.shape[3] }, x.dtype, x)
  if bias then raw.copy_to(y, bias) end
  if by_elements(x, w) then forward_by_elements(y, x, kernel, w, bias ~= nil) end
  for g = 0, by_elements(x, w) and -1 or groups - 1 do
    product_into(part(y, w, g), columns(part(x, w, g), w), matrix(kernel, w, g), bias and 1 or 0)
  end
  if state.on and (x.node or kernel.node or (bias and bias.node)) then
    local node = autograd.record_inputs(y, conv_back, x, kernel)
    node.c, node.w = bias, w
  end
  return y
end

return M
