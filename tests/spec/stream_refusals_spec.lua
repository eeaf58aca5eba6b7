-- Layers without a step of their own: each is refused by its name, with the reason and what to do instead.
local ffi = require "ffi"
local message_of = require "message_of"
local mg = require "moongate"
local near = require "near"

local L, null = mg.layers, mg.null

local function sequential(...)
  local model = mg.Sequential { ... }
  model:build { null, 8, 4 }
  return model
end

local function refusal(owner)
  local message = message_of(function() owner:stream() end)
  assert.matches("^[^\n]*stream_refusals_spec.lua:%d+: ", message)
  assert.matches("; likely fix: %S", message)
  return message
end

describe("a model is no stream", function()
  local SEQUENCES = { return_sequences = true }
  local LAYERS = {
    { "Bidirectional", "begins at the last step", function() return L.Bidirectional(L.GRU(2, SEQUENCES)) end },
    { "GRU", "go_backwards", function() return L.GRU(2, { return_sequences = true, go_backwards = true }) end },
    { "GRU", "not elementwise", function() return L.GRU(2, { return_sequences = true, activation = "softmax" }) end },
    { "GRU", "not elementwise", function() return L.GRU(2, { recurrent_activation = function(x) return x end }) end },
    { "GRU", "use_cudnn", function() return L.GRU(2, { use_cudnn = true }) end },
    { "Conv1D", "window of several steps", function() return L.Conv1D(2, 3) end },
    { "MaxPooling1D", "window of several steps", function() return L.MaxPooling1D(2) end },
    { "GlobalAveragePooling1D", "all steps", function() return L.GlobalAveragePooling1D() end },
    { "Flatten", "joins all steps", function() return L.Flatten() end },
    { "Reshape", "between steps", function() return L.Reshape { 4, 8 } end },
    { "Permute", "between steps", function() return L.Permute { 2, 1 } end },
    { "UpSampling1D", "several steps of one", function() return L.UpSampling1D(2) end },
    { "ZeroPadding1D", "adds steps", function() return L.ZeroPadding1D(1) end },
    { "Cropping1D", "drops steps", function() return L.Cropping1D(1) end },
    { "Masking", "takes every step", function() return L.Masking() end },
    { "Lambda", "function in Lua", function() return L.Lambda(function(x) return x end) end },
    { "PReLU", "knows no step", function() return L.PReLU { shared_axes = { 1 } } end },
    { "RMSNormalization", "knows no step", function() return L.RMSNormalization() end },
    { "UnitNormalization", "knows no step", function() return L.UnitNormalization() end },
    { "LayerNormalization", "not the last", function() return L.LayerNormalization { axis = { 1, 2 } } end },
    { "BatchNormalization", "not the last", function() return L.BatchNormalization { axis = 1 } end },
    { "Softmax", "not the last", function() return L.Softmax(1) end },
    { "Dense", "more than one value", function() return L.Dense(2, { activation = "log_softmax" }) end },
    { "Activation", "function in Lua", function() return L.Activation(function(x) return x end) end },
    { "Dense", "dtype is float64", function() return L.Dense(2, { dtype = "float64" }) end },
    { "GRU", "inside TimeDistributed", function()
      return mg.Sequential { L.Reshape { 8, 2, 2 }, L.TimeDistributed(L.GRU(2)) }.layers[2], { null, 8, 2, 2 }
    end },
  }
  for _, row in ipairs(LAYERS) do
    local name, reason, make = unpack(row)
    it(("with %s: %s"):format(name, reason), function()
      local layer, shape = make()
      local model = mg.Sequential { layer }
      model:build(shape or { null, 8, 4 })
      local message = refusal(model)
      assert.matches(("stream: layer %s"):format(name), message, 1, true)
      assert.matches(reason, message, 1, true)
    end)
  end

  it("with a cell or a layer of one's own", function()
    local Cell = L.Layer.extend("OwnCell", { { "units", required = true } })
    function Cell:setup(options)
      L.Layer.setup(self, options)
      self.state_size = self.units
    end
    function Cell.call(_, x) return x, { x } end
    assert.matches("its cell is none of", refusal(sequential(L.RNN(Cell { units = 4 }, SEQUENCES))), 1, true)
    local Twice = L.Layer.extend("Twice")
    function Twice.call(_, x) return x * 2 end
    assert.matches("class of your own", refusal(sequential(Twice())), 1, true)
    local Louder = L.Layer.extend("Louder", {}, {}, L.Dense)
    function Louder:call(x) return L.Dense.call(self, x) * 2 end
    assert.matches("class of your own", refusal(sequential(Louder { units = 2 })), 1, true)
    local Named = L.Layer.extend("Named", {}, {}, L.Dense)
    assert.equal(2, sequential(Named { units = 2 }):stream().outputs)
  end)

  it("with several ends or ways, or ids in the middle", function()
    local x, other = mg.Input { shape = { null, 4 } }, mg.Input { shape = { null, 4 } }
    local h = L.GRU(4, SEQUENCES)(x)
    assert.matches("2 inputs and 1 outputs", refusal(mg.Model { inputs = { x, other }, outputs = L.Add() { x, other } }), 1, true)
    assert.matches("no chain: Add", refusal(mg.Model { inputs = x, outputs = L.Add() { x, h } }), 1, true)
    local start = mg.Input { shape = { 4 } }
    local stated = L.GRU(4)(x, { initial_state = start })
    assert.matches("2 inputs", refusal(mg.Model { inputs = { x, start }, outputs = stated }), 1, true)
    local ids = mg.Sequential { L.Input { null, 4 }, L.Dense(1), L.Embedding(3, 2) }
    assert.matches("layer Embedding", refusal(ids), 1, true)
    assert.matches("5 axes", refusal(mg.Sequential { L.Input { 2, 3, 4, 5 }, L.Dense(2) }), 1, true)
  end)

  it("with id 0 where it stands for no step, or ids out of range", function()
    local model = mg.Sequential { L.Embedding(5, 2, { mask_zero = true }), L.GRU(2) }
    model:build { null, null }
    local stream = model:stream { batch = 2 }
    local before = stream:step(mg.tensor({ 1, 4 }, { dtype = "int32" })):to_table()
    for _, ids in ipairs { { 1, 0 }, { 5, 1 }, { -1, 1 } } do
      for _, dtype in ipairs { "int32", "float32" } do
        assert.has_error(function() stream:step(mg.tensor(ids, { dtype = dtype })) end)
      end
    end
    assert.matches("mask_zero", message_of(function() stream:step_raw(mg.zeros(2, 2):data(), mg.zeros(2):data()) end))
    assert.matches("mask_zero", message_of(function() stream:run(mg.zeros(2, 3)) end))
    assert.same(before, stream:states()[1]:to_table())
  end)

  it("that is called with a dot", function()
    for _, owner in ipairs { L.GRU, L.LSTM, mg.Sequential, mg.Model } do
      local message = message_of(function() owner.stream() end)
      assert.matches("^[^\n]*stream_refusals_spec.lua:%d+: stream: called on nil, expected a layer or model; ", message)
      assert.matches("; likely fix: a colon", message, 1, true)
      assert.matches("called on a table, ", message_of(function() owner.stream { batch = 2 } end), 1, true)
    end
  end)

  it("that steps into what it cannot write", function()
    local layer = L.GRU(3, { name = "gates" })
    layer:build { null, null, 2 }
    local stream, x = layer:stream { batch = 2 }, mg.ones(2, 2)
    local title = 'stream of GRU "gates": '
    local function refuses(text, f)
      local message = message_of(f)
      assert.matches("^[^\n]*stream_refusals_spec.lua:%d+: stream of", message)
      assert.matches(title .. text, message, 1, true)
    end
    local floats, fixed = ffi.new("float[6]"), ffi.typeof("const float[6]")
    for _, y in ipairs { ffi.cast("const float *", floats), fixed() } do
      refuses(("step_raw: argument y is a %s, which is not to be written, expected a float * "):format(tostring(ffi.typeof(y))),
        function() stream:step_raw(y, x:data()) end)
    end
    stream:step_raw(floats, ffi.cast("const float *", x:data())) -- x may be
    near(stream:reset():step(x), { { floats[0], floats[1], floats[2] }, { floats[3], floats[4], floats[5] } }, 0)
    refuses("step_raw: argument y is NULL", function() stream:step_raw(ffi.cast("float *", nil), x:data()) end)
    refuses("step: out (2, 3) is a view with gaps, expected a tensor without; likely fix: ", function()
      stream:step(x, mg.zeros(2, 6)[{ {}, { 1, 3 } }])
    end)
    local both = mg.zeros(10)
    refuses("step: y and x overlap; they have to lie apart", function()
      stream:step(both[{ { 1, 4 } }]:reshape(2, 2), both[{ { 2, 7 } }]:reshape(2, 3))
    end)
  end)

  it("before it is built, or without layers", function()
    local layer = L.GRU(3)
    assert.matches("not built yet.*layer:build { mg.null, mg.null, features }", refusal(layer))
    assert.matches("the model is not built yet", refusal(mg.Sequential { L.GRU(3) }))
    assert.matches("has no layers", message_of(function() mg.Sequential({ L.Input { 3 } }):stream() end))
    assert.matches("does anything", refusal(mg.Sequential { L.Input { 3 }, L.Dropout(0.5) }))
    assert.matches("carries a mask", message_of(function()
      local x = L.Masking()(mg.ones(1, 2, 3))
      layer:build { null, null, 3 }
      layer:stream():run(x)
    end))
  end)
end)
