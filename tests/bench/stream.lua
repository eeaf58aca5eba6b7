-- What a step costs from Lua and from C: moongate tests/bench/stream.lua [rounds]. For each size of a GRU, nanoseconds a
-- step of batch 1: C's own loop (mg_stream_run), a Lua loop of step_raw on pointers, of step(x, y) and step(x) on tensors; medians
-- over rounds in which the four take turns, and how much the Lua loops cost more.
local core = require "moongate.ffi.core"
local mg = require "moongate"
local terminal = require "moongate.terminal"

local C = core.C
local SIZES = { { 1, 8 }, { 1, 16 }, { 8, 32 }, { 40, 24 }, { 64, 64 }, { 128, 128 } }
local T = 100 -- steps of a sequence; it is stepped through again and again
local ROUNDS, SECONDS = tonumber(arg[1]) or 9, 0.02

local function median(list)
  table.sort(list)
  return list[math.ceil(#list / 2)]
end

local function rows_of(t)
  local list = {}
  for i = 1, t.shape[1] do list[i] = t:slice(1, i, i):keep() end
  return list
end

-- Each: a function that makes T steps.
local function loops(I, H)
  local gru = mg.layers.GRU(H, { return_sequences = true })
  gru:build { mg.null, mg.null, I }
  local stream, x, y = gru:stream(), mg.random.normal({ T, I }), mg.zeros(T, H)
  local from, to, xs, ys = x:data(), y:data(), rows_of(x), rows_of(y)
  return {
    function() core.check(C.mg_stream_run(stream.native, to, from, T)) end,
    function()
      for t = 0, T - 1 do stream:step_raw(to + t * H, from + t * I) end
    end,
    function()
      for t = 1, T do stream:step(xs[t], ys[t]) end
    end,
    function()
      for t = 1, T do stream:step(xs[t]) end
    end,
  }
end

-- Nanoseconds a step, over enough passes to last SECONDS.
local function time(run, passes)
  local from = terminal.now()
  for _ = 1, passes do run() end
  return (terminal.now() - from) / (passes * T) * 1e9
end

mg.set_threads(1)
mg.set_random_seed(1)
io.write("ns a step: (inputs, units), C, step_raw, step(x, y), step(x), the most that Lua adds\n")
for _, size in ipairs(SIZES) do
  local runs, times = loops(size[1], size[2]), { {}, {}, {}, {} }
  for _, run in ipairs(runs) do time(run, 100) end -- the compiler's turn
  local passes = math.max(1, math.ceil(SECONDS / (time(runs[1], 30) * T * 1e-9)))
  for round = 1, ROUNDS do
    for i, run in ipairs(runs) do times[i][round] = time(run, passes) end
  end
  local m = {}
  for i = 1, 4 do m[i] = median(times[i]) end
  io.write(("%10s %9.1f %9.1f %11.1f %9.1f %12.1f\n"):format(("(%d, %d)"):format(size[1], size[2]), m[1], m[2], m[3], m[4],
    math.max(m[2], m[3], m[4]) - m[1]))
end
