-- Damaged HDF5 files are read or refused, whatever became of them: what crashed libhdf5 1.10.8 or kept it busy for ever by name,
-- and some hundred mutations of files of each kind.
local mg = require "moongate"
local damage = require "damage"
local hdf5 = require "moongate.ffi.hdf5"
local where = require "where"

local DATA = where.tests .. "/spec/data/"
local number, put = damage.number, damage.put

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
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

  it("is refused for heaps of texts whose sizes lead out of them or round in them", function()
    local text = read(DATA .. "hostile.h5")
    local heap = text:find("GCOL", 1, true) -- 16 bytes, then objects: number, references, 4 bytes, size; text
    local function texts(file) return file:texts("/group", "variable") end
    assert.same({ "größe" }, with_bytes(text, texts))
    local second = heap + 16 + 16 + 8 -- the object of that text
    refuses("the place of a heap", put(text, heap, "GCOX"), texts)
    refuses("the size of a heap", put(text, heap + 8, number(2 ^ 40, 8)), texts)
    refuses("the size of a heap", put(text, heap + 8, number(15, 8)), texts)
    refuses("an object in a heap", put(text, second + 8, number(5000, 8)), texts)
    refuses("an object in a heap", put(text, second + 8, ("\255"):rep(8)), texts)
    refuses("an object in a heap", put(text, heap + 24, number(2 ^ 63, 8)), texts)
    refuses("an object in a heap", put(text, second, number(1, 2)), texts) -- two of one number
    refuses("a text that is not in its heap", put(text, second, number(9, 2)), texts)
    refuses("a text that is not in its heap", put(text, second + 8, number(6, 8)), texts)
    local cut = put(text, second, number(0, 2)) -- the room that is left: objects behind it are none
    refuses("a text that is not in its heap", cut, texts)
    local list = assert(hdf5.open(DATA .. "tf2_cudnn.h5"))
    assert.same({ "cu_dnngru", "cu_dnnlstm" }, list:texts("/model_weights", "layer_names"))
    list:close()
  end)

  it("is refused for groups that more than one name leads to", function()
    local model = mg.Sequential { mg.layers.Input { 2 }, mg.layers.Dense(2), mg.layers.Dense(2) }
    local ours = path .. ".weights.h5"
    model:save_weights(ours)
    local text, linked = read(ours), false
    for list in text:gmatch "()SNOD" do
      if value(text, list + 6, 2) == 2 then -- the second name gets the first one's object
        local out = assert(io.open(ours, "wb"))
        out:write(put(text, list + 56, number(value(text, list + 16, 8), 8)))
        out:close()
        local ok, message = pcall(model.load_weights, model, ours)
        assert.is_false(ok)
        linked = linked or message:find("is the same group as", 1, true) ~= nil
      end
    end
    os.remove(ours)
    assert.is_true(linked)
  end)

  it("is read or refused, never a crash", function()
    local mutate = damage.mutations(2026)
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
