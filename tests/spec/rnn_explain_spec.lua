-- What explain tells of a call's cut and time. All estimates of a process rest on one probe of the processor, so that they can be
-- compared with each other; how near they come is measured by tests/bench/sweep.lua.
local mg = require "moongate"
local ops = require "moongate.ops"
local terminal = require "moongate.terminal"

local function layer_of(class, units, options)
  local own = { return_sequences = true }
  for name, value in pairs(options or {}) do own[name] = value end
  return mg.layers[class](units, own)
end

local function explained(class, B, T, F, U, options)
  return layer_of(class, U, options):explain(mg.zeros { B, T, F }, { training = true })
end

describe("explain", function()
  local threads, precision = mg.get_threads(), mg.get_matmul_precision()
  after_each(function()
    mg.set_threads(threads)
    mg.set_matmul_precision(precision)
  end)

  for _, class in ipairs { "GRU", "LSTM", "SimpleRNN" } do
    it("estimates more time for more work: " .. class, function()
      mg.set_threads(1)
      local base = { 16, 20, 32, 64 }
      local plan = explained(class, unpack(base))
      assert.is_true(plan.milliseconds > 0 and plan.training_milliseconds > plan.milliseconds)
      for i, what in ipairs { "batch", "steps", "features", "units" } do
        local sizes = { unpack(base) }
        sizes[i] = sizes[i] * 4
        local larger = explained(class, unpack(sizes))
        assert.is_true(larger.milliseconds > plan.milliseconds, what)
        assert.is_true(larger.training_milliseconds > plan.training_milliseconds, what)
      end
    end)
  end

  it("estimates no more time for a second thread, and says what the threads share", function()
    mg.set_threads(1)
    local one = explained("GRU", 64, 50, 64, 128)
    mg.set_threads(2)
    local two = explained("GRU", 64, 50, 64, 128)
    assert.equal(1, one.threads)
    assert.equal(2, two.threads)
    assert.equal("rows", two.split)
    assert.is_true(two.milliseconds < one.milliseconds)
    assert.equal(one.block_rows, two.block_rows) -- the cut itself is by shape
    assert.equal(one.chunk_steps, two.chunk_steps)
    local single = explained("GRU", 1, 50, 8, 8)
    assert.same({ "none", 1, 1, 50 }, { single.split, single.threads, single.block_rows, single.chunk_steps })
  end)

  it("tells what \"medium\" gains on one row, where its weights are of bf16", function()
    mg.set_threads(1)
    local large, small = explained("GRU", 1, 50, 128, 256), explained("GRU", 1, 50, 8, 8)
    mg.set_matmul_precision "medium"
    local medium = explained("GRU", 1, 50, 128, 256)
    local pieces = tostring(medium):find("bf16 piece", 1, true) ~= nil
    assert.equal(pieces, medium.milliseconds < 0.75 * large.milliseconds)
    assert.equal(pieces, medium.training_milliseconds < large.training_milliseconds)
    assert.equal(small.milliseconds, explained("GRU", 1, 50, 8, 8).milliseconds)
  end)

  it("is near what a call takes", function()
    mg.set_threads(1)
    local layer = layer_of("GRU", 64)
    local x = mg.zeros { 16, 20, 32 }
    local estimate, least = layer:explain(x).milliseconds, math.huge
    for _ = 1, 20 do
      local from = terminal.now()
      mg.scope(function() return mg.no_grad(function() return layer(x) end) end)
      least = math.min(least, (terminal.now() - from) * 1e3)
    end
    assert.is_true(estimate < 20 * least and least < 20 * estimate, ("%g ms, estimated %g ms"):format(least, estimate))
  end)

  it("prints it in words", function()
    mg.set_threads(1)
    local text = tostring(explained("GRU", 64, 50, 64, 128))
    assert.matches("kernel: fused float32", text, 1, true)
    assert.matches("\nsplit: rows of the batch in blocks of %d+, on 1 thread\n", text)
    assert.matches("\ninput products: of %d+ steps at once\n", text)
    assert.matches("\nestimated: [%d.]+ ms for inference, [%d.]+ ms for a training step", text)
    local layer, x = layer_of("SimpleRNN", 4), mg.zeros { 1, 1, 3 }
    text = tostring(layer:explain(x))
    assert.matches("split: 1 row in one block, on 1 thread\ninput products: of 1 step at once\n", text, 1, true)
    assert.matches("estimated: [%d.e-]+ ms for inference$", text)
  end)

  it("names the kernels of few rows where they are taken", function()
    local few, many = "fused float32, kernels of few rows", "fused float32"
    for name, more in pairs { highest = "", high = ", precision high: products of float32",
      medium = ", precision medium: products of float32" } do
      mg.set_matmul_precision(name)
      assert.equal(few .. more, explained("GRU", 2, 10, 8, 24).kernel)
    end
    mg.set_matmul_precision "highest"
    assert.equal(many, explained("LSTM", 4, 10, 8, 24).kernel)
    assert.equal(many, explained("GRU", 1, 10, 8, 24, { activation = "relu" }).kernel)
    assert.equal(many, explained("GRU", 1, 10, 8, 24, { recompute = true }).kernel)
    assert.equal(few, layer_of("GRU", 24, { recompute = true }):explain(mg.zeros { 1, 10, 8 }).kernel)
  end)

  it("tells nothing of times where it knows none", function()
    local float64 = layer_of("GRU", 4, { dtype = "float64" }):explain(mg.zeros({ 2, 3, 3 }, { dtype = "float64" }))
    assert.equal("reference", float64.kernel)
    assert.is_nil(float64.milliseconds)
    assert.is_nil(tostring(float64):find("estimated", 1, true))
    local softmax = layer_of("GRU", 4, { activation = "softmax" }):explain(mg.zeros { 2, 3, 3 })
    assert.is_nil(softmax.milliseconds)
    assert.is_nil(explained("GRU", 2, 0, 3, 4).milliseconds) -- no steps
  end)

  it("takes a mask alone or among options, and no others", function()
    local layer, x, mask = layer_of("GRU", 4), mg.zeros { 2, 3, 3 }, mg.tensor({ { 0, 1, 1 }, { 1, 1, 1 } }, { dtype = "uint8" })
    assert.is_false(layer:explain(x, mask).requirements[7].met)
    assert.is_false(layer:explain(x, { mask = mask }).requirements[7].met)
    assert.error_matches(function() layer:explain(x, { masks = mask }) end, 'unknown option "masks".*mask, training')
    local o = { x = x, kernel = layer.kernel, recurrent_kernel = layer.recurrent_kernel, bias = layer.bias, reset_after = true }
    local forward, step = ops.gru_explain(o), ops.gru_explain(o, true)
    assert.is_true(step.milliseconds > forward.milliseconds)
  end)
end)
