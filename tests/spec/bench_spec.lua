-- The benchmark's programs speak its protocol, and what they time are the equations: dumps are held against a GRU in plain Lua.
local ffi = require "ffi"
local command = require "command"
local json = require "moongate.json"
local reference = require "keras.gru_reference"
local where = require "where"

local BENCH = where.root .. "/tests/bench/"
local T, B, I, H = 3, 2, 4, 5

-- Stream k of the protocol: n numbers of [-scale, scale).
local function stream(k, n, scale)
  local s, list = (k * 2654435769) % 2 ^ 32, {}
  for i = 1, n do
    s = (1664525 * s + 1013904223) % 2 ^ 32
    list[i] = (math.floor(s / 256) - 2 ^ 23) * scale / 2 ^ 23
  end
  return list
end

-- (T, B, n) as (B, T, n).
local function batch_major(list, n)
  local out = {}
  for t = 0, T - 1 do
    for b = 0, B - 1 do
      for i = 1, n do out[(b * T + t) * n + i] = list[(t * B + b) * n + i] end
    end
  end
  return out
end

local function time_major(list, n)
  local out = {}
  for b = 0, B - 1 do
    for t = 0, T - 1 do
      for i = 1, n do out[(t * B + b) * n + i] = list[(b * T + t) * n + i] end
    end
  end
  return out
end

