-- Damaged model files and archives are loaded or refused with a sentence, whatever became of them: no crash, no long wait.
local damage = require "damage"
local hdf5 = require "moongate.ffi.hdf5"
local mg = require "moongate"
local where = require "where"
local zip = require "moongate.ffi.zip"

local DATA = where.tests .. "/spec/data/"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

describe("a damaged model file", function()
  local path
  before_each(function() path = os.tmpname() end)
  after_each(function()
    for _, ending in ipairs { "", ".keras", ".h5", ".npz" } do os.remove(path .. ending) end
  end)

  local function trained()
    local L = mg.layers
    local model = mg.Sequential { L.Input { 5, 2 }, L.GRU(3, { return_sequences = true }), L.LSTM(2) }
    model:compile { optimizer = "adam", loss = "mse", metrics = { "mae" } }
    model:train_on_batch(mg.ones { 2, 5, 2 }, mg.ones { 2, 2 })
    return model
  end

  local function try(times, ending, source, load)
    local mutate, refused = damage.mutations(7), 0
    for _ = 1, times do
      write(path .. ending, mutate(source))
      local began = os.clock()
      local ok, message = pcall(load, path .. ending)
      assert.is_true(ok or type(message) == "string")
      assert.is_true(os.clock() - began < 2)
      if not ok then
        assert.is_nil(message:match("/lua/moongate/"), message) -- an error of ours, raised at the caller's line
        refused = refused + 1
      end
    end
    assert.is_true(refused > times / 4)
  end

  it("is loaded or refused", function()
    local model = trained()
    model:save(path .. ".keras")
    try(100, ".keras", read(path .. ".keras"), mg.load_model)
    try(100, ".h5", read(DATA .. "tf2_cudnn.h5"), mg.load_model)
    try(100, ".npz", read(DATA .. "numpy.npz"), function(name)
      local arrays, message = mg.data.npz.load(name)
      if not arrays then error(message, 0) end
    end)
  end)

  -- Most damage to an archive is found by its checksums: here the parts are damaged, and the archive is made anew.
  it("is loaded or refused where the archive is whole and its parts are damaged", function()
    local model = trained()
    model:save(path .. ".keras")
    local archive = assert(zip.open(path .. ".keras"))
    local config, weights = archive:text("config.json", 1e6), archive:text("model.weights.h5", 1e6)
    archive:discard()
    local mutate, draw = damage.mutations(11)
    local loaded = 0
    for _ = 1, 100 do
      local which = draw(2)
      local out = assert(zip.create(path .. ".keras"))
      assert(out:add("config.json", which == 0 and mutate(config) or config))
      assert(out:add("model.weights.h5", which == 1 and mutate(weights) or weights))
      assert(out:close())
      local ok, message = pcall(mg.load_model, path .. ".keras", { compile = draw(2) == 0 })
      assert.is_true(ok or (type(message) == "string" and not message:match("/lua/moongate/")), tostring(message))
      if ok then loaded = loaded + 1 end
    end
    assert.is_true(loaded > 5)
  end)

  it("in memory is refused as on disk", function()
    local ffi = require "ffi"
    for _, text in ipairs { "x", ("x"):rep(200), read(DATA .. "tf2_cudnn.h5"):sub(1, 5000) } do
      local file, message = hdf5.open_image(ffi.cast("const char *", text), #text)
      assert.is_nil(file)
      assert.matches("the file in memory", message, 1, true)
    end
    assert.matches("is empty", select(2, hdf5.open_image(ffi.new("char[1]"), 0)), 1, true)
  end)
end)
