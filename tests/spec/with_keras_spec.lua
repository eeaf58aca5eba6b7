-- Weights to the real Keras and back. MOONGATE_KERAS_PYTHON names a Python that has Keras 3 with a backend; skipped without it.
local mg = require "moongate"
local posix = require "moongate.ffi.posix"
local where = require "where"

local python = os.getenv("MOONGATE_KERAS_PYTHON")

local function model_of()
  local L = mg.layers
  local model = mg.Sequential {
    L.Embedding(11, 4, { mask_zero = true }),
    L.GRU(3, { return_sequences = true, dropout = 0.2, recurrent_dropout = 0.1, seed = 7 }),
    L.Dropout(0.3), L.GRU(2, { reset_after = false }), L.Dense(2, { activation = "softmax" }),
  }
  model:build({ mg.null, 5 })
  return model
end

describe("Keras 3 itself", function()
  if not python then
    pending("reads and writes our weights (set MOONGATE_KERAS_PYTHON to a Python with Keras 3)")
    return
  end

  it("reads and writes our weights", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(posix.mkdir(folder))
    local model = model_of()
    for i, v in ipairs(model.weights) do v:assign(mg.random.normal(v.shape, 0, 0.8, { seed = i })) end
    local x = mg.tensor({ { 1, 2, 3, 4, 5 }, { 6, 7, 0, 0, 0 }, { 10, 9, 8, 7, 0 } }, { dtype = "int32" })
    model:save_weights(folder .. "/ours.weights.h5")
    assert(mg.data.npy.save(folder .. "/x.npy", x))
    assert(mg.data.npy.save(folder .. "/y.npy", model:predict(x, { verbose = 0 })))

    local pipe = io.popen(("'%s' '%s/keras/with_keras.py' '%s' 2>&1"):format(python, where.tests, folder))
    local text = pipe:read("*a")
    pipe:close()
    local difference = tonumber(text:match("largest difference (%S+)"))
    assert.is_true(difference ~= nil and difference < 1e-5, text)

    local other = model_of()
    other:load_weights(folder .. "/theirs.weights.h5")
    local expected = assert(mg.data.npy.load(folder .. "/theirs_y.npy")):to_flat_table()
    for i, value in ipairs(other:predict(x, { verbose = 0 }):to_flat_table()) do
      assert.is_true(math.abs(value - expected[i]) < 1e-5)
    end
    os.execute(("rm -r '%s'"):format(folder))
  end)
end)
