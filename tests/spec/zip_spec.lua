-- Zip archives and .npz: what is written comes back, NumPy's files are read, and what claims more than it holds is refused.
local damage = require "damage"
local ffi = require "ffi"
local mg = require "moongate"
local zip = require "moongate.ffi.zip"
local where = require "where"

local number, put = damage.number, damage.put

local path
local function read()
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function write(text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local function make(entries)
  local archive = assert(zip.create(path))
  for _, entry in ipairs(entries) do assert(archive:add(entry[1], entry[2], nil, entry[3])) end
  assert(archive:close())
end

-- Opens and reads all; nil and why not.
local function read_all()
  local archive, message = zip.open(path)
  if not archive then return nil, message end
  local texts = {}
  for _, name in ipairs(archive.names) do
    texts[name], message = archive:text(name, 1e6)
    if not texts[name] then
      archive:discard()
      return nil, message
    end
  end
  archive:discard()
  return texts
end

local function refuses(expected)
  local texts, message = read_all()
  assert.is_nil(texts)
  assert.matches(expected, message, 1, true)
end

describe("a zip archive", function()
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  it("gives back what was written, stored or packed, in order", function()
    local long = ("abc"):rep(10000)
    make { { "b.txt", "first\0second" }, { "a/long", long, true }, { "empty", "" } }
    assert.is_true(#read() < 2000)
    local archive = assert(zip.open(path))
    assert.same({ "b.txt", "a/long", "empty" }, archive.names)
    assert.equal(30000, archive.entries["a/long"].bytes)
    archive:discard()
    assert.same({ ["b.txt"] = "first\0second", ["a/long"] = long, empty = "" }, read_all())
  end)

  it("is refused where it is damaged or claims what it does not hold", function()
    make { { "a", "content" }, { "b", ("x"):rep(5000), true } }
    local text = read()
    local second = text:find("PK\1\2", text:find("PK\1\2", 1, true) + 1, true)
    write(text:sub(1, -2))
    refuses("cannot read")
    write(put(text, text:find("content", 1, true), "CONTENT"))
    refuses('"a": CRC error')
    write(put(text, second + 24, number(2 ^ 31, 4))) -- its size
    refuses("")
    write(put(text, second + 20, number(2 ^ 31, 4))) -- its packed size
    refuses("")
    write(put(text, second + 10, number(12, 2))) -- bzip2
    refuses("")
    write(put(text, second + 46, "a")) -- the name of the first
    refuses("")
    write("PK")
    refuses("cannot read")
    os.remove(path)
    refuses("No such file")
  end)

  it("that would unpack to hundreds of times its size is refused before memory is reserved", function()
    local list, state = {}, 7 -- bytes that do not pack; Lehmer's generator of Park and Miller, 1988
    for i = 1, 600000 do
      state = state * 16807 % 2147483647
      list[i] = string.char(bit.rshift(state, 8) % 256)
    end
    make { { "a", table.concat(list), true } }
    local text = read()
    local at = text:find("PK\1\2", 1, true)
    text = put(put(text, at + 24, number(2 ^ 29, 4)), 23, number(2 ^ 29, 4))
    write(text)
    refuses("would unpack to more than 200 times their size")
  end)

  it("reads an entry into memory of its size alone", function()
    make { { "a", "content" } }
    local archive = assert(zip.open(path))
    local data = ffi.new("uint8_t[8]")
    for _, bytes in ipairs { -1, 0, 6, 8 } do
      local done, message = archive:read("a", data, bytes)
      assert.is_nil(done)
      assert.matches("has 7 bytes", message, 1, true)
    end
    assert.is_true(archive:read("a", data, 7))
    assert.matches("no entry", select(2, archive:read("b", data, 7)), 1, true)
    assert.matches("6 at most", select(2, archive:text("a", 6)), 1, true)
    assert.matches("open for writing", select(2, archive:add("c", "d")), 1, true)
    archive:discard()
    local nowhere = zip.create("/nowhere/x.zip")
    assert(nowhere:add("a", "b"))
    assert.matches("cannot write", select(2, nowhere:close()), 1, true)
  end)
end)

describe("an .npz file", function()
  before_each(function() path = os.tmpname() .. ".npz" end)
  after_each(function()
    os.remove(path)
    os.remove((path:gsub("%.npz$", "")))
  end)

  -- numpy 2.3: savez_compressed(a=arange(6, dtype='f4').reshape(2, 3), b=array([True, False]), c=array(2.5),
  -- d=asfortranarray(arange(4).reshape(2, 2)), e=zeros((0, 3), 'u1'))
  it("of NumPy is read, compressed too", function()
    local arrays = assert(mg.data.npz.load(where.tests .. "/spec/data/numpy.npz"))
    assert.same({ { 0, 1, 2 }, { 3, 4, 5 } }, arrays.a:to_table())
    assert.same({ 1, 0 }, arrays.b:to_table())
    assert.equal("uint8", arrays.b.dtype)
    assert.equal(2.5, arrays.c:item())
    assert.same({ { 0, 1 }, { 2, 3 } }, arrays.d:to_table())
    assert.equal("{0, 3}", tostring(arrays.e.shape))
  end)

  it("gives back tensors of every dtype, views among them", function()
    local x = mg.tensor { { 1, 2, 3 }, { 4, 5, 6 } }
    for _, compressed in ipairs { false, true } do
      assert(mg.data.npz.save(path, { x = x, ["layers/t"] = x:t(), i = mg.arange(3, { dtype = "int32" }),
        d = mg.full({}, 0.5, { dtype = "float64" }) }, { compressed = compressed }))
      local arrays = assert(mg.data.npz.load(path))
      assert.same({ { 1, 4 }, { 2, 5 }, { 3, 6 } }, arrays["layers/t"]:to_table())
      assert.same({ 0, 1, 2 }, arrays.i:to_table())
      assert.equal("float64", arrays.d.dtype)
      assert.same(x:to_table(), arrays.x:to_table())
    end
  end)

  it("is what mg.save and mg.load know by its ending, beside .npy", function()
    mg.save(path, { x = mg.ones(2) }, { compressed = true })
    assert.same({ 1, 1 }, mg.load(path).x:to_table())
    local single = path:gsub("z$", "y")
    mg.save(single, mg.ones(3))
    assert.same({ 1, 1, 1 }, mg.load(single):to_table())
    os.remove(single)
    for name, expected in pairs { ["x.txt"] = "must end in .npy or .npz", ["/nowhere/x.npz"] = "No such file" } do
      local ok, message = pcall(mg.load, name)
      assert.is_false(ok)
      assert.matches(expected, message, 1, true)
    end
    local ok, message = pcall(mg.save, path, { x = 1 })
    assert.is_false(ok)
    assert.matches("arrays.x is 1, expected a tensor", message, 1, true)
  end)

  it("with what is no array, or is damaged, is refused by name", function()
    make { { "a.npy", "no array" } }
    local arrays, message = mg.data.npz.load(path)
    assert.is_nil(arrays)
    assert.matches("a.npy: it is no .npy file", message, 1, true)
    make { { "readme.txt", "text" } }
    assert.matches('"readme.txt" in it is no .npy file', select(2, mg.data.npz.load(path)), 1, true)
    assert(mg.data.npz.save(path, { a = mg.ones(4) }))
    local text = read()
    write(put(text, text:find("(4,)", 1, true), "(9,)"))
    assert.matches("CRC error", select(2, mg.data.npz.load(path)), 1, true)
  end)

  local function model_of(units)
    local model = mg.Sequential { mg.layers.Input { 4, 2 }, mg.layers.GRU(units or 3, { dropout = 0.5 }), mg.layers.Dense(2) }
    return model
  end

  it("refuses one tensor for a table of them", function()
    local ok, reason = pcall(mg.save, path, mg.ones(2))
    assert.is_false(ok)
    assert.matches("argument arrays is tensor {2} float32, expected a table of tensors by name", reason, 1, true)
  end)

  it("keeps a model's weights under the names of .weights.h5, or in order as np.savez has lists", function()
    local model, other = model_of(), model_of()
    model:save_weights(path)
    local arrays = assert(mg.data.npz.load(path))
    assert.same(model.weights[2]:to_table(), arrays["layers/gru/cell/vars/1"]:to_table())
    other:load_weights(path)
    assert.same(model.weights[5]:to_table(), other.weights[5]:to_table())
    local list = {}
    for i, value in ipairs(model:get_weights()) do list[("arr_%d"):format(i - 1)] = value end
    assert(mg.data.npz.save(path, list))
    other = model_of()
    other:load_weights(path)
    assert.same(model.weights[3]:to_table(), other.weights[3]:to_table())
    local ok, reason = pcall(other.load_weights, model_of(5), path)
    assert.is_false(ok)
    assert.matches("arr_0", reason, 1, true)
    list.arr_9 = mg.ones(1)
    assert(mg.data.npz.save(path, list))
    ok, reason = pcall(other.load_weights, other, path)
    assert.is_false(ok)
    assert.matches("arr_9 is in the file, and the model has no such variable", reason, 1, true)
  end)
end)
