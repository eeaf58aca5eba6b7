local mg = require "moongate"
local data = mg.data

local function collect(dataset, epoch)
  local list = {}
  for x in dataset:iterate(epoch) do
    for _, v in ipairs(x:to_flat_table()) do list[#list + 1] = v end
  end
  return list
end

describe("datasets", function()
  local x, y = mg.tensor { { 0 }, { 1 }, { 2 }, { 3 }, { 4 } }, mg.tensor { 0, 10, 20, 30, 40 }

  it("give batches in order, the last one smaller or left out", function()
    local batches = data.from_tensors(x, y):batch(2)
    assert.equal(3, batches:steps())
    assert.same({ 0, 1, 2, 3, 4 }, collect(batches))
    assert.equal(2, data.from_tensors(x):batch(2, { drop_remainder = true }):steps())
  end)

  it("shuffle rows and targets together, by seed and epoch alone", function()
    local shuffled = data.from_tensors(x, y):shuffle(7):batch(2)
    local first = collect(shuffled, 0)
    assert.same(first, collect(shuffled, 0))
    local differs = false
    for epoch = 1, 5 do
      for i, v in ipairs(collect(shuffled, epoch)) do differs = differs or v ~= first[i] end
    end
    assert.is_true(differs)
    local sorted = collect(shuffled, 3)
    table.sort(sorted)
    assert.same({ 0, 1, 2, 3, 4 }, sorted)
    for bx, by in shuffled:iterate(1) do assert.same(by:to_table(), (bx:reshape { -1 } * 10):to_table()) end
  end)

  it("map batches", function()
    assert.same({ 0, 2, 4, 6, 8 }, collect(data.from_tensors(x):batch(5):map(function(b) return b * 2 end)))
  end)

  it("cut windows with the value behind them", function()
    local series = mg.arange(6)
    local rows = data.windows(series, { length = 3, shift = 2 }):batch(2)
    local wx, wy = rows:iterate()()
    assert.same({ { 0, 1, 2 }, { 2, 3, 4 } }, wx:to_table())
    assert.same({ 3, 5 }, wy:to_table())
    local sx, sy = data.windows(series, { length = 3, target = "sequence" }):batch(1):iterate()()
    assert.same({ { 0, 1, 2 } }, sx:to_table())
    assert.same({ { 1, 2, 3 } }, sy:to_table())
    assert.has_error(function() data.windows(series, { length = 6 }) end)
  end)

  it("take batches from a function", function()
    local dataset = data.from_function(function() local i = 0 return function()
      i = i + 1
      if i <= 2 then return mg.tensor { i } end
    end end)
    assert.same({ 1, 2 }, collect(dataset))
    assert.is_nil(dataset:steps())
  end)

  it("refuse rows that do not agree", function()
    local ok, message = pcall(data.from_tensors, x, mg.zeros(3))
    assert.is_false(ok)
    assert.matches("{3}.*{5, 1}", message)
  end)
end)

describe("pad_sequences", function()
  it("fills and cuts on the sides named, as Keras does", function()
    local list = { { 1, 2 }, { 3, 4, 5 }, {} }
    assert.same({ { 0, 1, 2 }, { 3, 4, 5 }, { 0, 0, 0 } }, mg.utils.pad_sequences(list):to_table())
    assert.same({ { 1, 2 }, { 4, 5 }, { 9, 9 } }, mg.utils.pad_sequences(list, { maxlen = 2, value = 9 }):to_table())
    assert.same({ { 1, 2 }, { 3, 4 }, { 0, 0 } },
      mg.utils.pad_sequences(list, { maxlen = 2, padding = "post", truncating = "post" }):to_table())
  end)
end)

describe("pad_sequences of vectors", function()
  local list = { { { 1, 2 }, { 3, 4 } }, { { 5, 6 } }, { { 7, 8 }, { 9, 1 }, { 2, 3 } } }

  it("fills and cuts along time, as Keras does", function()
    assert.same({ { { 1, 2 }, { 3, 4 } }, { { 9, 9 }, { 5, 6 } }, { { 9, 1 }, { 2, 3 } } },
      mg.utils.pad_sequences(list, { maxlen = 2, value = 9 }):to_table())
    for i, item in ipairs(list) do list[i] = mg.tensor(item) end
    assert.same({ { { 1, 2 }, { 3, 4 } }, { { 5, 6 }, { 9, 9 } }, { { 7, 8 }, { 9, 1 } } }, mg.utils.pad_sequences(list,
      { maxlen = 2, value = 9, padding = "post", truncating = "post", dtype = "float32" }):to_table())
  end)

  it("refuses vectors of different sizes", function()
    assert.has_error(function() mg.utils.pad_sequences { mg.zeros { 2, 3 }, mg.zeros { 2, 4 } } end,
      "pad_sequences: list[2] {2, 4} does not go with list[1] {2, 3}; only the first axis may differ")
  end)
end)

describe("data.path", function()
  it("takes the file given, and says where a missing one comes from", function()
    local file = os.tmpname()
    assert.equal(file, mg.data.path("a/b.npz", "the moon", file))
    os.remove(file)
    local ok, message = pcall(mg.data.path, "a/b.npz", "the moon", file)
    assert.is_false(ok)
    assert.matches("there is no file " .. file .. "; give the path of b.npz, or set MOONGATE_DATA .* comes from the moon", message)
  end)
end)

describe("to_categorical", function()
  it("gives rows with a 1 at the class", function()
    assert.same({ { 1, 0, 0 }, { 0, 0, 1 } }, mg.utils.to_categorical({ 0, 2 }):to_table())
    assert.has_error(function() mg.utils.to_categorical({ 3 }, 3) end)
  end)
end)
