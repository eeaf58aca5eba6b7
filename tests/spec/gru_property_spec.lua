-- All roads of a recurrent call give one result: see rnn_paths.lua. 100 random sets of arguments for the GRU, 2,000 with `--long`,
-- half as many for LSTM and SimpleRNN; the seed is printed, MOONGATE_SEED sets it.
local mg = require "moongate"
local paths = require "rnn_paths"
local where = require "where"

local SEED = tonumber(os.getenv "MOONGATE_SEED") or 20250
local SETS = where.long and 2000 or 100
local KINDS = { { "GRU", SETS }, { "LSTM", SETS / 2 }, { "SimpleRNN", SETS / 2 } }
local TOLERANCE = { float32 = 2e-5, float64 = 1e-10 }

local function agree(c, name, dtype, found, expected)
  local worst, place = paths.distance(found, expected)
  if worst <= TOLERANCE[dtype] then return worst end
  error(("%s, %s: %s is off by %.3g\n  %s"):format(name, dtype, place, worst, paths.describe(c)), 0)
end

-- Elements of x at masked steps have gradient exactly 0; rows masked throughout give output 0 and their initial states.
local function check_masked(c, results)
  local output, dx = results[1][2], results[c.states + 2][2]
  for b = 1, c.B do
    local any = false
    for t = 1, c.T do
      any = any or paths.counts(c, b, t)
      for f = 1, paths.counts(c, b, t) and 0 or c.F do
        assert(dx[((b - 1) * c.T + t - 1) * c.F + f] == 0, "dx at a masked step\n  " .. paths.describe(c))
      end
    end
    local width = #output / c.B
    for i = 1, any and 0 or width do assert(output[(b - 1) * width + i] == 0, "output of a masked row\n  " .. paths.describe(c)) end
    for s = 1, any and 0 or c.states do
      for u = 1, c.U do
        local given = c.initial[s] and c.initial[s][(b - 1) * c.U + u] or 0
        local found = results[1 + s][2][(b - 1) * c.U + u]
        assert(math.abs(found - given) < 1e-7, "state of a masked row\n  " .. paths.describe(c))
      end
    end
  end
end

-- NaN at masked steps of x changes nothing at all.
local function check_nan(c, dtype, expected)
  if not c.mask then return end
  local x = { unpack(c.x) }
  for i = 1, #x do
    if c.mask[math.floor((i - 1) / c.F) + 1] == 0 then x[i] = 0 / 0 end
  end
  local worst, place = paths.distance(paths.results(paths.call(c, dtype, { x = x }), paths.fused), expected)
  assert(worst == 0, ("NaN at masked steps reaches %s, %s\n  %s"):format(place, dtype, paths.describe(c)))
end

-- The products of a cell one by one, where all other roads have them in one: masks of the gates, if any, are equal, and there is
-- no recurrent dropout, for which implementation 2 is 1 too.
local function check_implementation_1(c, dtype, truth)
  if c.kind == "SimpleRNN" or c.recurrent_masks or #(c.input_masks or {}) > 1 then return end
  local call = paths.call(c, dtype, { implementation = 1 })
  assert(call.cell.implementation == 1)
  agree(c, "the cell in implementation 1", dtype, paths.results(call, paths.cell), truth)
  agree(c, "the layer in implementation 1", dtype, paths.results(call, paths.fused), truth)
end

-- Against the call whose state runs through: an output before a row's first valid step of a chunk means something else there.
local function check_chunks(c, dtype, call, whole_call)
  if c.T == 0 then return end
  local weights = paths.chunk_weights(c)
  local whole = paths.results(whole_call, paths.fused, weights)
  agree(c, "in chunks of " .. c.chunk, dtype, paths.results(call, paths.chunks, weights), whole)
end

local function check_set(c)
  local calls = { float64 = paths.call(c, "float64"), float32 = paths.call(c, "float32") }
  local truth = paths.results(calls.float64, paths.fused)
  for dtype, call in pairs(calls) do
    local fused = paths.results(call, paths.fused)
    agree(c, "fused", dtype, fused, truth)
    check_masked(c, fused)
    check_nan(c, dtype, fused)
    agree(c, "step by step", dtype, paths.results(call, paths.cell), truth)
    agree(c, "time-major", dtype, paths.results(paths.call(c, dtype, { time_major = true }), paths.time_major), truth)
    if c.B > 1 then agree(c, "rows in two parts", dtype, paths.results(call, paths.rows), truth) end
    check_implementation_1(c, dtype, truth)
    check_chunks(c, dtype, call, calls.float64)
  end
end

-- Without the compiler: hardly two sets have the same shapes, and compiling costs more than it saves.
local function interpreted(f, ...)
  jit.off()
  local ok, message = pcall(f, ...)
  jit.on()
  if not ok then error(message, 0) end
end

describe(("all roads, seed %d"):format(SEED), function()
  for _, item in ipairs(KINDS) do
    local kind, sets = item[1], item[2]
    it(("give one %s, %d sets of arguments"):format(kind, sets), function()
      print(("%s: %d sets of arguments, seed %d (MOONGATE_SEED sets it)"):format(kind, sets, SEED))
      local seen = {}
      for number = 1, sets do
        local c = paths.draw(kind, SEED, number)
        interpreted(mg.scope, check_set, c)
        for _, name in ipairs { "B", "T", "F", "U" } do seen[name .. c[name]] = true end
      end
      for _, size in ipairs { "B0", "B1", "T0", "T1", "F1", "U1", "U17" } do assert.is_true(seen[size], size) end
    end)
  end
end)
