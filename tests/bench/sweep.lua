-- Sizes from tiny to large, in turn with one thread and with two: moongate sweep.lua [infer|train|both] [seconds for each size].
-- Prints each size's medians, two threads' gain, and explain's estimates by the measured times; at the end where two threads are
-- slower than one, and the estimates' errors.
local mg = require "moongate"
local terminal = require "moongate.terminal"

local STEPS, BATCHES, UNITS = { 1, 10, 100 }, { 1, 2, 4, 8, 16, 32, 64 }, { 8, 24, 64, 128, 256, 512 }
local MOST_WORK = 4e9 -- multiplications of a call
local SLOWER = 1.05

local function median(list)
  table.sort(list)
  return list[math.ceil(#list / 2)]
end

local function forward(layer, x)
  local function run() return layer(x) end
  return function() return mg.no_grad(run) end
end

local function step(layer, x, g)
  local inputs, options, seed = { x:requires_grad_(), unpack(layer.trainable_weights) }, { training = true }, { gradient = g }
  return function()
    layer.trainable_weights[1]:data() -- written, as far as packed weights can tell
    return mg.gradients(layer(x, options), inputs, seed)
  end
end

-- Median milliseconds with one thread and with two.
local function measure(call, seconds)
  local times = { {}, {} }
  local began, turns = terminal.now(), 0
  while turns < 6 or terminal.now() - began < seconds do
    for threads = 1, 2 do
      mg.set_threads(threads)
      mg.scope(call)
      for _ = 1, 3 do
        local from = terminal.now()
        mg.scope(call)
        table.insert(times[threads], (terminal.now() - from) * 1e3)
      end
    end
    turns = turns + 1
    if turns >= 2 and terminal.now() - began > 4 * seconds then break end
  end
  return median(times[1]), median(times[2])
end

local slower, errors = {}, {}

-- The time that explain gives for a thread count.
local function estimate(layer, x, mode, threads)
  mg.set_threads(threads)
  local plan = layer:explain(x, { training = mode == "train" })
  return mode == "train" and plan.training_milliseconds or plan.milliseconds
end

local function visit(mode, T, B, U, seconds)
  local layer = mg.layers.GRU(U, { return_sequences = true, time_major = true })
  layer:build { mg.null, mg.null, U }
  local x = mg.random.normal { T, B, U }
  local call = mode == "infer" and forward(layer, x) or step(layer, x, mg.random.normal { T, B, U })
  local one, two = measure(call, seconds)
  local guess, second = estimate(layer, x, mode, 1) / one, estimate(layer, x, mode, 2) / two
  local line = ("%-5s T %-4d B %-3d U %-4d  %10.4f ms  %10.4f ms  %.2f  %.2f  %.2f"):format(mode, T, B, U, one, two, one / two,
    guess, second)
  for _, each in ipairs { guess, second } do errors[#errors + 1] = math.max(each, 1 / each) end
  print(line)
  io.stdout:flush()
  if two > SLOWER * one then slower[#slower + 1] = { two / one, line } end
end

local modes = { infer = { "infer" }, train = { "train" } }
local seconds = tonumber(arg[2]) or 0.05
print("                             one thread     two threads  one / two, estimate / measured with one and two")
for _, mode in ipairs(modes[arg[1]] or { "infer", "train" }) do
  for _, T in ipairs(STEPS) do
    for _, B in ipairs(BATCHES) do
      for _, U in ipairs(UNITS) do
        if 6 * T * B * U * U * (mode == "train" and 3 or 1) < MOST_WORK then visit(mode, T, B, U, seconds) end
      end
    end
  end
end
table.sort(slower, function(a, b) return a[1] > b[1] end)
print(("\n%d sizes are more than %.0f %% slower with two threads:"):format(#slower, 100 * (SLOWER - 1)))
for _, each in ipairs(slower) do print(each[2]) end
table.sort(errors)
print(("\nestimates are off by a factor of %.2f in the median, %.2f for nine in ten, %.2f at most"):format(median(errors),
  errors[math.ceil(0.9 * #errors)], errors[#errors]))
