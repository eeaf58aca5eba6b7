-- Metrics of decisions: thresholds, curves, scores and overlaps, against counts made by hand.
local mg = require "moongate"
local metrics = mg.metrics

local function f64(list) return mg.tensor(list, { dtype = "float64" }) end
local function ints(list) return mg.tensor(list, { dtype = "int32" }) end

local function result(m, ...)
  m:update_state(...)
  return m:result()
end

local Y, P = { 0, 0, 1, 1 }, { 0.1, 0.5, 0.3, 0.9 }

describe("decisions at thresholds", function()
  it("are counted, strictly above, weighted", function()
    -- above 0.4: 0.5 (a zero) and 0.9 (a one)
    for name, expected in pairs { TruePositives = 1, FalsePositives = 1, TrueNegatives = 1, FalseNegatives = 1 } do
      assert.equal(expected, result(metrics[name] { thresholds = 0.4 }, f64(Y), f64(P)), name)
    end
    assert.equal(7, result(metrics.TruePositives { thresholds = 0.2 }, f64(Y), f64(P), f64 { 1, 2, 3, 4 }))
    assert.same({ 2, 1, 0 }, result(metrics.FalsePositives { thresholds = { 0, 0.4, 0.5 } }, f64(Y), f64(P)):to_flat_table())
  end)

  it("give precision and recall, over several batches, 0 before any", function()
    local precision, recall = metrics.Precision(), metrics.Recall()
    assert.equal(0, precision:result())
    for _ = 1, 2 do
      precision:update_state(f64 { 0, 1, 1, 1 }, f64 { 1, 0, 1, 1 })
      recall:update_state(f64 { 0, 1, 1, 1 }, f64 { 1, 0, 1, 1 })
    end
    assert.near(2 / 3, precision:result(), 1e-12)
    assert.near(2 / 3, recall:result(), 1e-12)
    recall:reset_state()
    assert.equal(0, recall:result())
  end)

  it("look at the k best, or at one class", function()
    local y, p = f64 { { 0, 1, 0 }, { 1, 0, 0 } }, f64 { { 0.2, 0.3, 0.5 }, { 0.6, 0.3, 0.1 } }
    assert.near(2 / 4, result(metrics.Precision { top_k = 2 }, y, p), 1e-12)
    assert.near(1, result(metrics.Recall { top_k = 2 }, y, p), 1e-12)
    assert.near(1, result(metrics.Recall { class_id = 0, thresholds = 0.5 }, y, p), 1e-12)
    assert.near(0, result(metrics.Recall { class_id = 1, thresholds = 0.5 }, y, p), 1e-12)
  end)

  it("trade one figure for another", function()
    -- Between 0.1 and 0.3 one zero of two is above and both ones are.
    assert.near(1, result(metrics.SensitivityAtSpecificity { specificity = 0.5 }, f64(Y), f64(P)), 1e-12)
    assert.near(0.5, result(metrics.SensitivityAtSpecificity(1), f64(Y), f64(P)), 1e-12)
    assert.near(0.5, result(metrics.SpecificityAtSensitivity(1), f64(Y), f64(P)), 1e-12)
    assert.near(2 / 3, result(metrics.PrecisionAtRecall(0.75), f64(Y), f64(P)), 1e-12)
    assert.near(0.5, result(metrics.RecallAtPrecision(0.8), f64(Y), f64(P)), 1e-12)
  end)

  it("are numbered by name as Keras does, unless named", function()
    require("moongate.names").reset()
    assert.same({ "precision", "precision_1", "p" },
      { metrics.Precision().name, metrics.Precision().name, metrics.Precision { name = "p" }.name })
  end)
end)

