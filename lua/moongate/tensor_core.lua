-- The tensor object: a table with `handle` (the engine's view), `shape`, `dtype`, `count` (elements), `bytes` (0 for a view),
-- `node` (its place in the graph of autograd, or false) and `slot` (which output of the node it is).
local core = require "moongate.ffi.core"
local ffi = require "ffi"
local check = require "moongate.check"
local memory = require "moongate.memory"
local shapes = require "moongate.shape"
local C = core.C

local tensor = {}

--- Methods of tensors; ops/ adds the operations.
local Tensor = {}
tensor.methods = Tensor
local getters = {}
tensor.getters = getters
local meta = { names = Tensor } -- names: what completion and help() list
tensor.meta = meta

local CODES = { float32 = C.MG_FLOAT32, float64 = C.MG_FLOAT64, int32 = C.MG_INT32, uint8 = C.MG_UINT8 }
local BYTES = { float32 = 4, float64 = 8, int32 = 4, uint8 = 1 }
tensor.DTYPES = { "float32", "float64", "int32", "uint8" }
tensor.NAMES = {}
for name, code in pairs(CODES) do tensor.NAMES[tonumber(code)] = name end
tensor.POINTERS = { float32 = ffi.typeof("float *"), float64 = ffi.typeof("double *"), int32 = ffi.typeof("int32_t *"),
  uint8 = ffi.typeof("uint8_t *") }
tensor.CODES, tensor.BYTES = CODES, BYTES
--- The dtype of new tensors when none is given: mg.floatx().
tensor.floatx = "float32"
--- How many times a tensor has become a view of other memory: whoever keeps an address compares.
tensor.moves = 0

-- A freed tensor answers every use with an error, at no cost to live ones.
local Freed = {}
local function freed()
  check.fail("this tensor has been freed (by t:free(), or at the end of the memory.scope or training step that made it); "
    .. "return it from the scope or call t:keep()")
end
for _, event in ipairs { "index", "newindex", "add", "sub", "mul", "div", "pow", "unm", "len", "call", "concat", "lt", "le" } do
  Freed["__" .. event] = freed
end
Freed.__tostring = function() return "[freed tensor]" end

--- Whether `value` is a tensor (a freed one raises).
---@return boolean
function tensor.is(value)
  if type(value) ~= "table" then return false end
  local m = getmetatable(value)
  if m == Freed then freed() end
  return m == meta
end

local dims = ffi.new("int64_t[8]")
tensor.dims = dims

--- Puts sizes into the shared array `dims` and returns it with their number.
function tensor.fill_dims(shape)
  local n = #shape
  if n > 0 then dims[0] = shape[1] end
  if n > 1 then dims[1] = shape[2] end
  if n > 2 then dims[2] = shape[3] end
  for i = 4, n do dims[i - 1] = shape[i] end
  return dims, n
end

local function wrap(handle, shape, dtype, count, bytes)
  local t = { handle = handle, shape = shape, dtype = dtype, count = count, bytes = bytes, node = false, slot = 1 }
  setmetatable(t, meta)
  memory.track(t)
  return t
end
tensor.wrap = wrap

-- The engine is out of memory or refuses: one collection, one more try, then its message.
local function retry(handle, device, dtype, shape)
  memory.collect()
  local sizes, n = tensor.fill_dims(shape)
  if C.mg_tensor_alloc(handle, device, CODES[dtype], n, sizes) ~= 0 then
    memory.give(handle, shapes.count(shape) * BYTES[dtype])
    core.raise()
  end
end

--- A new tensor of undefined contents on the device of `like` (default: the CPU). `shape` is not copied.
function tensor.alloc(shape, dtype, like)
  local count = shapes.count(shape)
  local bytes = count * BYTES[dtype]
  memory.account(bytes)
  local handle = memory.take()
  local device = like and C.mg_tensor_device(like.handle) or 0
  local sizes, n = tensor.fill_dims(shape)
  if C.mg_tensor_alloc(handle, device, CODES[dtype], n, sizes) ~= 0 then retry(handle, device, dtype, shape) end
  return wrap(handle, shape, dtype, count, bytes)
end

--- As alloc with the shape of `x`, which is shared.
function tensor.alloc_like(x, dtype)
  local count = x.count
  local bytes = count * BYTES[dtype]
  memory.account(bytes)
  local handle, source = memory.take(), x.handle
  local device = C.mg_tensor_device(source)
  if C.mg_tensor_alloc(handle, device, CODES[dtype], C.mg_tensor_ndim(source), C.mg_tensor_shape(source)) ~= 0 then
    retry(handle, device, dtype, x.shape)
  end
  return wrap(handle, x.shape, dtype, count, bytes)
end

--- The state of a tensor's memory as a number that grows with every write.
---@param t Tensor
---@return integer
function tensor.version(t)
  return tonumber(C.mg_tensor_version(t.handle))
end

--- A tensor of the same memory as `x`, unconnected to the graph.
function tensor.alias(x)
  local handle = memory.take()
  if C.mg_tensor_alias(handle, x.handle) ~= 0 then core.raise() end
  return wrap(handle, x.shape, x.dtype, x.count, 0)
end

-- shape, dtype and count are plain fields, read everywhere: one that a user has assigned must not lead outside the memory.
local function check_fields(t)
  local handle, shape = t.handle, t.shape
  local n = C.mg_tensor_ndim(handle)
  local intact = type(shape) == "table" and n == #shape and t.count == tonumber(C.mg_tensor_size(handle))
    and CODES[t.dtype] == C.mg_tensor_dtype(handle)
  local sizes = C.mg_tensor_shape(handle)
  for i = 1, intact and n or 0 do intact = intact and shape[i] == tonumber(sizes[i - 1]) end
  if intact then return end
  check.fail("the fields shape, dtype and count of a tensor were changed (to %s, %s, %s), and its memory is as before; "
    .. "use x:reshape, x:to, or copy x.shape before changing it", check.describe(shape), tostring(t.dtype), tostring(t.count))
end

--- The address of the first element for reading, as the dtype's pointer; `t` must be contiguous.
function tensor.read(t)
  check_fields(t)
  return ffi.cast(tensor.POINTERS[t.dtype], C.mg_tensor_read(t.handle))
end

--- The same for writing, which counts as one write.
function tensor.write(t)
  check_fields(t)
  return ffi.cast(tensor.POINTERS[t.dtype], C.mg_tensor_data(t.handle))
end

--- Checks that `value` is a tensor (with a dtype out of `dtypes`, when given).
function tensor.expect(op, name, value, dtypes)
  if not tensor.is(value) then check.fail("%s: argument %s is %s, expected a tensor", op, name, check.describe(value)) end
  if dtypes then
    for _, dtype in ipairs(dtypes) do
      if value.dtype == dtype then return value end
    end
    check.fail("%s: argument %s %s is %s, expected %s; convert it with :to(\"%s\")", op, name, tostring(value.shape), value.dtype,
      table.concat(dtypes, " or "), dtypes[1])
  end
  return value
end

--- Checks a dtype's name; nil gives `default`.
function tensor.dtype(op, name, default)
  if name == nil then return default end
  if not CODES[name] then check.one_of(op, "dtype", name, tensor.DTYPES) end
  return name
end

-- The metatable goes last but one: a freed tensor's fields cannot be set.
local function release(t)
  local handle, bytes = t.handle, t.bytes
  t.handle, t.shape, t.dtype, t.node = nil, nil, nil, nil
  setmetatable(t, Freed)
  memory.give(handle, bytes)
end
memory.release = release

--- Gives the tensor's memory back at once. Every later use of the tensor is an error.
function Tensor:free() release(self) end

--- Keeps the tensor beyond the end of the memory.scope that made it.
---@return Tensor self
function Tensor:keep()
  self.kept = true
  return self
end

function meta.__index(t, key)
  local method = Tensor[key]
  if method ~= nil then return method end
  local getter = getters[key]
  if getter then return getter(t) end
  if type(key) == "string" then return nil end
  return tensor.get_item(t, key)
end

function meta.__newindex(t, key, value)
  if type(key) == "string" then
    if getters[key] then check.fail("a tensor's %s cannot be assigned", key) end
    return rawset(t, key, value)
  end
  return tensor.set_item(t, key, value)
end

local DEVICES = { [0] = "cpu", "cuda" }
function getters.device(t) return DEVICES[C.mg_tensor_device(t.handle)] end
function getters.requires_grad(t) return t.node ~= false end
function getters.is_leaf(t) return not t.node or t.node.leaf ~= nil end

return tensor
