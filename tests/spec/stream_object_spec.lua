-- The object that stream() makes: its weights follow the layer's, its states are its own, and a step leaves nothing behind.
local command = require "command"
local ffi = require "ffi"
local help = require "moongate.cli.help"
local makers = require "stream_makers"
local message_of = require "message_of"
local mg = require "moongate"
local near = require "near"
local tensor_core = require "moongate.tensor_core"
local where = require "where"

local L, null = mg.layers, mg.null

local function gru(F, U, options)
  local layer = L.GRU(U, options)
  layer:build { null, null, F }
  return makers.fill(layer)
end

local function text_model()
  local model = mg.Sequential { L.Embedding(9, 4), L.GRU(5, { return_sequences = true }), L.LSTM(3, { return_sequences = true }),
    L.Dense(9) }
  model:build { null, null }
  return makers.fill(model)
end

local X = makers.waves(0.9, 1, 2, 3)

-- What a fresh stream of the layer gives for X.
local function fresh(owner) return owner:stream({ batch = 2 }):step(X):to_table() end

describe("weights of streams", function()
  it("are packed once for all streams of a layer", function()
    local layer = gru(3, 4)
    local first, second = layer:stream(), layer:stream { batch = 3 }
    assert.equal(first.stepper, second.stepper)
    assert.equal(first.stepper, first:clone().stepper)
    assert.equal(first.stepper, layer:stream({ with = second }).stepper)
    assert.matches("other weights", message_of(function() gru(3, 4):stream { with = first } end))
    assert.matches("argument with is a table", message_of(function() layer:stream { with = {} } end))
    local live = mg.memory().live
    local many = {}
    for i = 1, 1000 do many[i] = layer:stream() end
    local bytes = (mg.memory().live - live) / #many
    assert(bytes < 1024, bytes)
  end)

  it("are made anew when a model's layers change; older streams stay what they are", function()
    local model = mg.Sequential { L.GRU(4, { return_sequences = true }), L.Dense(2) }
    model:build { null, null, 3 }
    makers.fill(model)
    local before = model:stream { batch = 2 }
    assert.equal(before.stepper, model:stream().stepper)
    model:add(L.Dense(5))
    local after = model:stream { batch = 2 }
    assert.same({ 2, 5 }, { before.outputs, after.outputs })
    near(after:step(X), model(X:reshape(2, 1, 3)):squeeze(2):to_table(), 1e-6)
    model:pop()
    near(before:step(X), model(X:reshape(2, 1, 3)):squeeze(2):to_table(), 1e-6)
  end)

  it("are those of the moment: set_weights, a write into one, a file", function()
    local layer = gru(3, 4)
    local stream = layer:stream { batch = 2 }
    local weights = layer:get_weights()
    stream:step(X)
    for i, w in ipairs(weights) do weights[i] = w * -0.5 end
    layer:set_weights(weights)
    assert.same(fresh(layer), stream:reset():step(X):to_table())
    layer.kernel:assign(makers.waves(2, 1, 3, 12))
    local changed = stream:reset():step(X):to_table()
    near(stream.output, layer(X:reshape(2, 1, 3)):to_table(), 1e-6)
    local model, path = mg.Sequential { L.Input({ null, 3 }), layer }, os.tmpname() .. ".keras"
    model:save(path)
    layer.kernel:assign(mg.zeros(3, 12))
    model:load_weights(path)
    assert.same(changed, stream:reset():step(X):to_table())
    assert.same(changed, fresh(mg.load_model(path)))
    os.remove(path)
  end)

  -- Before its first update an optimizer moves the weights to memory of its own.
  it("are those of the moment while the model trains, and the states stay", function()
    local model = mg.Sequential { L.Input({ null, 3 }), L.GRU(4, { return_sequences = true }), L.BatchNormalization(), L.Dense(1) }
    makers.fill(model)
    model:compile { optimizer = "adam", loss = "mse" }
    local stream, sequence = model:stream { batch = 2 }, makers.waves(1.2, 1, 2, 5, 3)
    for t = 1, 2 do stream:step(makers.at(sequence, t)) end
    local states = stream:states()[1]:to_table()
    for _ = 1, 3 do
      model:fit(makers.waves(0.3, 1, 8, 5, 3), mg.ones(8, 5, 1), { epochs = 1, verbose = 0 })
      local y = stream:step(makers.at(sequence, 3)):to_table()
      local again = model:stream { batch = 2 }
      again:set_states { states }
      assert.same(again:step(makers.at(sequence, 3)):to_table(), y)
      near(again:reset():step(makers.at(sequence, 1)), makers.at(model(sequence), 1):to_table(), 1e-6)
      stream:set_states { states }
    end
    assert.same(states, stream:states()[1]:to_table())
  end)
end)

