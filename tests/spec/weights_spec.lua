-- Weights files: one that Keras 3.15 wrote gives Keras's predictions, ours have its structure, and what does not fit is refused.
local mg = require "moongate"
local hdf5 = require "moongate.ffi.hdf5"
local tree = require "moongate.files.tree"
local where = require "where"

local KERAS = where.tests .. "/spec/data/keras3.weights.h5"

-- The model of keras3.weights.h5.
local function model_of(changes)
  changes = changes or {}
  local L = mg.layers
  local model = mg.Sequential {
    L.Embedding(11, 4, { mask_zero = true }),
    L.GRU(changes.units or 3, { return_sequences = true, dropout = 0.2, seed = 7, reset_after = changes.reset_after }),
    L.Dropout(0.3), L.GRU(2, { reset_after = false }),
  }
  if not changes.headless then model:add(L.Dense(2)) end
  if changes.more then model:add(L.Dense(1)) end
  model:build({ mg.null, 5 })
  return model
end

local INPUT = { { 1, 2, 3, 4, 5 }, { 6, 7, 0, 0, 0 }, { 10, 9, 8, 7, 0 } }
-- model.predict of Keras 3.15.1 (PyTorch backend)
local PREDICTION = { { 0.2915009558200836, -0.3864138126373291 }, { 0.2318684160709381, 0.1724720001220703 },
  { 0.2848532497882843, -0.31260979175567627 } }

-- Groups and datasets with dtype and shape, seed generators aside.
local function structure(path)
  local file, lines = assert(hdf5.open(path)), {}
  local function visit(group)
    local names, groups = file:children(group)
    for _, name in ipairs(names) do
      local below = (group == "/" and "" or group) .. "/" .. name
      local dtype, shape = file:shape(below)
      if name ~= "seed_generator" then
        lines[#lines + 1] = dtype and ("%s %s (%s)"):format(below, dtype, table.concat(shape, ", ")) or below
        if groups[name] then visit(below) end
      end
    end
  end
  visit("/")
  file:close()
  return lines
end

describe("weights", function()
  local path
  before_each(function() path = os.tmpname() .. ".weights.h5" end)
  after_each(function()
    os.remove(path)
    os.remove((path:gsub("%.weights%.h5$", "")))
  end)

  it("of Keras give Keras's predictions", function()
    local model = model_of()
    model:load_weights(KERAS)
    local y = model:predict(mg.tensor(INPUT, { dtype = "int32" }), { verbose = 0 }):to_table()
    for i, row in ipairs(PREDICTION) do
      for j, expected in ipairs(row) do assert.is_true(math.abs(y[i][j] - expected) < 1e-5) end
    end
  end)

  it("are written with Keras's structure", function()
    local model = model_of()
    model:load_weights(KERAS)
    model:save_weights(path)
    assert.same(structure(KERAS), structure(path))
    local file = assert(hdf5.open(path))
    assert.equal(model.layers[2].name, file:attribute("/layers/gru/vars", "name"))
    assert.equal(model.name, file:attribute("/vars", "name"))
    assert.same({ "uint32", { 2 } }, { file:shape("/layers/gru/cell/seed_generator/vars/0") })
    assert.same({ 7, 0 }, file:read_numbers("/layers/gru/cell/seed_generator/vars/0", 2))
    file:close()
  end)

  it("come back bit for bit, seed generators with them", function()
    local model, other = model_of(), model_of()
    model.layers[2].cell.seed_generator:set_state { 3000000000, 41 }
    model:save_weights(path)
    other:load_weights(path)
    for i, v in ipairs(model.weights) do
      assert.same(v:to_flat_table(), other.weights[i]:to_flat_table())
    end
    assert.same({ 3000000000, 41 }, other.layers[2].cell.seed_generator:get_state())
  end)

  local function refuses(text, model, file)
    local before = {}
    for i, v in ipairs(model.weights) do before[i] = v:to_flat_table() end
    local ok, message = pcall(model.load_weights, model, file)
    assert.is_false(ok)
    assert.matches(text, message, 1, true)
    for i, v in ipairs(model.weights) do assert.same(before[i], v:to_flat_table()) end
    return message
  end

  it("are loaded whole or not at all, and what does not fit is named", function()
    local message = refuses('layers/gru/cell/vars/0 (GRUCell "', model_of { units = 5 }, KERAS)
    assert.matches("has shape (4, 9) in the file and (4, 15) in the model", message, 1, true)
    assert.matches(KERAS, message, 1, true)
    assert.matches("weights_spec.lua:%d+:", message)
    refuses("reset_after = true: make the layer with it", model_of { reset_after = false }, KERAS)
    refuses('layers/dense_1/vars/0 (Dense "', model_of { more = true }, KERAS)
    assert.matches("and 2 more", refuses("layers/gru", model_of { units = 5, more = true }, KERAS), 1, true)
    refuses("layers/dense/vars/0 is in the file, and the model has no such variable", model_of { headless = true }, KERAS)
  end)

  it("that fit are loaded with skip_mismatch", function()
    local model = model_of { more = true }
    local files = require "moongate.files.weights"
    files.load(model, KERAS, { skip_mismatch = true })
    local reference = model_of()
    reference:load_weights(KERAS)
    assert.same(reference.weights[1]:to_flat_table(), model.weights[1]:to_flat_table())
  end)

  it("need a path that Keras takes, a file that is one, and a model with weights", function()
    local model = model_of()
    refuses("must end in .h5", model, "x.hdf")
    refuses("No such file", model, "/nowhere/x.weights.h5")
    local file = assert(io.open(path, "w"))
    file:write("text")
    file:close()
    refuses("not an HDF5 file", model, path)
    local ok, message = pcall(model.save_weights, model, "/nowhere/x.weights.h5")
    assert.is_false(ok)
    assert.matches("cannot be written", message, 1, true)
    local bare = mg.Sequential { mg.layers.Dense(2) }
    ok, message = pcall(bare.save_weights, bare, path)
    assert.is_false(ok)
    assert.matches("no weights yet", message, 1, true)
  end)
end)

describe("group names", function()
  it("count in every list by itself, and visit each object once", function()
    local class = require "moongate.class"
    local Thing, Box = class "Thing", class "Box"
    local shared = Thing()
    local box = Box()
    function Box.children() return { { "cells", { shared, Thing(), Box.inner or Thing() } }, { "again", shared } } end
    local seen = {}
    tree.walk(box, "", function(_, at) seen[#seen + 1] = at end)
    assert.same({ "", "cells/thing", "cells/thing_1", "cells/thing_2" }, seen)
  end)

  it("says why a file cut short or a full disk is no good, in one line", function()
    local file = assert(io.open(KERAS, "rb"))
    local path = os.tmpname() .. ".weights.h5"
    local half = assert(io.open(path, "wb"))
    half:write((file:read(4000)))
    file:close()
    half:close()
    local model = model_of()
    local _, message = pcall(model.load_weights, model, path)
    os.remove(path)
    assert.matches("truncated file", message, 1, true)
    local folder = "/proc/no.weights.h5"
    _, message = pcall(model.save_weights, model, folder)
    assert.matches("No such file or directory", message, 1, true)
    assert.is_nil(message:find("errno", 1, true))
  end)
end)
