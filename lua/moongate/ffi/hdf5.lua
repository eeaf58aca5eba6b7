-- HDF5 files through the small C library moongate/hdf5, loaded on first use. Every failure gives nil and a sentence; the callers in
-- files/ decide whether it is an error.
local ffi = require "ffi"
local core = require "moongate.ffi.core"

local hdf5 = {}

local File = {}
File.__index = File

-- In files; the first four are those of tensors.
local CODES = { float32 = 1, float64 = 2, int32 = 3, uint8 = 4, int64 = 5, uint32 = 6, string = 7 }
local CTYPES = { float32 = "float[?]", float64 = "double[?]", int32 = "int32_t[?]", uint8 = "uint8_t[?]", int64 = "int64_t[?]",
  uint32 = "uint32_t[?]" }
local BYTES = { float32 = 4, float64 = 8, int32 = 4, uint8 = 1, int64 = 8, uint32 = 4 }
local NAMES = {}
for name, code in pairs(CODES) do NAMES[code] = name end

local NAME_BYTES = 1024

local library
local function load()
  if library then return library end
  local beside = (core.path:match("^(.*)/[^/]*$") or ".") .. "/hdf5.so"
  local path = package.searchpath("moongate.hdf5", package.cpath) or beside
  local loaded, found = pcall(ffi.load, path)
  if not loaded then
    return nil, ("HDF5 files: the library moongate/hdf5 cannot be loaded: %s; install libhdf5 "
      .. "(Debian: apt-get install libhdf5-dev) and build again"):format(found)
  end
  if found.mg_hdf5_abi() ~= core.C.MG_ABI then
    return nil, ("HDF5 files: %s belongs to another build; install both libraries from one build"):format(path)
  end
  library = found
  return library
end

local function failure() return nil, ffi.string(library.mg_hdf5_error()) end
local function answer(status)
  if status ~= 0 then return failure() end
  return true
end

local handle = ffi.new("mg_hdf5 *[1]")
local function own()
  -- A file that nobody closed is closed with its handle.
  return setmetatable({ handle = ffi.gc(handle[0], function(h) library.mg_hdf5_close(h) end) }, File)
end
local function start(operation, path)
  if library[operation](handle, path) ~= 0 then return failure() end
  return own()
end

--- Opens a file for reading
---@param path string
---@return table|nil file, string? message
function hdf5.open(path)
  local found, message = load()
  if not found then return nil, message end
  return start("mg_hdf5_open", path)
end

--- Makes a file, or empties one that is there
---@param path string
---@return table|nil file, string? message
function hdf5.create(path)
  local found, message = load()
  if not found then return nil, message end
  return start("mg_hdf5_create", path)
end

--- Opens a file that is in memory
---@param data cdata
---@param bytes integer
---@param owner? any what keeps the memory alive; the file does until it is closed
---@return table|nil file, string? message
function hdf5.open_image(data, bytes, owner)
  local found, message = load()
  if not found then return nil, message end
  if library.mg_hdf5_open_image(handle, data, bytes) ~= 0 then return failure() end
  local file = own()
  file.owner, file.bytes = owner or data, bytes
  return file
end

--- Makes a file in memory; `image` tells what it holds
---@return table|nil file, string? message
function hdf5.create_image()
  local found, message = load()
  if not found then return nil, message end
  return start("mg_hdf5_create", nil)
end

--- How many bytes a file has that was made in memory, and with `data`, memory for so many, what they are
---@param data? cdata
---@param bytes? integer
---@return integer|nil, string?
function File:image(data, bytes)
  local size = ffi.new("int64_t[1]")
  if library.mg_hdf5_image(data, bytes or 0, size, self.handle) ~= 0 then return failure() end
  return tonumber(size[0])
end

--- Writes out and closes. The file is gone whatever this says.
---@return boolean|nil, string?
function File:close()
  if not self.handle then return true end
  local h = ffi.gc(self.handle, nil)
  self.handle = nil
  return answer(library.mg_hdf5_close(h))
end

--- The names in a group, sorted, which of them are groups, and what tells one object from another
---@param group string "/a/b"
---@return string[]|nil names, table|string is_group by name, or the message
---@return table identities by name; two names of one object have the same
function File:children(group)
  local count, is_group = ffi.new("int64_t[1]"), ffi.new("int32_t[1]")
  local text, address = ffi.new("char[?]", NAME_BYTES), ffi.new("uint64_t[1]")
  if library.mg_hdf5_children(count, self.handle, group) ~= 0 then return failure() end
  local names, groups, identities = {}, {}, {}
  for i = 0, tonumber(count[0]) - 1 do
    if library.mg_hdf5_child(text, NAME_BYTES, is_group, address, self.handle, group, i) ~= 0 then return failure() end
    local name = ffi.string(text)
    names[i + 1], groups[name], identities[name] = name, is_group[0] ~= 0, tonumber(address[0])
  end
  return names, groups, identities
end

--- Makes a group and its parents; one that is there is fine
---@return boolean|nil, string?
function File:make_group(group)
  return answer(library.mg_hdf5_make_group(self.handle, group))
end

