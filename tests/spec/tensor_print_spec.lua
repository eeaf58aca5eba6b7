-- The texts between the brackets are PyTorch's for the same values.
local mg = require "moongate"

local function prints(text, value, dtype)
  assert.equal(text, tostring(mg.is_tensor(value) and value or mg.tensor(value, { dtype = dtype })))
end

describe("printing", function()
  it("shows whole floats with a point", function()
    prints("[1., 2., 3.] [f32 3 cpu]", { 1, 2, 3 })
    prints("[[ 1., -2.],\n [30.,  4.]] [f32 2x2 cpu]", { { 1, -2 }, { 30, 4 } })
    prints("3. [f32 cpu]", 3)
    prints("[0., 0.] [f64 2 cpu]", { 0, 0 }, "float64")
  end)

  it("shows four decimals", function()
    prints("[ 0.1000, -2.3457] [f32 2 cpu]", { 0.1, -2.345678 })
    prints("0.5000 [f32 cpu]", 0.5)
  end)

  it("changes to exponents when values lie far apart", function()
    prints("[1.0000e-01, 2.0000e+03] [f32 2 cpu]", { 0.1, 2000 })
    prints("[1.0000e-05] [f32 1 cpu]", { 1e-5 })
    prints("[1.0000e+00, 2.0000e+03] [f32 2 cpu]", { 1, 2000 })
    prints("[1.0000e+09] [f32 1 cpu]", { 1e9 })
  end)

  it("shows NaN and infinities", function()
    prints("[1., nan, inf] [f32 3 cpu]", { 1, 0 / 0, math.huge })
    prints("[0.5000,    nan,   -inf] [f32 3 cpu]", { 0.5, 0 / 0, -math.huge })
  end)

  it("shows integers", function()
    prints("[  1, -20] [i32 2 cpu]", { 1, -20 }, "int32")
    prints("[1, 0] [u8 2 cpu]", { true, false })
  end)

  it("separates matrices by an empty line", function()
    prints("[[[0., 1.],\n  [2., 3.]],\n\n [[4., 5.],\n  [6., 7.]]] [f32 2x2x2 cpu]", mg.arange(8):reshape(2, 2, 2))
  end)

  it("breaks long lines at 80 columns", function()
    -- 25 cells of width 3 and two columns between: (80 - 0) / 5 = 16 on a line
    local lines = {}
    for line in tostring(mg.arange(25)):gmatch("[^\n]+") do lines[#lines + 1] = line end
    assert.equal("[ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13., 14., 15.,", lines[1])
    assert.equal(" 16., 17., 18., 19., 20., 21., 22., 23., 24.] [f32 25 cpu]", lines[2])
  end)

  it("summarizes above 1000 elements", function()
    prints("[   0.,    1.,    2.,  ...,  998.,  999., 1000.] [f32 1001 cpu]", mg.arange(1001))
    assert.equal(7, select(2, tostring(mg.zeros(40, 40)):gsub("\n", "\n")) + 1)
    assert.truthy(tostring(mg.zeros(40, 40)):find(" ...,\n [0., 0., 0.,  ..., 0., 0., 0.],", 1, true))
    assert.is_nil(tostring(mg.zeros(1000)):find("...", 1, true))
  end)

  it("shows empty tensors, views, variables and those that require a gradient", function()
    prints("[] [f32 0x3 cpu]", mg.zeros(0, 3))
    prints("[[1., 3.],\n [2., 4.]] [f32 2x2 cpu]", mg.tensor({ { 1, 2 }, { 3, 4 } }):t())
    prints("[1.] [f32 1 cpu grad]", mg.tensor({ 1 }):requires_grad_())
    prints('Variable "w" [2.] [f32 1 cpu grad]', mg.Variable({ 2 }, { name = "w" }))
  end)
end)
