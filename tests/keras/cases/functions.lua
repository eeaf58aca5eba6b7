-- Functions by `kind`: activations, regularizers, constraints, initializers.
local kinds = {}

local function apply(case, t)
  local activation = t.mg.activations[case.function_name or case["function"]]
  if not activation then t.skip("no " .. case["function"]) end
  local x = t.tensor(case.x):requires_grad_()
  local options = t.options(t.given(case.args) or {})
  return x, activation(x, next(options) and options or nil)
end

function kinds.activation(case, t)
  local x, y = apply(case, t)
  t.close("y", y, case.y)
  t.close("dy/dx", t.mg.gradients(y:sum(), { x })[1], case.dy, "gradient")
end

function kinds.activation_vector(case, t)
  local x, y = apply(case, t)
  t.close("y", y, case.y)
  t.close("dx", t.mg.gradients((y * t.tensor(case.w)):sum(), { x })[1], case.dx, "gradient")
end

function kinds.regularizer(case, t)
  local w = t.tensor(case.w):requires_grad_()
  local value = t.class("regularizers", case.class)(t.options(case.args))(w)
  t.close("value", value, case.value)
  t.close("dw", t.mg.gradients(value, { w })[1], case.dw, "gradient")
end

function kinds.constraint(case, t)
  t.close("value", t.class("constraints", case.class)(t.options(case.args))(t.tensor(case.w)), case.value)
end

local function shape_of(case)
  local shape = {}
  for i = 1, #case.shape do shape[i] = case.shape[i] end
  return shape
end

local function draw(case, t, dtype)
  return t.class("initializers", case.class)(t.options(t.given(case.args) or {}))(shape_of(case), dtype)
end

function kinds.initializer_exact(case, t) t.close("value", draw(case, t, case.value.dtype), case.value) end

local function moments(list)
  local mean, variance, least, most = 0, 0, math.huge, -math.huge
  for _, v in ipairs(list) do
    mean, least, most = mean + v / #list, math.min(least, v), math.max(most, v)
  end
  for _, v in ipairs(list) do variance = variance + (v - mean) ^ 2 / #list end
  return mean, math.sqrt(variance), least, most
end

local function fans(case, t)
  local fan_in, fan_out = t.mg.initializers.compute_fans(shape_of(case))
  t.check(fan_in == case.fan_in and fan_out == case.fan_out, "fans are %s and %s, expected %s and %s", fan_in, fan_out, case.fan_in,
    case.fan_out)
end
kinds.fans = fans

-- Distributions that end somewhere: nothing may lie outside what the library drew by more than the tail of so many draws allows.
local function check_range(case, t, least, most)
  local seen = case.observed
  local bounded = not (case.class == "RandomNormal" or case.args.distribution == "untruncated_normal")
  if not bounded then return end
  local slack = 5e-3 * (seen.max - seen.min)
  local inside = least >= seen.min - slack and most <= seen.max + slack
  t.check(inside, "values from %g to %g, expected within %g to %g", least, most, seen.min, seen.max)
end

function kinds.initializer(case, t)
  fans(case, t)
  -- Eight draws, so that the mean compared is the distribution's and only the library's one draw is random.
  local values, count = {}, nil
  for _ = 1, 8 do
    local one = draw(case, t, "float32"):to_flat_table()
    count = #one
    for _, v in ipairs(one) do values[#values + 1] = v end
  end
  local mean, deviation, least, most = moments(values)
  local seen = case.observed
  t.check(math.abs(mean - seen.mean) <= 4 * seen.std / math.sqrt(count), "mean is %g, expected %g", mean, seen.mean)
  t.check(math.abs(deviation - seen.std) <= 0.03 * seen.std, "deviation is %g, expected %g", deviation, seen.std)
  check_range(case, t, least, most)
end

function kinds.orthogonal(case, t)
  local matrix = draw(case, t, case.gram.dtype):reshape { case.matrix[1], case.matrix[2] }
  local other = matrix:transpose(1, 2)
  t.close("gram", case.orthonormal == "rows" and matrix:matmul(other) or other:matmul(matrix), case.gram)
end

return {
  name = "functions",
  matches = function(case) return kinds[case.kind] ~= nil and not case.dialect end,
  run = function(case, t)
    t.check(not case.deviates, "it deviates, and no rule of ours is stated for it")
    return kinds[case.kind](case, t)
  end,
}