describe("states of streams", function()
  it("are zeros at first and after reset; of single rows too", function()
    local stream = gru(3, 4):stream { batch = 3 }
    local x = makers.waves(0.5, 1, 3, 3)
    local first = stream:step(x):to_table()
    assert.is_true(stream:step(x):to_table()[1][1] ~= first[1][1])
    local second = stream:states()[1]:to_table()
    assert.same(first, stream:reset():step(x):to_table())
    stream:step(x)
    stream:reset(2)
    assert.same({ second[1], { 0, 0, 0, 0 }, second[3] }, stream:states()[1]:to_table())
    stream:reset { 1, 3 }
    assert.same(mg.zeros(3, 4):to_table(), stream:states()[1]:to_table())
    assert.matches("rows is 4, expected a whole number in 1..3", message_of(function() stream:reset(4) end))
    assert.matches("rows is %-1", message_of(function() stream:reset { -1 } end))
  end)

  it("are read and set in the order of the layers, h and c of an LSTM", function()
    local model = text_model()
    local stream = model:stream { batch = 2 }
    stream:step(mg.tensor({ 3, 4 }, { dtype = "int32" }))
    local states = stream:states()
    for i, units in ipairs { 5, 3, 3 } do assert.same({ 2, units }, { unpack(states[i].shape) }) end
    local lstm = L.LSTM(3, { return_state = true })
    lstm:build { null, null, 3 }
    makers.fill(lstm)
    local own = lstm:stream { batch = 2 }
    own:step(X)
    local _, h, c = lstm(X:reshape(2, 1, 3))
    near(own:states()[1], h:to_table(), 1e-6)
    near(own:states()[2], c:to_table(), 1e-6)
    local there = stream:step(mg.ones(2, { dtype = "int32" })):to_table()
    local copy = model:stream { batch = 2 }
    copy:set_states { states[1], { states[2], states[3] } }
    assert.same(there, copy:step(mg.ones(2, { dtype = "int32" })):to_table())
    states[1]:fill_(7)
    assert.is_true(stream:states()[1]:to_table()[1][1] ~= 7)
    assert.matches("2 states were given, expected 3", message_of(function() stream:set_states { h, c } end))
    assert.matches("state 2 has shape %(2, 5%), expected %(2, 3%)", message_of(function()
      stream:set_states { states[1], states[1], states[3] }
    end))
  end)

  it("go their own way in a clone, and from row to row", function()
    local layer = gru(3, 4)
    local stream = layer:stream { batch = 2 }
    stream:step(X)
    local copy = stream:clone()
    local y = stream:step(X):to_table()
    stream:step(X)
    assert.same(y, copy:step(X):to_table())
    local four = layer:stream { batch = 4 }
    four:copy_rows(2, copy, 1, 2)
    assert.same({ { 0, 0, 0, 0 }, y[1], y[2], { 0, 0, 0, 0 } }, four:states()[1]:to_table())
    four:copy_rows(1, four, 3)
    assert.same({ y[2], y[1], y[2], { 0, 0, 0, 0 } }, four:states()[1]:to_table())
    assert.matches("other weights", message_of(function() four:copy_rows(1, gru(3, 4):stream()) end))
    assert.matches("to is 4, expected a whole number in 1..3", message_of(function() four:copy_rows(4, copy, 1, 2) end))
  end)
end)

