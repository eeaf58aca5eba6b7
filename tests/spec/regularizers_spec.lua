-- Regularizers and constraints by their formulas; more numbers are in tests/keras.
local mg = require "moongate"
local near = require "near"
local regularizers, constraints = mg.regularizers, mg.constraints

describe("regularizers", function()
  local w = mg.tensor { { 1, -2 }, { 3, 0 } }

  it("add up absolute values and squares", function()
    near(regularizers.L1(0.5)(w), 3)
    near(regularizers.L2(0.5)(w), 7)
    near(regularizers.L1L2({ l1 = 1, l2 = 2 })(w), 34)
    near(regularizers.L1L2({ l2 = 2 })(w), 28)
    near(regularizers.get("l2")(w), 0.14)
    near(regularizers.get("l1_l2")(w), 0)
  end)

  it("push rows or columns apart", function()
    -- Cosine of (1,-2) and (3,0): 1/sqrt(5); one pair, factor 1, a half for counting it twice.
    near(regularizers.OrthogonalRegularizer({ factor = 1 })(w), 1 / math.sqrt(5))
    near(regularizers.OrthogonalRegularizer({ factor = 1, mode = "columns" })(w), 1 / math.sqrt(10))
    assert.is_false(pcall(regularizers.OrthogonalRegularizer, { mode = "diagonals" }))
    assert.is_false(pcall(regularizers.OrthogonalRegularizer(), mg.ones(3)))
  end)

  it("refuse negative factors and may be Lua functions", function()
    assert.is_false(pcall(regularizers.L1, -1))
    local layer = mg.layers.Dense(1, { kernel_regularizer = function(k) return k:sum() * 10 end, kernel_initializer = "ones" })
    layer(mg.ones(1, 3))
    near(layer.losses[1], 30)
  end)
end)

describe("constraints", function()
  local w = mg.tensor { { 3, 0.3 }, { 4, -0.4 } }

  it("scale norms along an axis", function()
    near(constraints.MaxNorm(2)(w), { { 1.2, 0.3 }, { 1.6, -0.4 } })
    near(constraints.UnitNorm()(w), { { 0.6, 0.6 }, { 0.8, -0.8 } })
    near(constraints.MinMaxNorm({ min_value = 1, max_value = 2 })(w), { { 1.2, 0.6 }, { 1.6, -0.8 } })
    near(constraints.MinMaxNorm({ min_value = 1, max_value = 2, rate = 0.5 })(w), { { 2.1, 0.45 }, { 2.8, -0.6 } })
    near(constraints.UnitNorm({ axis = 1 })(mg.tensor { { 3, 4 } }), { { 0.6, 0.8 } })
    near(constraints.UnitNorm({ axis = { 0, 1 } })(mg.tensor { { 2, 2 }, { 2, 2 } }), { { 0.5, 0.5 }, { 0.5, 0.5 } })
  end)

  it("cut off", function()
    near(constraints.NonNeg()(w), { { 3, 0.3 }, { 4, 0 } })
    near(constraints.get("non_neg")(w), { { 3, 0.3 }, { 4, 0 } })
    near(constraints.WeightClip(0.35)(w), { { 0.35, 0.3 }, { 0.35, -0.35 } })
  end)

  it("have gradients", function()
    local x = mg.tensor({ { 3, 0.3 }, { 4, -0.4 } }, "float64")
    for _, constraint in ipairs { constraints.MaxNorm(2), constraints.UnitNorm(), constraints.MinMaxNorm { max_value = 2 } } do
      assert(mg.gradcheck(function(v) return constraint(v) end, x))
    end
  end)
end)
