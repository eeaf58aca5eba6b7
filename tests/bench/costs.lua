-- What options of a recurrent layer cost, and what a second thread brings, as ratios of calls in turns: one round times A, then B;
-- printed are the median of B / A over the rounds with its quarters, and the bound it is held to.
--   moongate tests/bench/costs.lua [SECONDS a line] [PART ...]     parts: reset masks dropout order recompute layers threads
local mg = require "moongate"
local terminal = require "moongate.terminal"

local autograd = mg.autograd
local ROUNDS = 15

local function normal(...) return mg.random.normal({ ... }, 0, 1):keep() end

-- A call of a layer, in training with all gradients or in inference, as a function. options: of the layer; kind, train and mask are
-- ours. Weights change before every training step, as an optimizer would.
local function call_of(sizes, options)
  local T, B, F, U = unpack(sizes)
  local own = { return_sequences = true, time_major = true }
  for name, value in pairs(options) do
    if name ~= "kind" and name ~= "train" and name ~= "mask" then own[name] = value end
  end
  local layer, x = mg.layers[options.kind or "GRU"](U, own), normal(T, B, F)
  layer:build { mg.null, mg.null, F }
  local arguments = { training = options.train, mask = options.mask and (mg.random.uniform({ T, B }, 0, 1):lt(0.9)):keep() }
  if not options.train then return function() autograd.no_grad(layer, x, arguments) end end
  local weights = layer.trainable_weights
  local inputs, g = { x:requires_grad_(), unpack(weights) }, own.return_sequences and normal(T, B, U) or normal(B, U)
  return function()
    for i = 1, #weights do weights[i]:data() end
    autograd.gradients(layer(x, arguments), inputs, { gradient = g })
  end
end

local function seconds(call, count)
  local from = terminal.now()
  for _ = 1, count do mg.scope(call) end
  return (terminal.now() - from) / count
end

-- Seconds of a side, { call, threads }. Workers start anew when their number changes, and take their memory in the first calls.
local function side(s, count)
  if mg.get_threads() ~= s[2] then
    mg.set_threads(s[2])
    seconds(s[1], 3)
  end
  return seconds(s[1], count)
end

-- A and B are sides. Ratios B / A of the rounds, sorted; and the median time of A.
local function compare(a, b, budget)
  local count = math.max(1, math.floor(budget / ROUNDS / 2 / side(a, 2)))
  side(b, 2)
  local ratios, times = {}, {}
  for round = 1, ROUNDS do
    times[round] = side(a, count)
    ratios[round] = side(b, count) / times[round]
  end
  table.sort(ratios)
  table.sort(times)
  return ratios, times[(ROUNDS + 1) / 2]
end