describe("a step", function()
  it("gives the stream's own tensor, or writes into one that is given, or into memory", function()
    local stream = gru(3, 4):stream { batch = 2 }
    local y = stream:step(X)
    local first = y:to_table()
    assert.equal(y, stream:step(X))
    local out = mg.zeros(2, 1, 4)
    local version = tensor_core.version(out)
    assert.equal(out, stream:reset():step(X, out))
    assert.same(first, out:squeeze(2):to_table())
    assert.is_true(tensor_core.version(out) > version)
    local from, to = ffi.new("float[?]", 6), ffi.new("float[8]")
    ffi.copy(from, X:data(), 24)
    stream:reset():step_raw(to, from)
    for i = 0, 7 do assert.equal(out:to_flat_table()[i + 1], to[i]) end
    stream:reset():step_raw(out:data(), X:data())
    assert.same(first, out:squeeze(2):to_table())
  end)

  -- Bytes that `run` leaves in the Lua heap and in the engine's memory: the least of some runs, since traces that the compiler
  -- makes meanwhile are in the heap too.
  local function left_by(run)
    local least = math.huge
    run()
    collectgarbage()
    collectgarbage "stop"
    local live = mg.memory().live
    for _ = 1, 8 do
      local before = collectgarbage "count"
      run()
      least = math.min(least, (collectgarbage "count" - before) * 1024)
    end
    collectgarbage "restart"
    return least, mg.memory().live - live
  end

  it("leaves no garbage and takes no memory, compiled or interpreted", function()
    local stream, out, x = gru(3, 4):stream { batch = 2 }, mg.zeros(2, 4), X:double()
    local to, from = out:data(), X:data()
    local text = text_model():stream()
    local gaps = mg.zeros(3, 2):transpose(1, 2)
    for _, compiled in ipairs { true, false } do
      for name, step in pairs {
        tensor = function() stream:step(X) end, given = function() stream:step(X, out) end, double = function() stream:step(x) end,
        gaps = function() stream:step(gaps) end, raw = function() stream:step_raw(to, from) end, id = function() text:step(3) end,
        reset = function() stream:reset() end,
      } do
        if not compiled then jit.off() end
        local lua, engine = left_by(function()
          for _ = 1, 2000 do step() end
        end)
        jit.on()
        assert(lua < 64 and engine == 0, ("%s, compiled %s: %g bytes, %g"):format(name, tostring(compiled), lua, engine))
      end
    end
  end)

  it("is compiled as a part of the loop around it", function()
    if (where.preload or "") ~= "" then return pending("without sanitizers") end
    local path = command.file [[
local v = require "jit.v"
local mg = require "moongate"
local layer = mg.layers.GRU(8)
layer:build { mg.null, mg.null, 1 }
local stream, x, out = layer:stream(), mg.ones(1, 1), mg.zeros(1, 8)
local to, from, array = out:data(), x:data(), require("ffi").new("float[8]")
local function tensors(n) for _ = 1, n do stream:step(x) end end
local function given(n) for _ = 1, n do stream:step(x, out) end end
local function raw(n) for _ = 1, n do stream:step_raw(to, from) end end
local function numbers(n) for _ = 1, n do stream:step(0.5) end end
local function arrays(n) for _ = 1, n do stream:step_raw(array, from) end end
v.on(arg[1])
for _, loop in ipairs { tensors, given, raw, numbers, arrays } do loop(10000) end
v.off()
collectgarbage "stop"
local before = collectgarbage "count"
arrays(10000)
assert(collectgarbage "count" - before < 1)
]]
    local list = os.tmpname()
    local output, status = command.run(path .. " " .. list)
    assert(status == 0, output)
    local file = assert(io.open(list))
    local text = file:read("*a")
    file:close()
    os.remove(list)
    for line = 7, 11 do assert.matches((":%d loop]"):format(line), text, 1, true) end
  end)

  it("says what does not fit, at the caller's line", function()
    local stream, text = gru(3, 4):stream { batch = 2 }, text_model():stream { batch = 2 }
    local function says(pattern, f, ...)
      local message = message_of(f, ...)
      assert.matches("^[^\n]*stream_object_spec.lua:%d+: stream of ", message)
      assert.matches(pattern, message)
    end
    says("x has shape %(2, 5%), expected %(2, 1, 3%) or %(2, 3%)", function() stream:step(mg.ones(2, 5)) end)
    says("x has shape %(1, 3%), .*stream { batch = 1 }", function() stream:step(mg.ones(1, 3)) end)
    says("x has shape %(2, 7, 3%), .*run%(x%)", function() stream:step(mg.ones(2, 7, 3)) end)
    says("x has shape %(3,%)", function() stream:step(mg.ones(3)) end)
    says("x is nil, expected a tensor", function() stream:step() end)
    says("x is the number 4", function() stream:step(4) end)
    says("out has shape %(2, 3%), expected %(2, 4%)", function() stream:step(X, X:clone()) end)
    says("argument out is 5", function() stream:step(X, 5) end)
    says("float64, expected float32", function() stream:step(X, mg.zeros(2, 4):double()) end)
    says('argument y is "a"', function() stream:step_raw("a", X:data()) end)
    for _, kind in ipairs { "double [6]", "double *", "void *", "int64_t", "float [2][3]" } do
      local x = kind:match "%*" and ffi.cast(kind, X:data()) or ffi.new(kind)
      says("argument x is a " .. tostring(ffi.typeof(x)):gsub("[%[%]*]", "%%%0"), function() stream:step_raw(X:data(), x) end)
      says("argument y is a ", function() stream:step_raw(x, X:data()) end)
    end
    says("run: x has shape %(2, 3%), expected %(2, T, 3%)", function() stream:run(X) end)
    assert.matches("ids?.*9", message_of(function() text:step(mg.tensor({ 3, 9 }, { dtype = "int32" })) end))
    local freed = X:clone()
    freed:free()
    assert.matches("freed", message_of(function() stream:step(freed) end))
    assert.matches("freed", message_of(function() stream:step(X, freed) end))
    assert.matches("batch is 0", message_of(function() gru(3, 4):stream { batch = 0 } end))
    assert.matches("unknown option", message_of(function() gru(3, 4):stream { bach = 2 } end))
  end)
end)

describe("what a stream tells", function()
  it("is its sizes, its layers and its help", function()
    local model = text_model()
    local stream = model:stream { batch = 2 }
    assert.same({ 2, 1, 9 }, { stream.batch, stream.inputs, stream.outputs })
    assert.equal(('<Stream of Sequential "%s": batch 2, id -> 9, 11 state values a row: Embedding 4, GRU 5, LSTM 3, Dense 9>')
      :format(model.name), tostring(stream))
    local text = table.concat(help.describe(stream), "\n")
    assert.matches("^Stream", text)
    for name in ("step step_raw run reset states set_states copy_rows clone"):gmatch("%S+") do
      assert.matches("%f[%w_]" .. name .. "%f[^%w_]", text)
    end
    assert.matches("batch = 1", table.concat(help.describe(mg.layers.GRU(2).stream), "\n"))
  end)
end)
