-- Losses made of tensor operations, against their formulas written out here, and the options that all losses share.
local mg = require "moongate"
local losses = mg.losses

local function f64(list) return mg.tensor(list, { dtype = "float64" }) end
local function value(loss, ...) return loss(...):item() end
local function near_list(expected, found)
  for i, v in ipairs(found:to_flat_table()) do assert.near(expected[i], v, 1e-12 * math.max(1, math.abs(expected[i]))) end
  assert.equal(#expected, found.count)
end

-- Mean over a row of f(y, p), for the rows of two tables.
local function rows(y, p, f)
  local list = {}
  for i = 1, #y do
    list[i] = 0
    for j = 1, #y[i] do list[i] = list[i] + f(y[i][j], p[i][j]) / #y[i] end
  end
  return list
end

local Y, P = { { 1, 0, 2 }, { 3, 1, 0.5 } }, { { 0.5, 0.25, 2.5 }, { 2, 1, 0.75 } }

describe("losses of numbers", function()
  local function check(name, f)
    near_list(rows(Y, P, f), losses[name] { reduction = "none" }(f64(Y), f64(P)))
  end

  it("in percent, of logarithms, log cosh, counts", function()
    check("MeanAbsolutePercentageError", function(y, p) return 100 * math.abs(y - p) / math.max(y, 1e-7) end)
    check("MeanSquaredLogarithmicError", function(y, p)
      return (math.log(1 + math.max(y, 1e-7)) - math.log(1 + math.max(p, 1e-7))) ^ 2
    end)
    check("LogCosh", function(y, p) return math.log(math.cosh(p - y)) end)
    check("Poisson", function(y, p) return p - y * math.log(p + 1e-7) end)
  end)

  it("hinges; labels of 0 and 1 count as -1 and 1", function()
    local p = { { 0.5, -2, 0.25 }, { 2, -1, 0.75 } }
    local signed, bits = { { 1, -1, 1 }, { -1, -1, 1 } }, { { 1, 0, 1 }, { 0, 0, 1 } }
    local function hinge(y, x) return math.max(0, 1 - y * x) end
    for _, labels in ipairs { signed, bits } do
      near_list(rows(signed, p, hinge), losses.Hinge { reduction = "none" }(f64(labels), f64(p)))
      near_list(rows(signed, p, function(y, x) return hinge(y, x) ^ 2 end),
        losses.SquaredHinge { reduction = "none" }(f64(labels), f64(p)))
    end
    -- row 1: 1 + 0.5 - 0.25; row 2: 1 + 2 - 0.75
    near_list({ 1.25, 2.25 }, losses.categorical_hinge(f64 { { 0, 0, 1 }, { 0, 0, 1 } }, f64(p)))
  end)

  it("cosine along either axis, 0 for a row of zeros", function()
    local y, p = f64 { { 3, 4 }, { 0, 0 } }, f64 { { 4, 3 }, { 1, 1 } }
    near_list({ -24 / 25, 0 }, losses.CosineSimilarity { reduction = "none" }(y, p))
    near_list({ -4 / math.sqrt(17), -3 / math.sqrt(10) }, losses.CosineSimilarity { reduction = "none", axis = 0 }(y, p))
    local zero = f64({ { 0, 0 } }):requires_grad_()
    local dy = mg.gradients(losses.cosine_similarity(f64 { { 1, 0 } }, zero):sum(), { zero })[1]
    assert.equal(dy[1][2]:item(), 0)
  end)
end)

describe("losses of probabilities", function()
  it("divergence and overlap", function()
    local y, p = f64 { { 0.25, 0.75 } }, f64 { { 0.5, 0.5 } }
    assert.near(0.25 * math.log(0.5) + 0.75 * math.log(1.5), value(losses.KLDivergence(), y, p), 1e-12)
    assert.near(1 - 2 * 0.5 / (2 + 1e-7), value(losses.Dice(), y, p), 1e-12)
    assert.near(1 - 0.5 / (0.5 + 0.3 * 0.5 + 0.7 * 0.5 + 1e-7), value(losses.Tversky { alpha = 0.3, beta = 0.7 }, y, p), 1e-12)
  end)

  it("focal: what is right already counts less", function()
    local y, p = f64 { { 1, 0 } }, f64 { { 0.8, 0.4 } }
    local expected = (0.2 ^ 3 * -math.log(0.8) * 0.1 + 0.4 ^ 3 * -math.log(0.6) * 0.9) / 2
    local loss = losses.BinaryFocalCrossentropy { gamma = 3, alpha = 0.1, apply_class_balancing = true }
    assert.near(expected, value(loss, y, p), 1e-12)
    local onehot, q = f64 { { 0, 1, 0 } }, f64 { { 0.2, 0.5, 0.3 } }
    assert.near(0.25 * 0.5 ^ 2 * -math.log(0.5), value(losses.CategoricalFocalCrossentropy(), onehot, q), 1e-12)
    assert.near((1 - 0.5 ^ 0.7) / 0.7,
      value(losses.CategoricalGeneralizedCrossEntropy { q = 0.7 }, mg.tensor({ 1 }, { dtype = "int32" }), q), 1e-12)
  end)
end)

describe("all losses", function()
  local NAMES = { "MeanSquaredError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "LogCosh", "CosineSimilarity",
    "KLDivergence", "Poisson", "Hinge", "SquaredHinge", "CategoricalHinge", "BinaryCrossentropy", "BinaryFocalCrossentropy",
    "CategoricalCrossentropy", "CategoricalFocalCrossentropy" }

  it("keep NaN of masked steps out of the value and of every gradient", function()
    local nan = 0 / 0
    for _, name in ipairs(NAMES) do
      local y = f64 { { { 1, 0 }, { 0, 1 } } }
      local function run(step)
        local p = f64({ { { 0.75, 0.25 }, step } }):requires_grad_()
        p.keras_mask = mg.tensor({ { 1, 0 } }, { dtype = "uint8" })
        local loss = losses[name]()(y, p)
        return loss:item(), mg.gradients(loss, { p })[1]:to_flat_table()
      end
      local expected, gradient = run { 0.5, 0.5 }
      local found, with_nan = run { nan, nan }
      assert.equal(expected, found, name)
      assert.same(gradient, with_nan, name)
      assert.same({ 0, 0 }, { with_nan[3], with_nan[4] }, name)
    end
  end)

  it("come by the names that Keras knows, as classes and as functions", function()
    for short, name in pairs { mape = "MeanAbsolutePercentageError", MSLE = "MeanSquaredLogarithmicError", kld = "KLDivergence",
      hinge = "Hinge", log_cosh = "LogCosh", poisson = "Poisson", binary_focal_crossentropy = "BinaryFocalCrossentropy" } do
      assert.is_true(losses.get(short):is(losses[name]), short)
    end
    near_list({ 5 / 3 }, losses.mean_squared_error(f64 { { 1, 2, 3 } }, f64 { { 2, 2, 5 } }))
    near_list({ 0 }, losses.sparse_categorical_crossentropy(mg.tensor({ 7 }, { dtype = "int32" }), f64 { { 1, 2 } },
      { from_logits = true, ignore_class = 7 }))
  end)

  it("reduce as asked; null is none", function()
    local y, p = f64 { { 0 }, { 0 } }, f64 { { 1 }, { 3 } }
    local weight = f64 { 1, 3 }
    local function reduced(kind, w) return losses.MeanSquaredError { reduction = kind }(y, p, w):to_flat_table() end
    assert.same({ 5 }, reduced "sum_over_batch_size")
    assert.same({ 5 }, reduced "mean")
    assert.same({ 28 }, reduced("sum", weight))
    assert.same({ 14 }, reduced("mean", weight))
    assert.same({ 7 }, reduced("mean_with_sample_weight", weight))
    assert.same({ 1, 27 }, reduced("none", weight))
    assert.same({ 1, 9 }, reduced(mg.null))
  end)

  it("of one's own carry a name into compile and configs, keep NaN of masked steps out and reduce as asked", function()
    local function twice(y, p) return (y - p):square():mean(-1) * 2 end
    losses.register("twice", twice)
    mg.metrics.register("worst", function(y, p) return (y - p):abs():max(-1) end)
    local y, p = f64 { { { 1 }, { 0 } } }, f64 { { { 3 }, { 0 / 0 } } }
    p.keras_mask = mg.tensor({ { 1, 0 } }, { dtype = "uint8" })
    assert.equal(8, value(losses.get "twice", y, p))
    assert.same({ 8, 0 }, losses.LossFunctionWrapper(twice, { reduction = "none" })(y, p):to_flat_table())
    assert.equal("twice", losses.serialize(losses.get "twice"))
    assert.equal("worst", mg.metrics.serialize(mg.metrics.get "worst"))
    local ok, message = pcall(losses.serialize, losses.get(function() end))
    assert.is_false(ok)
    assert.matches("mg.losses.register", message, 1, true)
    local net = mg.Sequential { mg.layers.Dense(1, { kernel_initializer = "zeros" }) }
    net:compile { optimizer = "sgd", loss = "twice", metrics = { "worst" } }
    local loss, worst = net:evaluate(mg.ones(2, 1), mg.tensor { { 1 }, { 3 } }, { verbose = 0 })
    assert.equal(10, loss)
    assert.equal(2, worst)
  end)
end)