local function quantile(list, q) return list[math.floor(1 + q * (#list - 1) + 0.5)] end

local budget
local function line(name, sizes, mode, a, b, bound, scale)
  local ratios, time = compare(a, b, budget)
  scale = scale or 1
  for i, ratio in ipairs(ratios) do ratios[i] = scale * ratio end
  io.write(("%-34s %-16s %-6s %9.4f ms  %5.2f (%.2f-%.2f)  %s\n"):format(name, table.concat(sizes, ","), mode, time * 1e3,
    quantile(ratios, 0.5), quantile(ratios, 0.25), quantile(ratios, 0.75), bound or ""))
  io.flush()
end

-- Both modes of two sets of options, on one thread.
local function both(name, sizes, a, b, bound, scale)
  for _, train in ipairs { false, true } do
    local calls = {}
    for i, options in ipairs { a, b } do
      local own = { train = train }
      for key, value in pairs(options) do own[key] = value end
      calls[i] = { call_of(sizes, own), 1 }
    end
    line(name, sizes, train and "train" or "infer", calls[1], calls[2], bound, scale)
  end
end

local SMALL, WIDE, ROWS, LARGE = { 100, 1, 64, 64 }, { 100, 1, 256, 256 }, { 100, 16, 64, 128 }, { 25, 64, 256, 256 }
local parts = {}

function parts.reset()
  for _, sizes in ipairs { SMALL, WIDE, ROWS, LARGE } do
    both("reset_after=false / true", sizes, {}, { reset_after = false }, sizes[2] == 1 and "<= 1.5" or "<= 1.15")
  end
end

function parts.masks()
  for _, sizes in ipairs { SMALL, ROWS, LARGE } do
    both("a mask / none", sizes, {}, { mask = true }, sizes[2] >= 16 and "<= 1.05" or nil)
  end
end

-- Dropout is for training alone. Drawing the masks counts.
function parts.dropout()
  local drawn = { { "one input mask", { dropout = 0.2, implementation = 2 } }, { "three input masks", { dropout = 0.2,
    implementation = 1 } }, { "three state masks", { recurrent_dropout = 0.2 } },
    { "one state mask (LSTM)", { recurrent_dropout = 0.2, kind = "LSTM" } } }
  for _, sizes in ipairs { SMALL, ROWS, LARGE } do
    for _, item in ipairs(drawn) do
      item[2].train = true
      local plain = call_of(sizes, { train = true, kind = item[2].kind })
      line(item[1] .. " / none", sizes, "train", { plain, 1 }, { call_of(sizes, item[2]), 1 }, sizes[2] >= 16 and "<= 1.15" or nil)
    end
  end
end

function parts.order()
  for _, sizes in ipairs { SMALL, ROWS, LARGE } do
    both("go_backwards / not", sizes, {}, { go_backwards = true })
    both("the last output / all", sizes, {}, { return_sequences = false })
  end
end

-- One more forward on the way back; few rows have no kernels of their own with it.
function parts.recompute()
  for _, sizes in ipairs { SMALL, ROWS, LARGE } do both("recompute / none", sizes, {}, { recompute = true }) end
end

-- Per product: an LSTM has four gates and a SimpleRNN one where a GRU has three.
function parts.layers()
  for _, sizes in ipairs { SMALL, WIDE, ROWS, LARGE } do
    both("LSTM / GRU, per gate", sizes, {}, { kind = "LSTM" }, nil, 3 / 4)
    both("SimpleRNN / GRU, per gate", sizes, {}, { kind = "SimpleRNN" }, nil, 3)
  end
end

-- The seven rows of the benchmark, the large ones with fewer steps, and others. Here the ratio is that of the times, one thread's
-- by two threads'.
function parts.threads()
  local rows = { { 100, 1, 64, 64 }, { 100, 1, 256, 256 }, { 100, 32, 64, 128 }, { 25, 64, 256, 256 }, { 10, 64, 512, 512 },
    { 4, 128, 128, 1024 }, { 1000, 1, 40, 24 }, { 100, 1, 128, 128 }, { 50, 1, 512, 512 }, { 20, 1, 64, 1024 }, { 100, 2, 64, 64 },
    { 100, 8, 64, 64 }, { 100, 16, 64, 64 }, { 50, 33, 100, 100 }, { 5, 4, 4, 4 } }
  for _, sizes in ipairs(rows) do
    local bound = sizes[2] >= 32 and ">= 1.85" or sizes[2] == 1 and sizes[4] >= 256 and ">= 1.6" or ">= 1"
    for _, train in ipairs { false, true } do
      local call = call_of(sizes, { train = train })
      line("one thread / two", sizes, train and "train" or "infer", { call, 2 }, { call, 1 }, bound)
    end
  end
end

local names = { "reset", "masks", "dropout", "order", "recompute", "layers", "threads" }
budget = tonumber(arg[1]) or 0.4
if tonumber(arg[1]) then table.remove(arg, 1) end
mg.set_random_seed(1)
for _, name in ipairs(#arg > 0 and arg or names) do
  if not parts[name] then error(("unknown part %q; expected %s"):format(name, table.concat(names, ", ")), 0) end
  mg.scope(parts[name])
end