-- What the dump has to hold. 0.25 is the largest 2^-i that is at most 1/sqrt(5).
local function expected(after, train)
  local o = {
    x = batch_major(stream(1, T * B * I, 1), I), kernel = stream(2, I * 3 * H, 0.25), recurrent_kernel = stream(3, H * 3 * H, 0.25),
    bias = stream(4, 6 * H, 0.25), batch = B, steps = T, features = I, units = H, activation = "tanh",
    recurrent_activation = "sigmoid", reset_after = after, return_sequences = true,
  }
  if not after then for i = 6 * H, 3 * H + 1, -1 do o.bias[i] = nil end end
  local all = time_major((reference.run(o)), H)
  local weights = { output = batch_major(stream(5, T * B * H, 1), H) }
  for _, name in ipairs(train and { "x", "kernel", "recurrent_kernel", "bias" } or {}) do
    local gradient = reference.gradient(o, weights, name)
    if name == "x" then gradient = time_major(gradient, I) end
    for _, value in ipairs(gradient) do all[#all + 1] = value end
  end
  return all
end

local function floats(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read("*a")
  file:close()
  local list, source = {}, ffi.cast("const float *", bytes)
  for i = 1, #bytes / 4 do list[i] = source[i - 1] end
  return list
end

local REQUEST = 'run {"T":%d,"B":%d,"I":%d,"H":%d,"mode":"%s","threads":1,"dtype":"float32","precision":"highest",'
  .. '"reset_after":%s,"min_ms":1,"dump":%q}\n'

local function ask(text) return command.run(command.quote(BENCH .. "contestant.lua") .. " highest", text) end

describe("the benchmark", function()
  local path = os.tmpname()
  teardown(function() os.remove(path) end)

  for _, mode in ipairs { "infer", "train" } do
    for _, after in ipairs { true, false } do
      it(("%s, reset_after %s, computes what it times"):format(mode, tostring(after)), function()
        local output, status = ask("hello\n" .. REQUEST:format(T, B, I, H, mode, tostring(after), path))
        assert.equal(0, status)
        local answer = json.decode(output)
        assert.is_true(answer.ms >= answer.best_ms and answer.best_ms > 0 and answer.reps >= 3 and answer.cpu > 0)
        local want, have = expected(after, mode == "train"), floats(path)
        assert.equal(#want, #have)
        for i = 1, #want do assert.near(want[i], have[i], 2e-6) end
      end)
    end
  end

  -- The first step from zero states: h = o tanh(i g) and h = tanh(x K + b).
  for layer, gates in pairs { LSTM = 4, SimpleRNN = 1 } do
    it("times the layer " .. layer .. " too", function()
      local request = REQUEST:format(T, 1, I, H, "train", "true", path):gsub("{", '{"layer":"' .. layer .. '",', 1)
      assert.is_true(json.decode((ask(request))).ms > 0)
      local N, have = gates * H, floats(path)
      assert.equal(T * H + T * I + (I + H + 1) * N, #have)
      local x, kernel, bias = stream(1, I, 1), stream(2, I * N, 0.25), stream(4, N, 0.25)
      local function sum(column)
        local total = bias[column]
        for i = 1, I do total = total + x[i] * kernel[(i - 1) * N + column] end
        return total
      end
      local function sigmoid(v) return 1 / (1 + math.exp(-v)) end
      for u = 1, H do
        local want = layer == "SimpleRNN" and math.tanh(sum(u))
          or sigmoid(sum(3 * H + u)) * math.tanh(sigmoid(sum(u)) * math.tanh(sum(2 * H + u)))
        assert.near(want, have[u], 2e-6)
      end
    end)
  end

  it("streams step by step, and says what it cannot serve", function()
    local output = ask(REQUEST:format(T, 1, I, H, "stream", "true", path)
      .. 'run {"dtype":"float64"}\nrun {"mode":"dance"}\nrun {"layer":"X"}\n')
    local lines = {}
    for line in output:gmatch("[^\n]+") do lines[#lines + 1] = json.decode(line) end
    assert.is_true(lines[1].ms > 0)
    local have = floats(path)
    ask(REQUEST:format(T, 1, I, H, "infer", "true", path))
    local want = floats(path)
    assert.equal(T * H, #have)
    for i = 1, T * H do assert.near(want[i], have[i], 2e-6) end
    assert.same({ "float32 only", "no mode dance", "no layer X" }, { lines[2].skip, lines[3].skip, lines[4].skip })
  end)

  it("times a stream's step from Lua and from C", function()
    if where.preload then return end
    local output, status = command.run(command.quote(BENCH .. "stream.lua") .. " 1")
    assert.equal(0, status)
    local _, lines = output:gsub("%(%d+, %d+%) +[%d.]+ +[%d.]+ +[%d.]+ +[%d.]+ +%-?[%d.]+", "")
    assert.equal(6, lines)
  end)

  -- Of three rounds one of ours is disturbed: ratios 3/2 and 2/1 count. One size of the row is changed in another shape.
  local function result()
    local samples = {}
    local function add(name, mode, shape, times, disturbed)
      for round, ms in ipairs(times) do
        samples[#samples + 1] = json.object { { "name", name }, { "mode", mode }, { "threads", 1 }, { "shape", shape },
          { "round", round - 1 }, { "ms", ms }, { "valid", not disturbed or not disturbed[round] } }
      end
    end
    local row, changed = { 1, 2, 3, 4 }, { 1, 2, 3, 5 }
    add("moongate", "infer", row, { 2, 4, 1 }, { false, true, false })
    add("onednn32", "infer", row, { 3, 4, 2 })
    add("keras-xla", "infer", row, { 9, 9, 9 })
    add("onednn32-bf16", "infer", row, { 1, 1, 1 })
    add("moongate", "infer", changed, { 2, 2, 2 })
    add("onednn32", "infer", changed, { 2, 2, 2 })
    add("moongate", "train", row, { 8, 8, 8 }, { true, true, true })
    add("onednn32", "train", row, { 4, 4, 4 })
    return json.encode(json.object { { "date", "2000-01-02 03:04" }, { "processor", "P" }, { "calm_fma", { 99.6 } },
      { "samples", samples }, { "bases", { { row, row }, { changed, row } } } })
  end

  local function write(text)
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
  end

  it("reports the fastest peer of the same precision, by the rounds in which both were undisturbed", function()
    write(result())
    local report = command.quote(BENCH .. "report.lua")
    local text = command.run(report .. " log " .. command.quote(path))
    assert.matches("2000-01-02 03:04, P; calm FMA probe 100 GF/s", text, 1, true)
    assert.matches("| 1,2,3,4 | 1.5 | onednn32 | 1.75 (1.50-2.00) | 3 | 9 |", text, 1, true)
    assert.matches("| 1,2,3,4 | 8 | onednn32 | no calm round | 4 |", text, 1, true)
    assert.matches("| 1,2,3,4 | 1.75 | 1.00 | 1,2,3,5 | -43 % |", text, 1, true)
    assert.equal('"1,2\\n3,4" 1.750 NaN\n"1,2\\n3,5" 1.000 NaN\n', (command.run(report .. " bars " .. command.quote(path))))
  end)

  it("puts a result's figures between the README's marks, with how they were measured", function()
    local readme = os.tmpname()
    local file = assert(io.open(readme, "w"))
    file:write("before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n")
    file:close()
    write((result():gsub('%[1, ?2, ?3, ?5%]', "[1,2,3,4]")))
    local output, status = command.run(command.quote(BENCH .. "report.lua") .. " readme " .. command.quote(path) .. " "
      .. command.quote(readme))
    assert(status == 0, output)
    file = assert(io.open(readme))
    local text = file:read("*a")
    file:close()
    os.remove(readme)
    assert.matches("^before\n<!%-%- figures %-%->\n| T,B,I,H |", text)
    assert.matches("| 4 oneDNN 3.2 | no calm round |\n\nP, one thread, 2000-01-02, medians of 3 rounds.\n<!-- end", text, 1, true)
    assert.is_nil(text:find("old", 1, true))
  end)

  it("times the text example's step", function()
    if where.preload then return end -- a sanitizer makes it a matter of minutes
    local output, status = command.run(command.quote(BENCH .. "text_step.lua"), "hello\nstep 1\n")
    assert.equal(0, status)
    assert.is_true(tonumber(output) > 0)
  end)
end)
