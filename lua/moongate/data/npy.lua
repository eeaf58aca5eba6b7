-- NumPy's .npy files. The header is a Python dictionary; it is taken apart by patterns, never run.
-- Source: numpy/lib/format.py, "Format Version 1.0, 2.0, 3.0".
local atomic = require "moongate.files.atomic"
local bytes = require "moongate.ffi.bytes"
local check = require "moongate.check"
local create = require "moongate.tensor_create"
local tensor = require "moongate.tensor"

local npy = {}

local MAGIC = "\147NUMPY"
local LARGEST_HEADER, BLOCK, MOST_DIMS = 65536, 2 ^ 18, 8 -- bytes, elements at a time, dimensions
local TYPES = {
  ["<f4"] = { dtype = "float32", size = 4 }, ["<f8"] = { dtype = "float64", size = 8 },
  ["<i4"] = { dtype = "int32", size = 4 }, ["<i8"] = { dtype = "int32", size = 8, narrow = true },
  ["|u1"] = { dtype = "uint8", size = 1 }, ["|b1"] = { dtype = "uint8", size = 1 },
}
local DESCRIPTIONS = { float32 = "<f4", float64 = "<f8", int32 = "<i4", uint8 = "|u1" }

-- Header ------------------------------------------------------------------------------------------------------------------------

-- The header's text and where it ends, or nil and what is wrong.
local function read_header(file)
  local start = file:read(8)
  if not start or #start < 8 or start:sub(1, 6) ~= MAGIC then return nil, "it is no .npy file" end
  local version = start:byte(7)
  if version < 1 or version > 3 then return nil, ("it is of the unknown version %d"):format(version) end
  local width = version == 1 and 2 or 4
  local digits = file:read(width)
  if not digits or #digits < width then return nil, "it is cut short" end
  local length = 0
  for i = width, 1, -1 do length = length * 256 + digits:byte(i) end
  if length > LARGEST_HEADER then return nil, ("its header claims %d bytes"):format(length) end
  local text = file:read(length)
  if not text or #text < length then return nil, "it is cut short" end
  return text
end