describe("AUC", function()
  it("is the share of pairs in the right order, given enough thresholds", function()
    -- 0.1 < 0.3, 0.1 < 0.9, 0.5 < 0.9 but 0.5 > 0.3
    assert.near(3 / 4, result(metrics.AUC(), f64(Y), f64(P)), 1e-12)
    local weighted = result(metrics.AUC(), f64(Y), f64(P), f64 { 1, 3, 1, 1 })
    assert.near((1 + 1 + 3) / (4 * 2), weighted, 1e-12)
  end)

  it("sums from below and from above around the trapezes", function()
    local found = {}
    for _, method in ipairs { "minoring", "interpolation", "majoring" } do
      found[#found + 1] = result(metrics.AUC { num_thresholds = 4, summation_method = method }, f64(Y), f64(P))
    end
    -- points of thresholds 0, 1/3, 2/3, 1: (1, 1), (1/2, 1/2), (0, 1/2), (0, 0)
    assert.near(0.25 + 0.25, found[1], 1e-12)
    assert.near(0.375 + 0.25, found[2], 1e-12)
    assert.near(0.5 + 0.25, found[3], 1e-12)
  end)

  it("of precision over recall, with thresholds of its own, from logits, of several labels", function()
    local perfect = metrics.AUC { curve = "pr", thresholds = { 0.2, 0.6 } }
    assert.near(1, result(perfect, f64 { 0, 1 }, f64 { 0.1, 0.9 }), 1e-6)
    assert.matches('"thresholds": %[0.2, 0.6%]', tostring(perfect:get_config()))
    local logits = f64(P):sub(0.4):mul(4)
    assert.near(3 / 4, result(metrics.AUC { from_logits = true }, f64(Y), logits), 1e-12)
    local y, p = f64 { { 0, 1 }, { 0, 0 }, { 1, 1 }, { 1, 0 } }, f64 { { 0.1, 0.8 }, { 0.5, 0.2 }, { 0.3, 0.9 }, { 0.9, 0.1 } }
    assert.near((0.75 + 1) / 2, result(metrics.AUC { multi_label = true }, y, p), 1e-12)
    assert.near((3 * 0.75 + 1) / 4, result(metrics.AUC { multi_label = true, label_weights = { 3, 1 } }, y, p), 1e-12)
  end)
end)

describe("scores", function()
  it("F1 and F2 of classes and their averages", function()
    local y, p = f64 { { 1, 0 }, { 0, 1 }, { 0, 1 } }, f64 { { 0.9, 0.1 }, { 0.8, 0.2 }, { 0.3, 0.7 } }
    local function f(beta, precision, recall) return (1 + beta ^ 2) * precision * recall / (beta ^ 2 * precision + recall) end
    local first, second = f(1, 0.5, 1), f(1, 1, 0.5)
    local each = result(metrics.F1Score(), y, p):to_flat_table()
    assert.near(first, each[1], 1e-6)
    assert.near(second, each[2], 1e-6)
    assert.near((first + second) / 2, result(metrics.F1Score { average = "macro" }, y, p), 1e-6)
    assert.near((first + 2 * second) / 3, result(metrics.F1Score { average = "weighted" }, y, p), 1e-6)
    assert.near(2 / 3, result(metrics.F1Score { average = "micro" }, y, p), 1e-6)
    assert.near(f(2, 0.5, 1), result(metrics.FBetaScore { beta = 2, threshold = 0.5 }, y, p):to_flat_table()[1], 1e-6)
  end)

  it("R2: what the mean leaves", function()
    local y, p = f64 { { 1, 0 }, { 2, 4 }, { 3, 8 } }, f64 { { 1, 1 }, { 2, 4 }, { 4, 7 } }
    local first, second = 1 - 1 / 2, 1 - 2 / 32
    assert.near((first + second) / 2, result(metrics.R2Score(), y, p), 1e-12)
    assert.near((2 * first + 32 * second) / 34, result(metrics.R2Score { class_aggregation = "variance_weighted_average" }, y, p),
      1e-12)
    local each = result(metrics.R2Score { class_aggregation = mg.null }, y, p):to_flat_table()
    assert.near(second, each[2], 1e-6)
    assert.near(1 - (1 - (first + second) / 2) * 5 / 3, result(metrics.R2Score { num_regressors = 2 }, y, p), 1e-12)
  end)

  it("correlations", function()
    local y, p = f64 { { 1, 2, 3 } }, f64 { { 2, 4, 6 } }
    assert.near(1, result(metrics.PearsonCorrelation(), y, p), 1e-12)
    assert.near(2 * (4 / 3) / (2 / 3 + 8 / 3 + 4), result(metrics.ConcordanceCorrelation(), y, p), 1e-6)
  end)
end)

describe("intersection over union", function()
  local y, p = ints { 0, 0, 1, 1 }, ints { 0, 1, 0, 1 }

  it("of all classes, of some, without one", function()
    assert.near(1 / 3, result(metrics.MeanIoU(2), y, p), 1e-6)
    assert.near(1 / 3, result(metrics.IoU { num_classes = 2, target_class_ids = { 0 } }, y, p), 1e-6)
    assert.near(0.25, result(metrics.MeanIoU { num_classes = 2, ignore_class = 1 }, y, p), 1e-6)
    assert.near((3 / 6 + 2 / 5) / 2, result(metrics.MeanIoU(2), y, p, ints { 3, 1, 2, 2 }), 1e-6)
  end)

  it("decided at a threshold, and of one-hot rows", function()
    assert.near(1 / 3, result(metrics.BinaryIoU { target_class_ids = { 1 }, threshold = 0.3 }, y, f64 { 0.1, 0.3, 0.2, 0.9 }), 1e-6)
    local onehot = mg.ops.one_hot(y, 2, "float64")
    assert.near(1 / 3, result(metrics.OneHotMeanIoU(2), onehot, mg.ops.one_hot(p, 2, "float64")), 1e-6)
    assert.near(1 / 3, result(metrics.OneHotIoU { num_classes = 2, target_class_ids = { 1 }, sparse_y_pred = true }, onehot, p),
      1e-6)
  end)

  it("names a class id that does not exist", function()
    local ok, message = pcall(metrics.IoU, { num_classes = 2, target_class_ids = { 2 } })
    assert.is_false(ok)
    assert.matches("target_class_ids holds 2.*num_classes = 2", message)
  end)
end)

describe("means of values", function()
  it("keep NaN of masked rows out", function()
    local m = metrics.MeanAbsoluteError()
    local p = f64 { { { 1 }, { 0 / 0 } } }
    p.keras_mask = mg.tensor({ { 1, 0 } }, { dtype = "uint8" })
    assert.equal(1, result(m, f64 { { { 0 }, { 0 } } }, p))
  end)

  it("count an ignored class as 0, and not at all beside weights, as Keras does", function()
    local y, p = ints { 0, -1 }, f64 { { 0, 0 }, { 0, 0 } }
    local function metric() return metrics.SparseCategoricalCrossentropy { from_logits = true, ignore_class = -1 } end
    assert.near(math.log(2) / 2, result(metric(), y, p), 1e-12)
    assert.near(math.log(2), result(metric(), y, p, f64 { 1, 1 }), 1e-12)
  end)

  it("are called like functions, too", function()
    assert.equal(4, metrics.MeanSquaredError()(f64 { { 0 }, { 0 } }, f64 { { 2 }, { 2 } }))
    assert.same({ 1, 0 }, metrics.binary_accuracy(f64 { 1, 0 }, f64 { 0.9, 0.6 }):to_flat_table())
  end)

  it("of every class come back from their configs, in both forms", function()
    local needed = { IoU = { num_classes = 3, target_class_ids = { 0, 2 } }, MeanIoU = { num_classes = 3 },
      OneHotIoU = { num_classes = 3, target_class_ids = { 1 } }, OneHotMeanIoU = { num_classes = 3 },
      SensitivityAtSpecificity = { specificity = 0.5 }, SpecificityAtSensitivity = { sensitivity = 0.5 },
      PrecisionAtRecall = { recall = 0.5 }, RecallAtPrecision = { precision = 0.5 } }
    local count = 0
    for name, C in pairs(metrics) do
      if type(C) == "table" and rawget(C, "default_name") ~= nil or needed[name] or name == "AUC" or name == "Precision" then
        count = count + 1
        for _, dialect in ipairs { "keras3", "tf2" } do
          local config = metrics.serialize(C(needed[name]), dialect)
          local again = metrics.deserialize(tostring(config), { dialect = dialect })
          assert.equal(tostring(config), tostring(metrics.serialize(again, dialect)))
        end
      end
    end
    assert.is_true(count > 35, count)
  end)
end)
