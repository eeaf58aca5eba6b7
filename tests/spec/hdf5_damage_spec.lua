-- Damaged HDF5 files are read or refused, whatever became of them: what crashed libhdf5 1.10.8 or kept it busy for ever by name,
-- and some hundred mutations of files of each kind.
local mg = require "moongate"
local hdf5 = require "moongate.ffi.hdf5"
local where = require "where"

local DATA = where.tests .. "/spec/data/"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function put(text, at, bytes) return text:sub(1, at - 1) .. bytes .. text:sub(at + #bytes) end

-- n as `count` bytes, the lowest first.
local function number(n, count)
  local list = {}
  for i = 1, count do list[i], n = string.char(n % 256), math.floor(n / 256) end
  return table.concat(list)
end

local function value(text, at, count)
  local n = 0
  for i = count - 1, 0, -1 do n = n * 256 + text:byte(at + i) end
  return n
end

local path
local function with_bytes(text, use)
  local out = assert(io.open(path, "wb"))
  out:write(text)
  out:close()
  local file, message = hdf5.open(path)
  if not file then return nil, message end
  local answer, why = use(file)
  file:close()
  return answer, why
end

-- Reads all there is; counts the objects.
local function read_all(file)
  local seen, visit = 0, nil
  function visit(group, depth)
    for _, name in ipairs { "kind", "name", "fixed" } do file:attribute(group, name) end
    local names, groups = file:children(group)
    for _, name in ipairs(names or {}) do
      local below = (group == "/" and "" or group) .. "/" .. name
      seen = seen + 1
      if not groups[name] then
        file:read_numbers(below, 100000)
        file:attribute(below, "kind")
      elseif depth < 12 and seen < 500 then visit(below, depth + 1) end
    end
    return names, groups
  end
  local names, message = visit("/", 1)
  return names and seen, message
end

describe("a damaged file", function()
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  local function small()
    local file = assert(hdf5.create(path))
    assert(file:write_numbers("/a", "float32", { 2 }, { 1, 2 }))
    assert(file:write_numbers("/group/b", "float32", { 2 }, { 3, 4 }))
    file:close()
    return read(path)
  end

  local function refuses(expected, text, use)
    local answer, message = with_bytes(text, use or read_all)
    assert.is_nil(answer)
    assert.matches(expected, message, 1, true)
  end

  it("is refused for what crashed libhdf5 or kept it busy for ever", function()
    local text = small()
    assert.equal(3, with_bytes(text, read_all))
    local heap, list, tree = text:find("HEAP", 1, true), text:find("SNOD", 1, true), text:find("TREE", 1, true)
    local names, free = value(text, heap + 24, 8), value(text, heap + 16, 8)
    refuses("the free list", put(text, names + free + 1, number(free, 8))) -- leads back to itself
    refuses("the free list", put(text, heap + 16, number(2 ^ 40, 8)))
    refuses("the heap of the names", put(text, heap + 24, ("\255"):rep(7) .. "\127")) -- addresses near 2^64
    refuses("the place of its tree", put(text, value(text, 65, 8) + 25, ("\255"):rep(7) .. "\240"))
    refuses("a list of names", put(text, tree + 32, ("\255"):rep(7) .. "\240"))
    refuses("the neighbours in its tree", put(text, tree + 16, number(tree - 1, 8)))
    refuses("the place of an object header", put(text, list + 16, ("\255"):rep(8)))
    local function list_group(file) return file:children("/group") end
    refuses("leads back into itself", put(text, list + 56, number(value(text, 65, 8), 8)), list_group) -- a group in itself
    refuses("truncated file", text:sub(1, -2))
    refuses("not an HDF5 file", text:sub(1, 50))
  end)

  it("is refused for data that are not what their shape or fill value says", function()
    for name, expected in pairs { ["damaged_compact.h5"] = "the size of the data", ["damaged_fill.h5"] = "a fill value" } do
      refuses(expected, read(DATA .. name), function(file) return file:read_numbers("/layers/dense/vars/0", 1e6) end)
    end
  end)

  it("is refused for a list of names that many entries of a tree share", function()
    local text = small()
    local tree, list = text:find("TREE", 1, true), text:find("SNOD", 1, true)
    local child, count = value(text, tree + 32, 8), 32
    assert.equal(list - 1, child)
    local entries = {}
    for i = 1, count do entries[i] = number(0, 8) .. number(child, 8) end
    local shared = put(put(text, tree + 6, number(count, 2)), tree + 24, table.concat(entries))
    refuses("a list of names", shared)
  end)

  -- A generator of its own (Lehmer's of Park and Miller, 1988), so that every run sees the same files.
  it("is read or refused, never a crash", function()
    local state = 2026
    local function draw(n)
      state = state * 16807 % 2147483647
      return state % n
    end
    local function mutate(text)
      local kind, at = draw(8), 1 + draw(#text)
      if kind == 0 then return text:sub(1, at) end
      if kind <= 2 then return put(text, at, ((kind == 1 and "\0" or "\255"):rep(math.min(8 + draw(56), #text - at + 1)))) end
      for _ = 1, 1 + draw(20) do
        repeat at = 1 + draw(#text) until text:byte(at) ~= 0 or draw(8) == 0
        text = put(text, at, string.char(draw(2) == 0 and draw(256) or bit.bxor(text:byte(at), 2 ^ draw(8))))
      end
      return text
    end
    local model = mg.Sequential { mg.layers.Input { 3, 2 }, mg.layers.GRU(4), mg.layers.Dense(1) }
    model:compile { optimizer = "sgd", loss = "mse" }
    model:fit(mg.ones { 4, 3, 2 }, mg.ones { 4, 1 }, { verbose = 0 })
    local ours = path .. ".state.h5"
    model:save_state(ours)
    for _, name in ipairs { ours, DATA .. "keras3.weights.h5", DATA .. "hostile.h5" } do
      local text, read_in_part = read(name), 0
      for _ = 1, 150 do
        local answer, message = with_bytes(mutate(text), read_all)
        assert.is_true(answer ~= nil or type(message) == "string")
        if answer then read_in_part = read_in_part + 1 end
      end
      if name ~= DATA .. "hostile.h5" then assert.is_true(read_in_part > 15) end
    end
    os.remove(ours)
  end)
end)
