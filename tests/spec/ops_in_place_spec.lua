-- Operations that write over their operand, by their formulas.
local mg = require "moongate"
local near = require "near"

local function message(f)
  local ok, text = pcall(f)
  assert.is_false(ok)
  return text
end

describe("in place", function()
  -- operation, what it makes of 0.25, 2.5 and -1.5, other arguments
  local CASES = {
    { "add_", { 1.25, 3.5, -0.5 }, 1 }, { "sub_", { -0.75, 1.5, -2.5 }, 1 }, { "mul_", { 0.5, 5, -3 }, 2 },
    { "div_", { 0.125, 1.25, -0.75 }, 2 }, { "pow_", { 0.0625, 6.25, 2.25 }, 2 }, { "maximum_", { 1, 2.5, 1 }, 1 },
    { "minimum_", { 0.25, 1, -1.5 }, 1 }, { "neg_", { -0.25, -2.5, 1.5 } }, { "abs_", { 0.25, 2.5, 1.5 } },
    { "sign_", { 1, 1, -1 } }, { "square_", { 0.0625, 6.25, 2.25 } }, { "reciprocal_", { 4, 0.4, -2 / 3 } },
    { "exp_", { math.exp(0.25), math.exp(2.5), math.exp(-1.5) } },
    { "expm1_", { math.exp(0.25) - 1, math.exp(2.5) - 1, math.exp(-1.5) - 1 } },
    { "sin_", { math.sin(0.25), math.sin(2.5), math.sin(-1.5) } }, { "cos_", { math.cos(0.25), math.cos(2.5), math.cos(-1.5) } },
    { "floor_", { 0, 2, -2 } }, { "ceil_", { 1, 3, -1 } }, { "round_", { 0, 2, -2 } }, { "clip_", { 0.25, 1, -1 }, -1, 1 },
    { "fill_", { 7, 7, 7 }, 7 }, { "zero_", { 0, 0, 0 } },
  }
  local POSITIVE = {
    { "sqrt_", { 0.5, 2, 3 } }, { "rsqrt_", { 2, 0.5, 1 / 3 } }, { "log_", { math.log(0.25), math.log(4), math.log(9) } },
    { "log1p_", { math.log(1.25), math.log(5), math.log(10) } },
  }

  local function check(cases, values)
    for _, case in ipairs(cases) do
      for _, dtype in ipairs { "float32", "float64" } do
        local whole = mg.tensor({ { 9, 9, 9 }, values, { 9, 9, 9 } }, { dtype = dtype })
        local row = whole[2]
        assert.equal(row, row[case[1]](row, case[3], case[4]), case[1])
        near(whole, { { 9, 9, 9 }, case[2], { 9, 9, 9 } }, 1e-6)
      end
    end
  end

  it("each gives its values, in a view too, and nothing else changes", function()
    check(CASES, { 0.25, 2.5, -1.5 })
    check(POSITIVE, { 0.25, 4, 9 })
  end)

  it("every one has a form without _, but for filling", function()
    for name in pairs(require "moongate.ops.in_place") do
      if name ~= "fill_" and name ~= "zero_" then assert.is_function(mg.ops[name:sub(1, -2)], name) end
    end
  end)

  it("the second operand is broadcast and cast, the first keeps shape and dtype", function()
    near(mg.ones(2, 2):pow_(mg.tensor({ 3, 2 }, { dtype = "int32" })):maximum_(mg.tensor { 0, 5 }), { { 1, 5 }, { 1, 5 } })
    local ids = mg.tensor({ 1, 5 }, { dtype = "int32" })
    assert.equal("int32", ids:minimum_(mg.tensor { 2.9, 2.9 }).dtype)
    near(ids, { 1, 2 })
    assert.matches("sqrt", message(function() ids:sqrt_() end))
    assert.matches("(2, 2)", message(function() mg.ones(2, 2):maximum_(mg.ones(3)) end), 1, true)
  end)

  it("what is recorded is not overwritten", function()
    local v = mg.Variable(mg.ones(2))
    assert.matches("square_", message(function() v:square_() end))
    assert.matches("maximum_", message(function() mg.ones(2):maximum_(v) end))
    mg.no_grad(function() v:add_(1):square_() end)
    near(v, { 4, 4 })
  end)
end)
