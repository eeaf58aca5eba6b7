-- NumPy's files: bytes that NumPy 2.4.6 wrote, and headers that want more than data.
local npy = require "moongate.data.npy"
local create = require "moongate.tensor_create"

local function header(text, version)
  local length = #text
  if version == 1 then return "\147NUMPY\1\0" .. string.char(length % 256, math.floor(length / 256)) .. text end
  return "\147NUMPY" .. string.char(version) .. "\0" .. string.char(length % 256, math.floor(length / 256), 0, 0) .. text
end

local function dictionary(descr, order, shape)
  return ("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }"):format(descr, order, shape)
end

-- np.save of np.array([[1, 2, 3], [4, 5, 6]], "<f4")
local SAVED = "\147NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }" .. (" "):rep(58) .. "\n"
  .. "\0\0\128\63\0\0\0\64\0\0\64\64\0\0\128\64\0\0\160\64\0\0\192\64"

describe("npy", function()
  local path
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  local function load(bytes)
    local file = assert(io.open(path, "wb"))
    file:write(bytes)
    file:close()
    return npy.load(path)
  end
  local function saved(value)
    assert(npy.save(path, value))
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
  end

  it("reads what NumPy wrote", function()
    local x = assert(load(SAVED))
    assert.equal("float32", x.dtype)
    assert.same({ { 1, 2, 3 }, { 4, 5, 6 } }, x:to_table())
  end)

  it("reads every type", function()
    local rows = {
      { "<f8", "\0\0\0\0\0\0\4\64\0\0\0\0\0\0\240\191", "float64", { 2.5, -1 } },
      { "<i4", "\254\255\255\255\7\0\0\0", "int32", { -2, 7 } },
      { "<i8", "\254\255\255\255\255\255\255\255\7\0\0\0\0\0\0\0", "int32", { -2, 7 } },
      { "|u1", "\255\3", "uint8", { 255, 3 } }, { "|b1", "\1\0", "uint8", { 1, 0 } },
    }
    for _, row in ipairs(rows) do
      for version = 1, 3 do
        local x = assert(load(header(dictionary(row[1], "False", "(2,)"), version) .. row[2]))
        assert.equal(row[3], x.dtype)
        assert.same(row[4], x:to_table())
      end
    end
  end)

  it("turns Fortran order round", function()
    local x = assert(load(header(dictionary("|u1", "True", "(2, 3)"), 1) .. "\1\4\2\5\3\6"))
    assert.same({ { 1, 2, 3 }, { 4, 5, 6 } }, x:to_table())
    assert.is_true(x:is_contiguous())
  end)

  it("reads scalars, long sizes and empty arrays", function()
    assert.equal(9, assert(load(header(dictionary("|u1", "False", "()"), 1) .. "\9")):item())
    assert.same({ 2, 1 }, { load(header(dictionary("|u1", "False", "(2L, 1L)"), 1) .. "\9\8").shape[1], 1 })
    local empty = assert(load(header(dictionary("<f4", "False", "(0, 5)"), 1)))
    assert.same({ 0, 5 }, { empty.shape[1], empty.shape[2] })
  end)

  it("writes NumPy's own bytes", function()
    assert.equal(SAVED, saved(create.tensor({ { 1, 2, 3 }, { 4, 5, 6 } })))
    local turned = create.tensor({ { 1, 4 }, { 2, 5 }, { 3, 6 } }):permute({ 2, 1 })
    assert.equal(SAVED, saved(turned))
    assert.matches("'shape': (3,), }", saved(create.tensor({ 1, 2, 3 })), 1, true)
    assert.matches("'descr': '<f8', 'fortran_order': False, 'shape': ()", saved(create.tensor(2.5, { dtype = "float64" })), 1, true)
    assert.equal(192, #saved(create.tensor({ 1, 2, 3, 4, 5, 6, 7, 8 }, { dtype = "float64" })))
  end)

  it("gives back large arrays", function()
    local n = 300001
    local x = create.arange(n, { dtype = "int32" })
    assert(npy.save(path, x))
    local list = assert(npy.load(path)):to_flat_table()
    assert.same({ n, 0, 262144, n - 1 }, { #list, list[1], list[262145], list[n] })
  end)

  it("runs no header and believes none", function()
    local rows = {
      { "hello", "no .npy" }, { "", "no .npy" }, { SAVED:sub(1, 60), "cut short" }, { SAVED:sub(1, -2), "claims 24 bytes" },
      { "\147NUMPY\9\0v\0", "version 9" }, { "\147NUMPY\2\0\255\255\255\255", "header claims" },
      { header("os.exit(3)", 1), "no dictionary" }, { header("{}", 1), "lacks" },
      { header(dictionary("|O", "False", "(1,)"), 1), "astype" }, { header(dictionary(">f4", "False", "(1,)"), 1), "astype" },
      { header(dictionary("<f4", "False or True", "(1,)"), 1), "cut short" },
      { header(dictionary("<f4", "maybe", "(1,)"), 1), "lacks" }, { header(dictionary("<f4", "False", "(3)"), 1), "shape" },
      { header(dictionary("<f4", "False", "(-1,)"), 1), "shape" }, { header(dictionary("<f4", "False", "(1,,2)"), 1), "shape" },
      { header(dictionary("<f4", "False", "(1,1,1,1,1,1,1,1,1)"), 1), "shape" },
      { header(dictionary("<f4", "False", "(99999999, 99999999)"), 1), "shape" },
      { header(dictionary("<f4", "False", "(4000000000,)"), 1) .. "abcd", "claims" },
      { header(dictionary("<i8", "False", "(1,)"), 1) .. "\0\0\0\0\1\0\0\0", "4294967296" },
    }
    for i, row in ipairs(rows) do
      local x, message = load(row[1])
      if i == 11 then
        assert.is_nil(x)
      else
        assert.is_nil(x, row[1])
        assert.matches(row[2], message, 1, true)
      end
    end
    local x, message = npy.load("/nowhere/x.npy")
    assert.is_nil(x)
    assert.matches("No such file", message, 1, true)
    assert.has_error(function() npy.load(7) end)
    assert.has_error(function() npy.save(path, { 1 }) end)
  end)
end)
