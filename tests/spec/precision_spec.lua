-- mg.set_matmul_precision through the recurrent layers: errors against the same layer in float64, the same bits for any number of
-- threads, numbers that bf16 has not.
local mg = require "moongate"

local ops = mg.ops
local runtime = mg.runtime_info()
local bf16 = runtime.features:find("avx512bf16", 1, true) ~= nil and (runtime.isa == "avx512" or runtime.isa == "amx")
local amx = runtime.isa == "amx"

-- float32 numbers in both dtypes.
local function numbers(shape, scale)
  local t = (mg.random.uniform(shape) * 2 - 1) * scale
  return t, ops.cast(t, "float64")
end

local function layer_of(class, units, dtype, options)
  local given = { return_sequences = true, dtype = dtype }
  for name, value in pairs(options or {}) do given[name] = value end
  return mg.layers[class](units, given)
end

-- A layer and its twin in float64 with the same weights, inputs and gradients of the outputs.
local function twins(class, shape, units, options)
  local B, T, F = unpack(shape)
  local layer, truth = layer_of(class, units, "float32", options), layer_of(class, units, "float64", options)
  layer:build { B, T, F }
  truth:build { B, T, F }
  local weights, exact = {}, {}
  for i, w in ipairs(layer.weights) do weights[i], exact[i] = numbers({ unpack(w.shape) }, 1.2 / math.sqrt(math.max(F, units))) end
  layer:set_weights(weights)
  truth:set_weights(exact)
  local x, x64 = numbers({ B, T, F }, 1)
  local g, g64 = numbers({ B, T, units }, 1)
  return { layer = layer, x = x, g = g }, { layer = truth, x = x64, g = g64 }
end

-- y and the gradients of x and all weights.
local function results(one)
  one.x:requires_grad_()
  local y = one.layer(one.x, { training = true })
  local gradients = mg.autograd.gradients(y, { one.x, unpack(one.layer.trainable_weights) }, { gradient = one.g })
  return { y:detach(), unpack(gradients) }
end

local function at(precision, call, ...)
  mg.set_matmul_precision(precision)
  local found = call(...)
  mg.set_matmul_precision "highest"
  return found
end

local function largest(t) return ops.max(ops.abs(t)):item() end

-- Of y: the largest error beside max(1, |y|), which is 1; of a gradient beside its largest value.
local function error_of(found, truth)
  local worst = 0
  for i, t in ipairs(truth) do
    local difference = ops.abs(ops.cast(found[i], "float64") - t)
    worst = math.max(worst, largest(difference) / (i == 1 and 1 or largest(t)))
  end
  return worst
end

local CASES = {
  { "GRU", { 32, 6, 40 }, 130 }, { "GRU", { 17, 5, 64 }, 128, { reset_after = false } }, { "LSTM", { 40, 4, 33 }, 140 },
  { "SimpleRNN", { 21, 7, 48 }, 150 }, { "GRU", { 64, 3, 100 }, 256, { go_backwards = true } }, { "LSTM", { 4, 9, 20 }, 33 },
}

describe("matmul precision", function()
  before_each(function() mg.set_random_seed(11) end)
  after_each(function() mg.set_matmul_precision "highest" end)

  it("bounds the errors of outputs and gradients", function()
    for _, case in ipairs(CASES) do
      local layer, truth = twins(unpack(case, 1, 4))
      local exact = results(truth)
      local errors = {}
      for precision, bound in pairs { highest = 4e-6, high = 1e-5, medium = 1e-2 } do
        errors[precision] = error_of(at(precision, results, layer), exact)
        assert(errors[precision] <= bound, ("%s at %s: %g"):format(case[1], precision, errors[precision]))
      end
      assert.equal(bf16, errors.medium > 1e-4, case[1])
      local tiles = amx and case[2][1] >= 16 -- rows of the batch
      assert.equal(tiles, errors.high ~= errors.highest, ("%s of %d rows"):format(case[1], case[2][1]))
    end
  end)

  it("gives the same bits for any number of threads", function()
    local threads = mg.get_threads()
    for _, precision in ipairs { "highest", "high", "medium" } do
      local layer = twins("GRU", { 70, 5, 36 }, 144)
      mg.set_threads(1)
      local first = at(precision, results, layer)
      for n = 2, 4 do
        mg.set_threads(n)
        for i, t in ipairs(at(precision, results, layer)) do assert.same(first[i]:to_flat_table(), t:to_flat_table()) end
      end
    end
    mg.set_threads(threads)
  end)

  it("computes numbers that bf16 has not as float32 does", function()
    for _, value in ipairs { 1 / 0, -1 / 0, 0 / 0, 3.4e38 } do
      local layer = twins("GRU", { 20, 2, 32 }, 128)
      local row = layer.x:to_table()
      for t = 1, 2 do row[3][t][5] = value end
      layer.x = mg.tensor(row)
      local function forward() return mg.autograd.no_grad(function() return layer.layer(layer.x):to_flat_table() end) end
      local plain, medium = at("highest", forward), at("medium", forward)
      for i, expected in ipairs(plain) do
        local same = expected ~= expected and medium[i] ~= medium[i] or math.abs(medium[i] - expected) <= 1e-2
        assert(same, ("%s: output %d is %g, expected %g"):format(value, i, medium[i], expected))
      end
    end
  end)

  it("is a gradient's own: forward at one, backward at another", function()
    local layer, truth = twins("LSTM", { 32, 4, 24 }, 128)
    layer.x:requires_grad_()
    local y = at("medium", function() return layer.layer(layer.x, { training = true }) end)
    local gradients = mg.autograd.gradients(y, { layer.x, unpack(layer.layer.trainable_weights) }, { gradient = layer.g })
    assert(error_of({ y:detach(), unpack(gradients) }, results(truth)) <= 1e-2)
  end)

  it("is named by explain", function()
    local layer = mg.layers.GRU(128)
    local x = mg.zeros { 32, 4, 8 }
    local function text() return tostring(layer:explain(x)) end
    local row = at("medium", function() return layer:explain(mg.zeros { 1, 4, 8 }).kernel end)
    assert.matches("few rows, precision medium: products of " .. (bf16 and "1 bf16 piece" or "float32"), row, 1, true)
    assert.matches(bf16 and "precision medium: products of 1 bf16 piece" or "precision medium: products of float32",
      at("medium", text), 1, true)
    assert.matches(amx and "precision high: products of 2 bf16 pieces" or "precision high: products of float32", at("high", text),
      1, true)
    assert.equal(amx, at("highest", text):find("3 bf16 pieces", 1, true) ~= nil)
  end)
end)
