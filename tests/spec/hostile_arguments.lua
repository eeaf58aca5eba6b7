-- Arguments that no caller means, made from the C types of the generated cdef: NULLs, tensors without memory, wrong dtypes and
-- shapes, views of every kind, NaN, negative and huge numbers. A seeded generator, so that a failure can be repeated.
local ffi = require "ffi"

local M = {}

-- ---- Reading the cdef ---------------------------------------------------------------------------------------------------

local function trim(text) return (text:gsub("^%s+", ""):gsub("%s+$", ""):gsub("%s+", " ")) end

-- "const mg_tensor *dropout_masks[3]" -> type "mg_tensor*", name "dropout_masks", count 3.
local function declaration(text)
  local left, count = text:match("^(.-)%[([%w_]*)%]$")
  local kind, name = trim(left or text):match("^(.-)%s*([%w_]+)$")
  kind = kind:gsub("const ", ""):gsub("%s", "")
  return { type = kind, name = name, count = tonumber(count), const = text:match("^%s*const ") ~= nil }
end

--- Prototypes and structs of a cdef text.
---@return table[] functions { name, type, params }, table<string, table[]> structs fields by struct name
function M.parse(cdef)
  local text = cdef:gsub("/%*.-%*/", " "):gsub("//[^\n]*", " ")
  local functions, structs = {}, {}
  for body, name in text:gmatch("typedef struct [%w_]+ (%b{}) ([%w_]+);") do
    local fields, kind = {}, nil
    for line in body:sub(2, -2):gmatch("[^;]+") do
      for part in trim(line):gmatch("[^,]+") do
        if part:match("^%s*%*?[%w_]+[%[%]%w_]*%s*$") and kind then part = kind .. " " .. part end
        local field = declaration(trim(part))
        kind = field.type:gsub("%*", "")
        fields[#fields + 1] = field
      end
    end
    structs[name] = fields
  end
  for kind, name, params in text:gmatch("([%w_][%w_ ]*[%s%*]+)(mg_[%w_]+)%s*(%b());") do
    local list = {}
    for param in params:sub(2, -2):gmatch("[^,]+") do
      if trim(param) ~= "void" then list[#list + 1] = declaration(trim(param)) end
    end
    functions[#functions + 1] = { name = name, type = trim(kind), params = list }
  end
  return functions, structs
end

-- ---- Random choices -----------------------------------------------------------------------------------------------------

local state = 1

--- Starts the sequence of choices again.
function M.seed(value) state = value end

-- Park and Miller's minimal standard: exact in doubles.
local function draw(n)
  state = (state * 48271) % 2147483647
  return state % n + 1
end
M.draw = draw

local function pick(list) return list[draw(#list)] end

local INT32 = { 0, 1, 2, 3, 0, 1, 2, -1, -2, 5, 7, 8, 9, 300, 2147483647, -2147483648 }
local NUMBERS = {
  int32_t = INT32, mg_dtype = { 1, 2, 3, 4, 0, -1, 5, 99 }, mg_device = { 0, 0, 0, 1, -1, 7 },
  uint32_t = { 0, 1, 2, 3, 4, 7, 0xffffffff, 0x10000, 0x10002 },
  int64_t = { 0LL, 1LL, 2LL, 3LL, -1LL, -5LL, 100LL, 2LL ^ 40, 2LL ^ 62, 0x7fffffffffffffffLL, -0x7fffffffffffffffLL - 1 },
  uint64_t = { 0ULL, 1ULL, 0xffffffffffffffffULL },
  double = { 0, 1, -1, 0.5, 2, 1e-30, 1e300, 0 / 0, math.huge, -math.huge },
}
local TEXTS = { "", "/", "a", "/a/b", "/dense/vars/0", "../x", ("x"):rep(5000), "/nowhere/file.h5", "\255\254" }

-- ---- Tensors ------------------------------------------------------------------------------------------------------------

local FLOAT32, FLOAT64, INT32_TYPE, UINT8 = 1, 2, 3, 4
local RECIPES = {
  { FLOAT32, 2, 3 }, { FLOAT32, 2, 3 }, { FLOAT32, 2, 3 }, { FLOAT32, 3, 2 }, { FLOAT32, 3 }, { FLOAT32, 2 }, { FLOAT32 },
  { FLOAT32, 0, 3 }, { FLOAT32, 2, 1 }, { FLOAT32, 1, 1 }, { FLOAT32, 2, 3, 4 }, { FLOAT32, 2, 4 },
  { FLOAT32, 1, 1, 1, 1, 1, 1, 1, 1 }, { FLOAT64, 2, 3 }, { FLOAT64, 3 }, { FLOAT64, 2 }, { FLOAT64, 2, 3 },
  { INT32_TYPE, 2, 3 }, { INT32_TYPE, 2 }, { INT32_TYPE, 2, 1 }, { UINT8, 2, 3 }, { UINT8, 2 },
}

--- A set of tensors of all kinds; `C` is the library. Handles are released with the set.
function M.tensors(C)
  local set = {}
  local function new()
    local out = ffi.new("mg_tensor *[1]")
    assert(C.mg_tensor_create(out) == 0)
    set[#set + 1] = ffi.gc(out[0], C.mg_tensor_destroy)
    return set[#set]
  end
  for i, recipe in ipairs(RECIPES) do
    local t, shape = new(), ffi.new("int64_t[8]", { unpack(recipe, 2) })
    assert(C.mg_tensor_alloc(t, 0, recipe[1], #recipe - 1, shape) == 0)
    assert(C.mg_fill(t, i % 7 == 0 and 0 / 0 or i % 5 - 1) == 0)
  end
  local function view(make, ...) assert(C[make](new(), set[1], ...) == 0) end
  view("mg_tensor_slice", 1, 2, 2, -1)
  view("mg_tensor_slice", 0, 1, 0, 1)
  view("mg_tensor_permute", ffi.new("int32_t[2]", 1, 0))
  assert(C.mg_tensor_broadcast(new(), set[5], 2, ffi.new("int64_t[2]", 2, 3)) == 0)
  view("mg_tensor_alias")
  new() -- without memory
  return set
end

-- ---- Arguments of a type ------------------------------------------------------------------------------------------------

local Maker = {}
Maker.__index = Maker

--- Makes arguments; `context` has tensors, packed, steppers, streams (handles), file (an open mg_hdf5 or nil), structs.
function M.maker(context) return setmetatable(context, Maker) end

local ARRAYS = { ["int64_t*"] = "int64_t[64]", ["int32_t*"] = "int32_t[64]", ["uint32_t*"] = "uint32_t[64]",
  ["void*"] = "char[4096]", ["char*"] = "char[4096]", ["double*"] = "double[64]", ["float*"] = "float[4096]" }
-- Steps of a plain array: C cannot see that a caller lies about the memory behind a pointer.
local STEPS = { -1LL, 0LL, 1LL, 5LL, -0x7fffffffffffffffLL - 1 }

local function array(kind)
  local memory = ffi.new(ARRAYS[kind])
  local values = NUMBERS[kind == "float*" and "double" or kind:gsub("%*", "")]
  if values then
    for i = 0, 63 do memory[i] = i < 2 and draw(3) > 1 and i + 2 or pick(values) end
  end
  return memory
end

function Maker:struct(name)
  local fields, object = self.structs[name], ffi.new(name)
  local kept = { object }
  for _, field in ipairs(fields) do
    for i = 0, (field.count or 1) - 1 do
      local value = self:value(field, kept)
      if field.name == "reserved" then value = draw(12) == 1 and value or nil end
      if value ~= nil then
        if field.count then object[field.name][i] = value else object[field.name] = value end
      end
    end
  end
  return object, kept
end

--- One argument for a declaration. What C only points to is added to `kept`.
function Maker:value(param, kept)
  local kind = param.type
  if param.name == "T" and kind == "int64_t" then return pick(STEPS) end
  if NUMBERS[kind] then return pick(NUMBERS[kind]) end
  if kind == "char*" and param.const then return draw(8) > 1 and pick(TEXTS) or nil end
  if draw(8) == 1 then return nil end
  if kind == "mg_tensor*" then return draw(3) == 1 and pick(self.tensors) or self.tensors[draw(3)] end
  if kind == "mg_packed*" then return pick(self.packed) end
  if kind == "mg_stepper*" then return self.steppers and pick(self.steppers) end
  if kind == "mg_stream*" then return self.streams and pick(self.streams) end
  if kind == "mg_hdf5*" then return self.file end
  local value
  if ARRAYS[kind] then value = array(kind) end
  local target = kind:match("^(mg_[%w_]+)%*$")
  if target and self.structs[target] then
    local inner
    value, inner = self:struct(target)
    kept[#kept + 1] = inner
  elseif self.structs[kind] then
    value = self:struct(kind)
  elseif kind:match("%*%*$") then
    value = ffi.new(kind:sub(1, -2) .. "[1]")
  end
  kept[#kept + 1] = value
  return value
end

return M
