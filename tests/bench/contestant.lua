-- A contestant of the side-by-side benchmark: moongate contestant.lua [highest|high|medium]. Reads `run {...}` lines, answers one
-- JSON line each: median and least time of a public layer's call ("layer": GRU, LSTM or SimpleRNN; GRU if absent).
-- Arrays are time-major, as the harness makes them (BENCH_LAYOUT=batch: batch-major, to compare). Between calls nothing is kept
-- but the layer's packed weights; in `train` not even these: each call first raises the weights' versions, as an optimizer does.
local ffi = require "ffi"
local json = require "moongate.json"
local mg = require "moongate"
local terminal = require "moongate.terminal"

local autograd, ops = mg.autograd, mg.ops
local MAJOR = os.getenv("BENCH_LAYOUT") ~= "batch"

-- Stream k of the shared generator: a tensor of numbers in [-scale, scale), the same in every language.
local function stream(k, shape, scale)
  local t = mg.zeros(shape)
  local s, p = k * 2654435769 % 2 ^ 32, t:data()
  for i = 0, t:numel() - 1 do
    s = (1664525 * s + 1013904223) % 2 ^ 32
    p[i] = (math.floor(s / 256) - 2 ^ 23) * scale / 2 ^ 23
  end
  return t
end

-- (T, B, n) in the layer's layout and memory of its own.
local function laid_out(t) return MAJOR and t or ops.copy(t:permute { 2, 1, 3 }):keep() end

-- Columns of the weights in units of H.
local GATES = { GRU = 3, LSTM = 4, SimpleRNN = 1 }

local function make(q)
  local T, B, I, H, class = q.T, q.B, q.I, q.H, q.layer or "GRU"
  local scale = 2 ^ -math.ceil(math.log(math.sqrt(H)) / math.log(2) - 1e-9)
  local N, after = GATES[class] * H, class == "GRU" and q.reset_after ~= false
  local bias = stream(4, { 2, N }, scale)
  local options = { return_sequences = true, time_major = MAJOR }
  if class == "GRU" then options.reset_after = after end
  local layer = mg.layers[class](H, options)
  layer:build { mg.null, mg.null, I }
  layer:set_weights { stream(2, { I, N }, scale), stream(3, { H, N }, scale), after and bias or bias[1] }
  return layer, laid_out(stream(1, { T, B, I }, 1)), laid_out(stream(5, { T, B, H }, 1))
end

-- Each mode: a function to time; what it returns is dumped as y [T, B, H] and the gradients.
local modes = {}

function modes.infer(layer, x)
  local function forward() return layer(x) end
  return function() return autograd.no_grad(forward) end
end

function modes.train(layer, x, g)
  local weights = layer.trainable_weights
  local inputs = { x:requires_grad_(), unpack(weights) }
  local training, seed = { training = true }, { gradient = g }
  return function()
    -- data() is for writing: the version that packed weights are checked by grows
    for i = 1, #weights do weights[i]:data() end
    local y = layer(x, training)
    return y, unpack(autograd.gradients(y, inputs, seed))
  end
end

-- T separate calls of one step, from memory to memory; with one row both layouts are the same memory.
function modes.stream(layer, x, g)
  local one, y, T = layer:stream(), mg.zeros_like(g), x:numel() / layer.kernel.shape[1]
  local from, to, inputs, outputs = x:data(), y:data(), one.inputs, one.outputs
  return function()
    one:reset()
    for t = 0, T - 1 do one:step_raw(to + t * outputs, from + t * inputs) end
    return y
  end
end

local function write(path, results)
  local file = assert(io.open(path, "wb"))
  for i, t in ipairs(results) do
    if i <= 2 and not MAJOR then t = t:permute { 2, 1, 3 } end
    t = ops.copy(t)
    file:write(ffi.string(t:data(), t:nbytes()))
  end
  file:close()
end

-- Times `call` for `least` seconds and at least `count` calls; results of the last one are kept.
local function repeated(call, least, count)
  local times, results = {}, nil
  local function run() return { call() } end
  local began, cpu = terminal.now(), os.clock()
  while #times < count or terminal.now() - began < least do
    local from = terminal.now()
    results = mg.scope(run)
    times[#times + 1] = (terminal.now() - from) * 1e3
  end
  return times, results, (os.clock() - cpu) / (terminal.now() - began)
end

local function answer(q, precision)
  if q.dtype and q.dtype ~= "float32" then return { { "skip", "float32 only" } } end
  if q.layer and not GATES[q.layer] then return { { "skip", "no layer " .. tostring(q.layer) } } end
  if not modes[q.mode] then return { { "skip", "no mode " .. tostring(q.mode) } } end
  if q.mode == "stream" and q.B ~= 1 then return { { "skip", "a stream of one row only" } } end
  mg.set_threads(q.threads or 1)
  mg.set_matmul_precision(precision)
  local call = modes[q.mode](make(q))
  local least = (q.min_ms or 100) / 1e3
  repeated(call, 0.2 * least, 1)
  local times, results, cpu = repeated(call, least, 3)
  if q.dump then write(q.dump, results) end
  table.sort(times)
  local per = q.mode == "stream" and q.T or 1
  local n = #times
  local median = n % 2 == 1 and times[(n + 1) / 2] or (times[n / 2] + times[n / 2 + 1]) / 2
  return { { "ms", median / per }, { "best_ms", times[1] / per }, { "reps", n }, { "cpu", cpu } }
end

for line in io.lines() do
  local request = line:match("^run (.*)")
  if request then
    local ok, result = pcall(answer, json.decode(request), arg[1] or "highest")
    if not ok then result = { { "skip", tostring(result) } } end
    io.stdout:write(json.encode(json.object(result)), "\n")
    io.stdout:flush()
  end
end