--- What a dataset holds
---@return string|nil dtype, integer[]|string shape or message
function File:shape(dataset)
  local dtype, ndim, sizes = ffi.new("int32_t[1]"), ffi.new("int32_t[1]"), ffi.new("int64_t[8]")
  if library.mg_hdf5_shape(dtype, ndim, sizes, self.handle, dataset) ~= 0 then return failure() end
  local shape = {}
  for i = 1, ndim[0] do shape[i] = tonumber(sizes[i - 1]) end
  return NAMES[dtype[0]], shape
end

--- Reads a dataset into memory of exactly its size, converted to `dtype`
---@return boolean|nil, string?
function File:read(dataset, dtype, pointer, bytes)
  return answer(library.mg_hdf5_read(pointer, bytes, self.handle, dataset, CODES[dtype]))
end

--- Writes a dataset and the groups above it
---@return boolean|nil, string?
function File:write(dataset, dtype, shape, pointer)
  local sizes = ffi.new("int64_t[?]", math.max(#shape, 1))
  for i = 1, #shape do sizes[i - 1] = shape[i] end
  return answer(library.mg_hdf5_write(self.handle, dataset, CODES[dtype], #shape, sizes, pointer))
end

--- A small dataset as a list of Lua numbers
---@param limit integer the most numbers to read
---@return number[]|nil, string?
function File:read_numbers(dataset, limit)
  local dtype, shape = self:shape(dataset)
  if not dtype then return nil, shape end
  local count = 1
  for _, size in ipairs(shape) do count = count * size end
  if count > limit or not BYTES[dtype] then return nil, ("hdf5: %s holds %d elements, %d at most"):format(dataset, count, limit) end
  local values = ffi.new(CTYPES[dtype], math.max(count, 1))
  local read, message = self:read(dataset, dtype, values, count * BYTES[dtype])
  if not read then return nil, message end
  local list = {}
  for i = 1, count do list[i] = tonumber(values[i - 1]) end
  return list
end

--- Writes Lua numbers as a dataset
---@return boolean|nil, string?
function File:write_numbers(dataset, dtype, shape, list)
  local values = ffi.new(CTYPES[dtype], math.max(#list, 1))
  for i, value in ipairs(list) do values[i - 1] = value end
  return self:write(dataset, dtype, shape, values)
end

--- The bytes of a dataset of uint8 as a string
---@return string|nil, string?
function File:read_bytes(dataset)
  local dtype, shape = self:shape(dataset)
  if not dtype then return nil, shape end
  if dtype ~= "uint8" or #shape ~= 1 then return nil, ("hdf5: %s holds no bytes"):format(dataset) end
  local values = ffi.new("uint8_t[?]", math.max(shape[1], 1))
  local read, message = self:read(dataset, dtype, values, shape[1])
  if not read then return nil, message end
  return ffi.string(values, shape[1])
end

--- Writes a string as a dataset of uint8
---@return boolean|nil, string?
function File:write_bytes(dataset, text)
  return self:write(dataset, "uint8", { #text }, ffi.cast("const uint8_t *", text))
end

--- The texts in an attribute of a group or dataset: a list of one for a single text
---@return string[]|nil, string?
function File:texts(object, name)
  local size, count = ffi.new("int64_t[1]"), ffi.new("int64_t[1]")
  if library.mg_hdf5_read_texts(nil, 0, size, count, self.handle, object, name) ~= 0 then return failure() end
  local room = size[0]
  local text = ffi.new("char[?]", room + 1)
  if library.mg_hdf5_read_texts(text, room, size, count, self.handle, object, name) ~= 0 then return failure() end
  local list, at = {}, 0
  for i = 1, tonumber(count[0]) do
    list[i] = ffi.string(text + at)
    at = at + #list[i] + 1
  end
  return list
end

--- A text attribute of a group or dataset
---@return string|nil, string?
function File:attribute(object, name)
  local list, message = self:texts(object, name)
  if not list then return nil, message end
  if #list ~= 1 then return nil, ("hdf5: attribute %s is not one text but %d"):format(name, #list) end
  return list[1]
end

--- Sets a text attribute of a group or dataset
---@return boolean|nil, string?
function File:set_attribute(object, name, text)
  return answer(library.mg_hdf5_write_attribute(self.handle, object, name, text))
end

-- As many bytes as a list in one attribute may have.
local LARGEST_LIST = 60000

--- Sets an attribute that is a list of texts; where it has no room for them all, NAME0, NAME1, ... as Keras does
---@param object string
---@param name string
---@param list string[]
---@return boolean|nil, string?
function File:set_texts(object, name, list)
  local width = 1
  for _, text in ipairs(list) do width = math.max(width, #text) end
  local each = math.max(1, math.floor(LARGEST_LIST / width))
  for first = 1, #list, each do
    local count = math.min(each, #list - first + 1)
    local data = ffi.new("char[?]", width * count)
    for i = 0, count - 1 do ffi.copy(data + i * width, list[first + i], #list[first + i]) end
    local part = #list > each and name .. (first - 1) / each or name
    if library.mg_hdf5_write_texts(self.handle, object, part, data, width, count) ~= 0 then return failure() end
  end
  return true
end

return hdf5