local function parse_shape(text)
  local shape, count, rest = {}, 1, text
  while rest ~= "" do
    local size, after = rest:match("^%s*(%d+)L?%s*(.*)$")
    if not size or #size > 15 or #shape >= MOST_DIMS then return nil end
    shape[#shape + 1] = tonumber(size)
    count = count * shape[#shape]
    if after == "" then
      if #shape == 1 then return nil end -- (3) is a number in Python, (3,) a tuple
      break
    end
    rest = after:match("^,%s*(.*)$")
    if not rest then return nil end
  end
  if count > 2 ^ 40 then return nil end
  return shape, count
end

-- { type =, fortran =, shape =, count = } of "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".
local function parse_header(text)
  local body = text:match("^%s*{(.*)}%s*$")
  if not body then return nil, "its header is no dictionary" end
  local description = body:match("['\"]descr['\"]%s*:%s*['\"]([^'\"]*)['\"]")
  local order = body:match("['\"]fortran_order['\"]%s*:%s*(%a+)")
  local sizes = body:match("['\"]shape['\"]%s*:%s*%(([^()]*)%)")
  if not description or not sizes or (order ~= "True" and order ~= "False") then
    return nil, "its header lacks descr, fortran_order or shape"
  end
  local kind = TYPES[description]
  if not kind then
    return nil, ("it holds %s; expected <f4 <f8 <i4 <i8 |u1 or |b1; convert it by array.astype('<f4')"):format(description)
  end
  local shape, count = parse_shape(sizes)
  if not shape then return nil, ("its shape (%s) is none that a tensor can have"):format(sizes) end
  return { type = kind, fortran = order == "True", shape = shape, count = count }
end

-- Reading -----------------------------------------------------------------------------------------------------------------------

-- Whether the file holds the elements its header claims, looked at before memory is reserved for them.
local function check_length(file, header)
  local here = file:seek()
  local left = file:seek("end") - here
  file:seek("set", here)
  local wanted = header.count * header.type.size
  if left < wanted then return nil, ("its header claims %.0f bytes of data, it holds %.0f"):format(wanted, left) end
  return true
end

local function read_elements(file, header, out)
  local kind, pointer, at = header.type, out:data(), 0
  while at < header.count do
    local text = file:read(math.min(BLOCK, header.count - at) * kind.size)
    if not text or #text % kind.size ~= 0 then return nil, "it is cut short" end
    if kind.narrow then
      local fits, value = bytes.narrow(pointer, at, text)
      if not fits then return nil, ("it holds %s, too large for int32"):format(value) end
    else
      bytes.write(pointer, at * kind.size, text)
    end
    at = at + #text / kind.size
  end
  return true
end

local function reversed(list)
  local out = {}
  for i = 1, #list do out[i] = list[#list + 1 - i] end
  return out
end

local function backwards(n)
  local dims = {}
  for i = 1, n do dims[i] = n + 1 - i end
  return dims
end

--- Reads an array from an open file: what has read(count) and seek() as Lua's files do
---@param file table
---@return Tensor|nil, string?
---@package
function npy.read_from(file)
  local text, message = read_header(file)
  if not text then return nil, message end
  local header, good
  header, message = parse_header(text)
  if not header then return nil, message end
  good, message = check_length(file, header)
  if not good then return nil, message end
  local turn = header.fortran and #header.shape > 1
  local out = create.empty(turn and reversed(header.shape) or header.shape, { dtype = header.type.dtype })
  if header.count > 0 then good, message = read_elements(file, header, out) end
  if not good then return nil, message end
  return turn and out:permute(backwards(#header.shape)):copy() or out
end

--- Reads an array of float32, float64, int32, int64 (as int32), uint8 or bool (as uint8)
---@param path string
---@return Tensor|nil, string? the tensor, or nil and what is wrong with the file
---@example local x = assert(mg.data.npy.load("x.npy"))
function npy.load(path)
  check.type("npy.load", "path", path, "string")
  local file, message = io.open(path, "rb")
  if not file then return nil, "npy.load: " .. message end
  local out
  out, message = npy.read_from(file)
  file:close()
  if not out then return nil, ("npy.load: %s: %s"):format(path, message) end
  return out
end

-- Writing -----------------------------------------------------------------------------------------------------------------------

--- What comes before the data. Version 1.0; data begins at a multiple of 64 bytes.
---@param dtype string
---@param shape integer[]
---@return string
---@package
function npy.header_of(dtype, shape)
  local sizes = table.concat(shape, ", ") .. (#shape == 1 and "," or "")
  local text = ("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }"):format(DESCRIPTIONS[dtype], sizes)
  local length = math.ceil((10 + #text + 1) / 64) * 64 - 10
  text = text .. (" "):rep(length - #text - 1) .. "\n"
  return MAGIC .. "\1\0" .. string.char(length % 256, math.floor(length / 256)) .. text
end

local function write_file(name, value)
  local file, message = io.open(name, "wb")
  if not file then return nil, message end
  local dense = value:is_contiguous() and value or value:copy()
  local pointer, total, at = tensor.read(dense), dense:nbytes(), 0
  local good
  good, message = file:write(npy.header_of(value.dtype, value.shape))
  while good and at < total do
    local count = math.min(BLOCK, total - at)
    good, message = file:write(bytes.read(pointer, at, count))
    at = at + count
  end
  local closed, late = file:close()
  return good and closed, message or late
end

--- Writes a tensor as NumPy's np.save does
---@param path string
---@param value Tensor
---@return boolean|nil, string? true, or nil and what went wrong
function npy.save(path, value)
  check.type("npy.save", "path", path, "string")
  if not tensor.is(value) then check.fail("npy.save: argument value is %s, expected a tensor", check.describe(value)) end
  local saved, message = atomic.write(path, function(name) return write_file(name, value) end)
  if not saved then return nil, ("npy.save: %s: %s"):format(path, message) end
  return true
end

return npy
