-- A GRU in plain Lua numbers, straight from the formulas of Keras's page and of Cho et al. 2014, with moongate's rules for masks.
-- It is what cases are held against whose library values we decided not to follow. Arrays are flat and row-major.
local reference = {}

-- The error function by its power series, good to 1e-15 for |x| < 6, where it is 1 to that precision.
local function erf(x)
  if math.abs(x) > 6 then return x > 0 and 1 or -1 end
  local term, sum, n = x, x, 0
  while math.abs(term) > 1e-18 * math.abs(sum) do
    n = n + 1
    term = term * 2 * x * x / (2 * n + 1)
    sum = sum + term
  end
  return 2 / math.sqrt(math.pi) * math.exp(-x * x) * sum
end

local ACTIVATIONS = {
  linear = function(x) return x end,
  tanh = function(x)
    local e = math.exp(-2 * math.abs(x))
    return (x < 0 and -1 or 1) * (1 - e) / (1 + e)
  end,
  sigmoid = function(x) return 1 / (1 + math.exp(-x)) end,
  hard_sigmoid = function(x) return math.max(0, math.min(1, x / 6 + 0.5)) end,
  keras2_hard_sigmoid = function(x) return math.max(0, math.min(1, 0.2 * x + 0.5)) end,
  relu = function(x) return math.max(0, x) end,
  softsign = function(x) return x / (1 + math.abs(x)) end,
  softplus = function(x) return math.max(x, 0) + math.log(1 + math.exp(-math.abs(x))) end,
  gelu = function(x) return 0.5 * x * (1 + erf(x / math.sqrt(2))) end,
  silu = function(x) return x / (1 + math.exp(-x)) end,
  exponential = math.exp,
  -- Klambauer et al. 2017
  selu = function(x) return 1.0507009873554805 * (x > 0 and x or 1.6732632423543772 * (math.exp(x) - 1)) end,
  elu = function(x) return x > 0 and x or math.exp(x) - 1 end,
}

--- Whether the reference knows an activation.
function reference.knows(name) return ACTIVATIONS[name] ~= nil end

-- sum_i x[i] scale[i] W[i][column]; x starts at `from`, scale at `scale_from` (0-based), W has `width` columns.
local function product(x, from, n, weight, width, column, scale, scale_from)
  local sum = 0
  for i = 1, n do
    sum = sum + x[from + i] * (scale and scale[scale_from + i] or 1) * weight[(i - 1) * width + column]
  end
  return sum
end

-- The dropout mask of a column's gate: one for all gates, or one for each.
local function mask_of(masks, column, units)
  return masks and (masks[math.floor((column - 1) / units) + 1] or masks[1])
end

-- One step of one row: h (list of U) -> new h. o holds sizes, weights and dropout masks.
local function step(o, row, x, from, h)
  local U, F, W = o.units, o.features, 3 * o.units
  local s, a, bias = ACTIVATIONS[o.recurrent_activation], ACTIVATIONS[o.activation], o.bias
  local function b(bias_row, column) return bias and bias[(bias_row - 1) * W + column] or 0 end
  local function input(column)
    return product(x, from, F, o.kernel, W, column, mask_of(o.input_masks, column, U), (row - 1) * F) + b(1, column)
  end
  local second = o.reset_after and 2 or nil
  local function recurrent(column, state)
    local masks = mask_of(o.recurrent_masks, column, U)
    return product(state, 0, U, o.recurrent_kernel, W, column, masks, (row - 1) * U) + (second and b(second, column) or 0)
  end
  local r, gated, new = {}, {}, {}
  for u = 1, U do
    r[u] = s(input(U + u) + recurrent(U + u, h))
    gated[u] = r[u] * h[u]
  end
  for u = 1, U do
    local z = s(input(u) + recurrent(u, h))
    local inner = o.reset_after and r[u] * recurrent(2 * U + u, h) or recurrent(2 * U + u, gated)
    new[u] = z * h[u] + (1 - z) * a(input(2 * U + u) + inner)
  end
  return new
end

local function append(list, values) for i = 1, #values do list[#list + 1] = values[i] end end

local function zeros(n)
  local list = {}
  for i = 1, n do list[i] = 0 end
  return list
end

local function run_row(o, row, sequence, outputs, states)
  local T, h, shown = o.steps, zeros(o.units), zeros(o.units)
  if o.initial_state then
    for u = 1, o.units do h[u] = o.initial_state[(row - 1) * o.units + u] end
  end
  for i = 1, T do
    local t = o.go_backwards and T + 1 - i or i
    local at = (row - 1) * T + t
    local used = not o.mask or o.mask[at] ~= 0
    if used then
      h = step(o, row, o.x, (at - 1) * o.features, h)
      shown = h
    end
    if o.return_sequences then append(sequence, (used or not o.zero_output_for_mask) and shown or zeros(o.units)) end
  end
  if not o.return_sequences then append(outputs, shown) end
  append(states, h)
end

--- Runs it. o: x, mask, initial_state, kernel, recurrent_kernel, bias (flat lists), batch, steps, features, units, activation,
--- recurrent_activation, reset_after, go_backwards, return_sequences, zero_output_for_mask; input_masks (one or three lists of
--- batch * features) and recurrent_masks (three of batch * units). Returns output and state, flat.
function reference.run(o)
  local sequence, outputs, states = {}, {}, {}
  for row = 1, o.batch do run_row(o, row, sequence, outputs, states) end
  return o.return_sequences and sequence or outputs, states
end

-- sum(w * output), over output and state where they have a weight.
local function loss(o, w)
  local output, state = reference.run(o)
  local sum = 0
  for i = 1, #w.output do sum = sum + w.output[i] * output[i] end
  for i = 1, w.state and #w.state or 0 do sum = sum + w.state[i] * state[i] end
  return sum
end

--- Its derivative by one list of o ("x", "kernel", ...), by central differences.
function reference.gradient(o, w, name)
  local list, gradient, delta = o[name], {}, 1e-5
  for i = 1, #list do
    local value = list[i]
    list[i] = value + delta
    local above = loss(o, w)
    list[i] = value - delta
    gradient[i] = (above - loss(o, w)) / (2 * delta)
    list[i] = value
  end
  return gradient
end

return reference
