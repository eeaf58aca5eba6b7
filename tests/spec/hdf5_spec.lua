-- The HDF5 binding: what is written comes back, what h5py wrote is read, what is hostile is refused by name.
local ffi = require "ffi"
local hdf5 = require "moongate.ffi.hdf5"
local legacy = require "moongate.files.legacy"
local where = require "where"

local DATA = where.tests .. "/spec/data/"

describe("an HDF5 file", function()
  local path
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  it("gives back what was written", function()
    local file = assert(hdf5.create(path))
    assert(file:write_numbers("/a/b/numbers", "float32", { 2, 3 }, { 1, 2.5, -3, 4, 5, 6 }))
    assert(file:write_numbers("/a/scalar", "int64", {}, { -2 ^ 40 }))
    assert(file:write_numbers("/a/pair", "uint32", { 2 }, { 2 ^ 32 - 1, 7 }))
    assert(file:write_numbers("/a/nothing", "float64", { 0, 4 }, {}))
    assert(file:write_bytes("/a/text", "ab\0c"))
    assert(file:make_group("/a/group/inner"))
    assert(file:set_attribute("/a/group", "name", "größe"))
    assert(file:set_attribute("/a/group", "name", "changed"))
    assert(file:set_attribute("/a", "name", "größe"))
    assert(file:set_attribute("/a", "empty", ""))
    assert(file:set_attribute("/a", "long", ("long"):rep(50000)))
    assert(file:set_texts("/a", "few", { "one", "", "three" }))
    local many = {}
    for i = 1, 5000 do many[i] = ("layer_with_a_name_%d"):format(i) end
    assert(file:set_texts("/a", "many", many))
    assert(file:close())

    file = assert(hdf5.open(path))
    local names, groups = file:children("/a")
    assert.same({ "b", "group", "nothing", "numbers" }, { names[1], names[2], names[3], file:children("/a/b")[1] })
    assert.is_true(groups.b)
    assert.is_false(groups.scalar)
    assert.same({ "float32", { 2, 3 } }, { file:shape("/a/b/numbers") })
    assert.same({ 1, 2.5, -3, 4, 5, 6 }, file:read_numbers("/a/b/numbers", 6))
    assert.same({ -2 ^ 40 }, file:read_numbers("/a/scalar", 1))
    assert.same({ "uint32", { 2 } }, { file:shape("/a/pair") })
    assert.same({ 2 ^ 32 - 1, 7 }, file:read_numbers("/a/pair", 2))
    assert.same({ "float64", { 0, 4 } }, { file:shape("/a/nothing") })
    assert.equal("ab\0c", file:read_bytes("/a/text"))
    assert.equal("changed", file:attribute("/a/group", "name"))
    assert.equal("größe", file:attribute("/a", "name"))
    assert.equal("", file:attribute("/a", "empty"))
    assert.equal(("long"):rep(50000), file:attribute("/a", "long"))
    assert.same({ "one", "", "three" }, file:texts("/a", "few"))
    assert.same(many, legacy.texts(file, "/a", "many"))
    assert(file:close())
  end)

  it("converts to the dtype it is read as", function()
    local file = assert(hdf5.open(DATA .. "hostile.h5"))
    local doubles = ffi.new("double[6]")
    assert(file:read("/good", "float64", doubles, 48))
    assert.equal(5, doubles[5])
    assert(file:close())
  end)

  it("in memory is another than any that is open already", function()
    local images = {}
    for i = 1, 2 do -- neither is closed before the end
      local file = assert(hdf5.create_image())
      assert(file:write_numbers("/n", "int32", { 1 }, { i }))
      local bytes = assert(file:image())
      local data = ffi.new("uint8_t[?]", bytes)
      assert.equal(bytes, file:image(data, bytes))
      images[i] = { made = file, data = data, read = assert(hdf5.open_image(data, bytes)) }
    end
    for i, image in ipairs(images) do
      assert.same({ i }, image.read:read_numbers("/n", 1))
      assert.is_true(image.read:close() and image.made:close())
    end
  end)

  it("says what is wrong with a path, a name or a size", function()
    local file = assert(hdf5.create(path))
    local function fails(text, ok, message)
      assert.is_nil(ok)
      assert.matches(text, message, 1, true)
    end
    fails("begin with /", file:make_group("a"))
    fails("empty, too long", file:make_group("/a//b"))
    fails("no name at its end", file:write_numbers("/a/", "float32", {}, { 1 }))
    fails("too long", file:make_group("/" .. ("x"):rep(2000)))
    fails("size -1 of axis 0", file:write_numbers("/x", "float32", { -1 }, {}))
    fails("9 dimensions", file:write_numbers("/x", "float32", { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, { 1 }))
    fails("1 texts of 70000 bytes", file:set_texts("/", "long", { ("x"):rep(70000) }))
    -- Of a failure of libhdf5 its own words are told: name and text together are more than an object header holds.
    fails("of /: object header message is too large", file:set_texts("/", ("n"):rep(8000), { ("x"):rep(60000) }))
    assert(file:write_numbers("/x", "float32", {}, { 1 }))
    fails("there already", file:write_numbers("/x", "float32", {}, { 1 }))
    fails("not a group", file:make_group("/x"))
    fails("not a dataset", file:shape("/"))
    fails("no /y", file:shape("/y"))
    fails("open for writing", file:attribute("/x", "z"))
    fails("4 bytes, memory is for 8", file:read("/x", "float32", ffi.new("float[2]"), 8))
    assert(file:close())
    assert.is_nil(file.handle)
    file = assert(hdf5.open(path))
    fails("open for reading", file:make_group("/new"))
    fails("no attribute z", file:attribute("/x", "z"))
    assert(file:close())
  end)

  it("reports files that are missing, folders and texts", function()
    local function fails(text, name)
      local file, message = hdf5.open(name)
      assert.is_nil(file)
      assert.matches(text, message, 1, true)
    end
    fails("No such file", "/nowhere/x.h5")
    fails("not a regular file", where.tests)
    fails("not an HDF5 file", where.tests .. "/run.lua")
    local file, message = hdf5.create("/nowhere/x.h5")
    assert.is_nil(file)
    assert.matches("cannot create /nowhere/x.h5", message, 1, true)
  end)
end)

describe("a file by h5py", function()
  local file
  before_each(function() file = assert(hdf5.open(DATA .. "hostile.h5")) end)
  after_each(function() file:close() end)

  it("is read in every number format", function()
    local expected = {
      ["/good"] = { "float32", { 0, 1, 2, 3, 4, 5 } }, ["/big_endian"] = { "int32", { 1, -2, 70000 } },
      ["/half"] = { "float32", { 0.5, -2 } }, ["/short"] = { "int32", { -7, 300 } }, ["/flags"] = { "uint8", { 1, 0, 1 } },
      ["/unsigned64"] = { "int64", { 3, 5 } }, ["/group/inner"] = { "float32", { 4.5 } },
    }
    for path, row in pairs(expected) do
      assert.equal(row[1], (file:shape(path)))
      assert.same(row[2], file:read_numbers(path, 6))
    end
  end)

  it("gives texts of fixed and of variable length, one or a list of them", function()
    assert.equal("fixed text", file:attribute("/group", "fixed"))
    assert.equal("größe", file:attribute("/group", "variable"))
    for name, expected in pairs { list = "not one text", number = "not text" } do
      local text, message = file:attribute("/group", name)
      assert.is_nil(text)
      assert.matches(expected, message, 1, true)
    end
  end)

  it("is refused where it leads elsewhere or claims what it does not hold", function()
    local expected = {
      ["/links/soft"] = "may not hold links", ["/outside/other"] = "no model file has", ["/external"] = "in other files",
      ["/bomb"] = "the file holds only 0", ["/overflow"] = "more elements than fit", ["/nine"] = "9 dimensions",
      ["/compound"] = "no place here", ["/none"] = "dimensions", ["/packed"] = "h5repack", ["/chunked"] = "h5repack -l CONTI",
    }
    for path, text in pairs(expected) do
      local dtype, message = file:shape(path)
      assert.is_nil(dtype)
      assert.matches(text, message, 1, true)
    end
    assert.equal("string", (file:shape("/text")))
    assert.is_nil((file:read("/text", "uint8", ffi.new("uint8_t[5]"), 5)))
    local names, message = file:children("/links")
    assert.is_nil(names)
    assert.matches("is a link", message, 1, true)
  end)

  it("is refused in a format that Keras does not write", function()
    local virtual, message = hdf5.open(DATA .. "virtual.h5")
    assert.is_nil(virtual)
    assert.matches('libver="earliest"', message, 1, true)
  end)

  -- Every length and every flipped byte of the structures at the front: an answer or a message, never a crash.
  it("is read or refused, whatever became of it", function()
    local source = assert(io.open(DATA .. "hostile.h5", "rb"))
    local text = source:read("*a")
    source:close()
    local path = os.tmpname()
    local function try(bytes)
      local out = assert(io.open(path, "wb"))
      out:write(bytes)
      out:close()
      local broken, message = hdf5.open(path)
      if not broken then return assert.is_string(message) end
      for _, name in ipairs { "/good", "/packed", "/group/inner", "/big_endian" } do
        local list, reason = broken:read_numbers(name, 1000)
        assert.is_true(list ~= nil or type(reason) == "string")
      end
      broken:close()
    end
    for length = 0, #text, 997 do try(text:sub(1, length)) end
    for at = 1, 3000, 41 do try(text:sub(1, at - 1) .. string.char((text:byte(at) + 129) % 256) .. text:sub(at + 1)) end
    os.remove(path)
  end)
end)
