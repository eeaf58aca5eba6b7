-- Windows: convolution and pooling against loops written from the formulas, their gradients, odd shapes, errors.
local mg = require "moongate"
local ops = mg.ops

local function values(shape, seed)
  local list, n = {}, 1
  for _, size in ipairs(shape) do n = n * size end
  for i = 1, n do list[i] = math.sin(1.3 * i + (seed or 0)) end
  return mg.tensor(list, { dtype = "float64" }):reshape(shape)
end

-- Step t (from 1) of one example as a table, or `outside` where padding is.
local function at(example, t, f, outside)
  return t >= 1 and t <= #example and example[t][f] or outside
end

local function each_window(x, o, size, f)
  local stride, dilation, before, after = o.stride or 1, o.dilation or 1, o.before or 0, o.after or 0
  local count = math.floor((x.shape[2] + before + after - (size - 1) * dilation - 1) / stride) + 1
  local out, examples = {}, x:to_table()
  for b = 1, #examples do
    out[b] = {}
    for i = 1, count do
      out[b][i] = f(function(j, channel, outside)
        return at(examples[b], (i - 1) * stride + (j - 1) * dilation - before + 1, channel, outside)
      end)
    end
  end
  return out
end

-- y[b, i, u] by its formula, with groups.
local function convolved(x, kernel, bias, o)
  local size, own, filters = kernel.shape[1], kernel.shape[2], kernel.shape[3]
  local in_group = filters / (o.groups or 1)
  kernel, bias = kernel:to_table(), bias:to_table()
  return each_window(x, o, size, function(element)
    local row = {}
    for u = 1, filters do
      local first, sum = math.floor((u - 1) / in_group) * own, bias[u]
      for j = 1, size do
        for f = 1, own do sum = sum + element(j, first + f, 0) * kernel[j][f][u] end
      end
      row[u] = sum
    end
    return row
  end)
end

local function near(expected, actual)
  assert.is_true((mg.tensor(expected, { dtype = "float64" }) - actual):abs():max():item() < 1e-12)
end

local CASES = { {}, { stride = 2 }, { dilation = 2 }, { before = 2, after = 1 }, { before = 4, dilation = 2 },
  { stride = 3, before = 1, after = 2 } }

describe("conv1d", function()
  it("is the sum of its formula", function()
    for _, o in ipairs(CASES) do
      local x, kernel, bias = values { 2, 7, 3 }, values({ 3, 3, 2 }, 1), values({ 2 }, 2)
      near(convolved(x, kernel, bias, o), ops.conv1d(x, kernel, bias, o))
    end
    local x, kernel, bias = values { 2, 5, 4 }, values({ 2, 2, 6 }, 1), values({ 6 }, 2)
    near(convolved(x, kernel, bias, { groups = 2 }), ops.conv1d(x, kernel, bias, { groups = 2 }))
  end)

  it("is the same sum element by element, where the products are large", function()
    for _, o in ipairs(CASES) do
      local x, kernel, bias = values { 2, 55, 16 }, values({ 3, 16, 2 }, 1), values({ 2 }, 2)
      near(convolved(x, kernel, bias, o), ops.conv1d(x, kernel, bias, o))
    end
  end)

  it("has the gradients of its formula", function()
    for _, o in ipairs(CASES) do
      assert(mg.gradcheck(function(x, kernel, bias) return ops.conv1d(x, kernel, bias, o) end,
        { values { 2, 7, 3 }, values({ 3, 3, 2 }, 1), values({ 2 }, 2) }))
      assert(mg.gradcheck(function(x, kernel) return ops.conv1d(x, kernel, nil, o) end,
        { values { 1, 20, 16 }, values({ 2, 16, 2 }, 1) }))
    end
    assert(mg.gradcheck(function(x, kernel) return ops.conv1d(x, kernel, nil, { groups = 2 }) end,
      { values { 2, 4, 4 }, values({ 2, 2, 6 }, 1) }))
  end)

  it("takes views, and inputs without windows, steps or examples", function()
    local x, kernel = values { 3, 20, 2 }, values({ 3, 3, 2 }, 1)
    local turned = x:permute { 3, 2, 1 }
    near(convolved(turned, kernel, mg.zeros(2), {}), ops.conv1d(turned, kernel))
    for _, shape in ipairs { { 0, 7, 3 }, { 2, 0, 3 }, { 2, 2, 3 } } do
      local empty = mg.zeros(shape, { dtype = "float64" }):requires_grad_()
      local y = ops.conv1d(empty, kernel)
      assert.are.equal(0, y.count)
      assert.are.equal(empty.shape, mg.gradients(y:sum(), { empty })[1].shape)
    end
    local none, wide = mg.zeros({ 0, 40, 16 }):requires_grad_(), mg.ones({ 3, 16, 2 }):requires_grad_()
    local gradients = mg.gradients(ops.conv1d(none, wide):sum(), { none, wide })
    assert.are.equal(none.shape, gradients[1].shape)
    assert.are.equal(0, gradients[2]:abs():max():item())
  end)

  it("says what does not fit", function()
    local x = values { 2, 5, 4 }
    local function failure(...)
      local ok, message = pcall(ops.conv1d, ...)
      assert.is_false(ok)
      return message
    end
    assert.matches("conv1d: kernel {3, 3, 2} with 1 groups for x {2, 5, 4}, expected 4 features", failure(x, values { 3, 3, 2 }))
    assert.matches("conv1d: argument bias {3} for kernel {3, 4, 2}, expected {2}", failure(x, values { 3, 4, 2 }, values { 3 }))
    assert.matches("conv1d: argument stride is 0, expected a whole number", failure(x, values { 3, 4, 2 }, nil, { stride = 0 }))
    assert.matches("expected %(batch, steps, features%)", failure(values { 2, 5 }, values { 3, 4, 2 }))
  end)
end)

local function pooled(x, o, join)
  return each_window(x, o, o.size, function(element)
    local row = {}
    for f = 1, x.shape[3] do
      local own = {}
      for j = 1, o.size do own[#own + 1] = element(j, f, nil) end
      row[f] = join(own)
    end
    return row
  end)
end

local function mean(list)
  local sum = 0
  for _, v in ipairs(list) do sum = sum + v end
  return sum / #list
end

local POOLS = { { size = 2, stride = 2 }, { size = 3 }, { size = 3, stride = 2, before = 1, after = 1 },
  { size = 2, dilation = 3 } }

describe("pooling", function()
  it("takes the largest element or the mean of each window, without what padding adds", function()
    local x = values { 2, 7, 3 }
    for _, o in ipairs(POOLS) do
      near(pooled(x, o, function(list) return math.max(unpack(list)) end), ops.max_pool(x, o))
      near(pooled(x, o, mean), ops.average_pool(x, o))
    end
  end)

  it("has gradients", function()
    for _, o in ipairs(POOLS) do
      assert(mg.gradcheck(function(x) return ops.max_pool(x, o) end, { values { 2, 7, 3 } }))
      assert(mg.gradcheck(function(x) return ops.average_pool(x, o) end, { values { 2, 7, 3 } }))
    end
  end)

  it("gives the gradient to the first of equal largest elements, as TensorFlow does", function()
    local x = mg.tensor({ { { 1 }, { 2 }, { 2 }, { 0 } } }, { dtype = "float64" }):requires_grad_()
    local y = ops.max_pool(x, { size = 3 })
    assert.are.same({ { { 0 }, { 2 }, { 0 }, { 0 } } }, mg.gradients(y:sum(), { x })[1]:to_table())
  end)
end)
