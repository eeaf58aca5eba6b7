-- What the specs of streams make models with: twins of float32 and float64 with the same weights, and steps of a sequence.
local mg = require "moongate"
local near = require "near"

local makers = {}

--- Values sin(pace i) * scale of a shape.
function makers.waves(pace, scale, ...)
  local shape, list, n = { ... }, {}, 1
  for _, size in ipairs(shape) do n = n * size end
  for i = 1, n do list[i] = scale * math.sin(pace * i) end
  return mg.tensor(list):reshape(shape)
end

--- Weights without symmetry: waves, for a matrix of the size that keeps sums near 1, and positive variances.
function makers.fill(owner)
  for i, v in ipairs(owner.weights) do
    local scale = #v.shape == 2 and v.name ~= "bias" and 1.2 / math.sqrt(v.shape[1]) or 0.6
    local value = makers.waves(0.7 + 0.31 * i, scale, unpack(v.shape))
    if v.name == "moving_variance" then value = value:abs() + 0.4 end
    v:assign(value)
  end
  return owner
end

--- make() in float32 and float64, built for a shape and with the same weights.
function makers.twins(make, shape)
  local owner = make()
  if shape and not owner.built then owner:build(shape) end
  makers.fill(owner)
  mg.set_floatx "float64"
  local ok, twin = pcall(make)
  mg.set_floatx "float32"
  assert(ok, twin)
  if shape and not twin.built then twin:build(shape) end
  for i, v in ipairs(twin.weights) do v:assign(owner.weights[i]:double()) end
  return owner, twin
end

--- Step t of (B, T, F), (B, T) or the rows of (B, F).
function makers.at(x, t) return x:slice(2, t, t):squeeze(2) end

--- Steps a stream through (B, T, ...) and compares every output with y (B, T, O), or the last one with y (B, O).
function makers.compare(stream, x, y, tolerance)
  local T = x.shape[2]
  for t = 1, T do
    local out = stream:step(makers.at(x, t))
    if #y.shape == 3 then near(out, makers.at(y, t):to_table(), tolerance) end
    if #y.shape == 2 and t == T then near(out, y:to_table(), tolerance) end
  end
end

--- A stream of each batch size gives what the float64 twin gives for the sequences.
function makers.same_as_sequence(make, features, batches)
  local owner, twin = makers.twins(make, { mg.null, mg.null, features })
  for _, batch in ipairs(batches or { 1, 3, 17 }) do
    local x = makers.waves(1.1, 1, batch, 6, features)
    local y = mg.no_grad(function() return (twin(x:double())) end)
    local stream = owner:stream { batch = batch }
    makers.compare(stream, x, y, 3e-6)
    if #y.shape == 3 then near(stream:reset():run(x), y:to_table(), 3e-6) end
  end
  return owner, twin
end

return makers
