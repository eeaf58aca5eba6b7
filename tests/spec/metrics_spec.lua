local mg = require "moongate"
local metrics = mg.metrics

describe("metrics", function()
  it("count right answers over several batches", function()
    local m = metrics.SparseCategoricalAccuracy()
    m:update_state(mg.tensor({ 0, 1 }, { dtype = "int32" }), mg.tensor { { 0.9, 0.1 }, { 0.8, 0.2 } })
    assert.equal(0.5, m:result())
    m:update_state(mg.tensor({ 1, 1 }, { dtype = "int32" }), mg.tensor { { 0, 1 }, { 0, 1 } })
    assert.equal(0.75, m:result())
    m:reset_state()
    assert.equal(0, m:result())
  end)

  it("weight samples", function()
    local m = metrics.MeanSquaredError()
    m:update_state(mg.zeros(2, 1), mg.tensor { { 1 }, { 3 } }, mg.tensor { 3, 1 })
    assert.near((3 * 1 + 1 * 9) / 4, m:result(), 1e-6)
  end)

  it("root of the mean square, over all batches", function()
    local m = metrics.get "rmse"
    m:update_state(mg.zeros(1, 1), mg.tensor { { 3 } })
    m:update_state(mg.zeros(1, 1), mg.tensor { { 4 } })
    assert.near(math.sqrt(12.5), m:result(), 1e-6)
  end)

  it("top k", function()
    local m = metrics.SparseTopKCategoricalAccuracy { k = 2 }
    m:update_state(mg.tensor({ 0, 2 }, { dtype = "int32" }), mg.tensor { { 0.3, 0.5, 0.2 }, { 0.5, 0.3, 0.2 } })
    assert.equal(0.5, m:result())
  end)

  it("choose the accuracy by the shapes", function()
    local ids = mg.zeros({ 2 }, { dtype = "int32" })
    assert.is_true(metrics.get("accuracy", mg.zeros(2, 1), mg.zeros(2, 1)):is(metrics.BinaryAccuracy))
    assert.is_true(metrics.get("accuracy", ids, mg.zeros(2, 3)):is(metrics.SparseCategoricalAccuracy))
    assert.is_true(metrics.get("acc", mg.zeros(2, 3), mg.zeros(2, 3)):is(metrics.CategoricalAccuracy))
    assert.equal("acc", metrics.get("acc", ids, mg.zeros(2, 3)).name)
  end)

  it("from a Lua function", function()
    local m = metrics.get(function(y, p) return (y - p):abs() end)
    m:update_state(mg.zeros(2, 2), mg.tensor { { 1, 3 }, { 0, 0 } })
    assert.near(1, m:result(), 1e-6)
  end)
end)
