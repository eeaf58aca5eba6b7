-- The generated declarations are those of the headers, and LuaJIT lays every struct out as the C compiler does.
local ffi = require "ffi"
local where = require "where"
local cdef = require "moongate.ffi.cdef"

if not pcall(ffi.typeof, "mg_rnn_args") then ffi.cdef(cdef) end

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

-- name -> number, as layout.c prints them: "STRUCT size" and "STRUCT.FIELD offset"
local function layout_of_compiler()
  local pipe = assert(io.popen("env -u LD_PRELOAD " .. quote(where.build .. "/tests/c/layout")))
  local result = {}
  for line in pipe:lines() do
    local name, number = line:match("^(%S+) (%d+)$")
    result[name] = tonumber(number)
  end
  pipe:close()
  return result
end

-- struct name -> list of its fields, from the declarations' text
local function structs_of_cdef()
  local text, result = cdef:gsub("/%*.-%*/", ""), {}
  for name, body in text:gmatch("typedef struct [%w_]+ (%b{}) ([%w_]+);") do
    name, body = body, name
    result[name] = {}
    for declaration in body:sub(2, -2):gmatch("[^;]+;") do
      for part in declaration:gsub("%[[%w_]*%]", ""):gmatch("[^,;]+[,;]") do
        table.insert(result[name], part:match("([%w_]+)%s*[,;]$"))
      end
    end
  end
  return result
end

describe("cdef", function()
  it("is what core/cdef.cmake makes of the headers now", function()
    local fresh = os.tmpname()
    local command = ("cmake -DIN=%s -DOUT=%s -P %s"):format(quote(where.root .. "/core"), quote(fresh),
      quote(where.root .. "/core/cdef.cmake"))
    os.remove(fresh)
    assert.equal(0, os.execute(command))
    local text = read(fresh)
    os.remove(fresh)
    assert.equal(text, read(where.root .. "/lua/moongate/ffi/cdef.lua"))
    assert.is_nil(text:find("MG_API", 1, true))
  end)

  local compiler, structs = layout_of_compiler(), structs_of_cdef()

  it("has the structs that take arguments and give information", function()
    local known = { "mg_rnn_args", "mg_optimizer_args", "mg_activation", "mg_random_key", "mg_runtime_info", "mg_plan" }
    for _, name in ipairs(known) do assert.is_table(structs[name], name) end
    assert.equal(29, #structs.mg_rnn_args)
  end)

  for name, fields in pairs(structs) do
    it("lays out " .. name .. " as the compiler does", function()
      assert.equal(compiler[name], tonumber(ffi.sizeof(name)))
      for _, field in ipairs(fields) do
        local key = name .. "." .. field
        assert(compiler[key], key .. " is missing in tests/c/layout.c")
        assert.equal(compiler[key], (ffi.offsetof(name, field)), key)
      end
    end)
  end
end)
