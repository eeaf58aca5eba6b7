-- The rules of the house, read from the sources and from the built libraries.
local where = require "where"

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function lines_of(command)
  local pipe, list = assert(io.popen(command)), {}
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function read(path)
  local file = assert(io.open(where.root .. "/" .. path))
  local text = file:read("*a")
  file:close()
  return text
end

-- Our text files below a folder, as paths from the root.
local function files(folder, pattern)
  local list = {}
  for _, path in ipairs(lines_of(("cd %s && find %s -type f | LC_ALL=C sort"):format(quote(where.root), folder))) do
    if path:match(pattern) then list[#list + 1] = path end
  end
  return list
end

local function each_line(paths, visit)
  local offenders = {}
  for _, path in ipairs(paths) do
    local number = 0
    for line in (read(path) .. "\n"):gmatch("(.-)\n") do
      number = number + 1
      local complaint = visit(line, path)
      if complaint then offenders[#offenders + 1] = ("%s:%d: %s"):format(path, number, complaint) end
    end
  end
  return offenders
end

local function nothing_in(offenders)
  assert(#offenders == 0, table.concat(offenders, "\n"))
end

local LUA = files("lua examples", "%.lua$")
local C = files("core", "%.[ch]$")

describe("the rules of the house", function()
  it("ffi is required only where it may be", function()
    nothing_in(each_line(LUA, function(line, path)
      local room = path:match("^lua/moongate/(.*)$") or path
      local may = room:match("^ffi/") or room:match("^ops/") or room:match("^tensor[%w_]*%.lua$") or room == "memory.lua"
      return not may and line:match("require%s*%(?%s*[\"']ffi[\"']") and "requires ffi"
    end))
  end)

  it("C is called from ffi, ops and the tensor's rooms alone", function()
    nothing_in(each_line(LUA, function(line, path)
      local room = path:match("^lua/moongate/(.*)$") or path
      local may = room:match("^ffi/") or room:match("^ops/") or room:match("^tensor[%w_]*%.lua$") or room == "memory.lua"
      return not may and line:match("moongate%.ffi%.core") and "goes past ops"
    end))
  end)

  it("no layer knows a file format", function()
    nothing_in(each_line(LUA, function(line, path)
      local below = path:match("^lua/moongate/layers/") or path:match("^lua/moongate/ops/")
      return below and line:match("moongate%.files") and "requires files"
    end))
  end)

  it("no device or instruction-set switch in op_*.c", function()
    nothing_in(each_line(files("core", "/op_[%w_]+%.c$"), function(line)
      local word = line:match("MG_CPU%f[^%w_]") or line:match("MG_CUDA") or line:match("mg_cpu_[%w_]+") or line:match("__AVX%w*")
        or line:lower():match("%f[%w]avx%w*") or line:lower():match("%f[%w]amx%f[^%w]")
      return word and "mentions " .. word
    end))
  end)

  it("C includes only downward", function()
    nothing_in(each_line(C, function(line, path)
      local included = line:match('^%s*#%s*include%s+"([^"]+)"')
      if not included then return end
      if path == "core/moongate.h" then return "the public header stands alone" end
      local inside_cpu = path:match("^core/cpu/")
      local up = inside_cpu and (included:match("op_") or included:match("%.%./.*/"))
      -- the runtime reports the instruction set; nothing else above the seam sees the rooms below
      local past_the_seam = not inside_cpu and included:match("/") and not (path == "core/runtime.c" and included == "cpu/isa.h")
      local op_header = included:match("^op_") and not path:match("^core/op_")
      return (up or past_the_seam or op_header) and "includes " .. included
    end))
  end)

  it("lines of C have at most 132 columns", function() -- luacheck counts those of Lua
    nothing_in(each_line(files("core tests cuda 2>/dev/null", "%.[ch]u?h?$"), function(line)
      local columns = #line:gsub("[\128-\191]", "") -- bytes that continue a character
      return columns > 132 and ("%d columns"):format(columns)
    end))
  end)

  it("files have at most 300 lines", function()
    local offenders = {}
    for _, path in ipairs(files("core lua tests examples cuda 2>/dev/null", "%.[chl][uap]?[a]?$")) do
      local _, count = read(path):gsub("\n", "")
      local limit = path == "core/moongate.h" and 400 or 300
      local generated = path:match("ffi/cdef%.lua$")
      if count > limit and not generated then offenders[#offenders + 1] = ("%s: %d lines"):format(path, count) end
    end
    nothing_in(offenders)
  end)

  -- From a line that opens a function to the `end` at its indentation; named functions inside are counted apart,
  -- comments not at all.
  it("functions in Lua have at most 40 lines", function()
    local open, current
    nothing_in(each_line(LUA, function(line, path)
      if current ~= path then open, current = {}, path end
      local indent = #line:match("^%s*")
      line = line:gsub('"[^"]*"', '""'):gsub("%-%-.*$", "")
      local counts = line:match("%S") and not line:match("^%s*function .*%f[%w_]end%s*$")
      for _, f in ipairs(open) do f.lines = f.lines + (counts and 1 or 0) end
      local top = open[#open]
      if top and indent == top.indent and line:match("^%s*end%f[^%w_]") then
        table.remove(open)
        if top.named then
          for _, f in ipairs(open) do f.lines = f.lines - top.lines end
        end
        if top.lines > 40 then return ("a function of %d lines ends here"):format(top.lines) end
      elseif line:match("%f[%w_]function%f[^%w_]") and not line:match("%f[%w_]end%f[^%w_]") then
        open[#open + 1] = { indent = indent, lines = 1, named = line:match("^%s*function ") or line:match("^%s*local function ") }
      end
    end))
  end)

  it("no function is defined twice in a file", function()
    local current, seen
    nothing_in(each_line(LUA, function(line, path)
      if current ~= path then current, seen = path, {} end
      local name = line:match("^function ([%w_%.:]+)")
      local twice = name and seen[name]
      if name then seen[name] = true end
      return twice and "defines " .. name .. " again"
    end))
  end)

  it("functions in C have at most 40 lines", function()
    local start, current, number
    nothing_in(each_line(C, function(line, path)
      if current ~= path then start, current, number = nil, path, 0 end
      number = number + 1
      local body = line:match("^[%a_].*%)%s*{$") or line == "{"
      if body then start = start or number end
      if line:match("^}") and start then
        local length = number - start + 1
        start = nil
        if length > 40 then return ("a function of %d lines ends here"):format(length) end
      end
    end))
  end)

  it("says what it does instead of what it leaves open, and names no machine", function()
    local words = { "TO" .. "DO", "FIX" .. "ME", "XX" .. "X", "HA" .. "CK", "place" .. "holder", "/work" .. "/", "/home" .. "/",
      "%.%./sh" .. "ared" }
    local texts = files("core lua tests examples cuda rockspec CMakeLists.txt README.md CHANGELOG.md 2>/dev/null", "^.*$")
    nothing_in(each_line(texts, function(line, path)
      if path:match("%.json$") or path:match("%.h5$") or path:match("%.npy$") then return end
      for _, word in ipairs(words) do
        if line:find("%f[%w]" .. word) or (not word:match("^%a") and line:find(word)) then return "says " .. word end
      end
    end))
  end)
end)

-- ---- The libraries ------------------------------------------------------------------------------------------------------

local function declared()
  local core, hdf5, zip = {}, {}, {}
  local headers = read "core/moongate.h" .. read "core/moongate_streams.h" .. read "core/moongate_files.h"
  for name in headers:gmatch("\nMG_API[^;]-%f[%w_](mg_[%w_]+)%(") do
    local list = name:match("^mg_hdf5_") and hdf5 or name:match("^mg_zip_") and zip or core
    list[#list + 1] = name
  end
  table.sort(core)
  table.sort(hdf5)
  table.sort(zip)
  return core, hdf5, zip
end

local function exported(library)
  local names = {}
  for _, line in ipairs(lines_of("nm -D --defined-only " .. quote(where.build .. "/moongate/" .. library) .. " 2>&1")) do
    -- gcov and the sanitizers add their own
    local name = line:match("%s[A-Za-z]%s+(%S+)$")
    if name and not name:match("^_") and not name:match("san_") then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local function minus(a, b)
  local set, rest = {}, {}
  for _, name in ipairs(b) do set[name] = true end
  for _, name in ipairs(a) do
    if not set[name] then rest[#rest + 1] = name end
  end
  return table.concat(rest, " ")
end

local function same_names(expected, found)
  assert(#expected > 0)
  assert.equal("", minus(expected, found), "declared, not exported")
  assert.equal("", minus(found, expected), "exported, not declared")
end

describe("the libraries", function()
  it("core.so exports the functions of moongate.h and moongate_streams.h and nothing else", function()
    same_names(declared(), exported("core.so"))
  end)

  it("hdf5.so exports the mg_hdf5 functions of moongate_files.h and nothing else", function()
    same_names(select(2, declared()), exported("hdf5.so"))
  end)

  it("zip.so exports the mg_zip functions of moongate_files.h and nothing else", function()
    same_names(select(3, declared()), exported("zip.so"))
  end)

  it("cdef.lua is the headers'", function()
    local fresh = os.tmpname()
    local command = ("cmake -DIN=%s -DOUT=%s -P %s"):format(quote(where.root .. "/core"), quote(fresh),
      quote(where.root .. "/core/cdef.cmake"))
    assert.equal(0, os.execute(command))
    local file = assert(io.open(fresh))
    local text = file:read("*a")
    file:close()
    os.remove(fresh)
    assert.equal(text, read("lua/moongate/ffi/cdef.lua"))
  end)
end)
