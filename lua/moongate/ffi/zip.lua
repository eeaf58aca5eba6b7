-- Zip archives through the small C library moongate/zip, loaded on first use. Every failure gives nil and a sentence; the callers
-- in files/ decide whether it is an error.
local ffi = require "ffi"
local core = require "moongate.ffi.core"

local zip = {}

local Archive = {}
Archive.__index = Archive

local NAME_BYTES = 1024

local library
local function load()
  if library then return library end
  local beside = (core.path:match("^(.*)/[^/]*$") or ".") .. "/zip.so"
  local path = package.searchpath("moongate.zip", package.cpath) or beside
  local loaded, found = pcall(ffi.load, path)
  if not loaded then
    return nil, ("zip files: the library moongate/zip cannot be loaded: %s; install libzip "
      .. "(Debian: apt-get install libzip-dev) and build again"):format(found)
  end
  if found.mg_zip_abi() ~= core.C.MG_ABI then
    return nil, ("zip files: %s belongs to another build; install both libraries from one build"):format(path)
  end
  library = found
  return library
end

local function failure() return nil, ffi.string(library.mg_zip_error()) end

local handle = ffi.new("mg_zip *[1]")
local function start(operation, path)
  local found, message = load()
  if not found then return nil, message end
  if library[operation](handle, path) ~= 0 then return failure() end
  -- An archive that nobody closed is dropped with its handle; what was added must live until then.
  return setmetatable({ handle = ffi.gc(handle[0], function(h) library.mg_zip_discard(h) end), added = {} }, Archive)
end

-- The names in order and where each is.
local function list_entries(archive)
  local count, bytes, name = ffi.new("int64_t[1]"), ffi.new("int64_t[1]"), ffi.new("char[?]", NAME_BYTES)
  library.mg_zip_count(count, archive.handle)
  archive.names, archive.entries = {}, {}
  for i = 0, tonumber(count[0]) - 1 do
    if library.mg_zip_entry(name, NAME_BYTES, bytes, archive.handle, i) ~= 0 then return failure() end
    local text = ffi.string(name)
    if archive.entries[text] then return nil, ("zip: there are two entries %q"):format(text) end
    archive.names[i + 1], archive.entries[text] = text, { index = i, bytes = tonumber(bytes[0]) }
  end
  return archive
end

--- Opens an archive for reading: { names = in order, entries = { [name] = { index =, bytes = } } }
---@param path string
---@return table|nil archive, string? message
function zip.open(path)
  local archive, message = start("mg_zip_open", path)
  if not archive then return nil, message end
  local listed, problem = list_entries(archive)
  if not listed then archive:discard() end
  return listed, problem
end

--- Makes an archive, or empties one that is there
---@param path string
---@return table|nil archive, string? message
function zip.create(path) return start("mg_zip_create", path) end

--- Reads an entry into memory of exactly its size
---@param name string
---@param pointer cdata
---@param bytes integer
---@return boolean|nil, string?
function Archive:read(name, pointer, bytes)
  local entry = self.entries[name]
  if not entry then return nil, ("zip: there is no entry %q"):format(name) end
  if library.mg_zip_read(pointer, bytes, self.handle, entry.index) ~= 0 then return failure() end
  return true
end

--- A small entry as a string
---@param name string
---@param most integer bytes
---@return string|nil, string?
function Archive:text(name, most)
  local entry = self.entries[name]
  if entry and entry.bytes > most then return nil, ("zip: %q has %d bytes, %d at most"):format(name, entry.bytes, most) end
  local bytes = entry and entry.bytes or 0
  local data = ffi.new("uint8_t[?]", math.max(bytes, 1))
  local read, message = self:read(name, data, bytes)
  if not read then return nil, message end
  return ffi.string(data, bytes)
end

--- Adds an entry: a string, or memory that must stay as it is until the archive is closed
---@param name string
---@param data string|cdata
---@param bytes? integer of cdata
---@param packed? boolean deflated instead of stored
---@return boolean|nil, string?
function Archive:add(name, data, bytes, packed)
  self.added[#self.added + 1] = data
  bytes = bytes or #data
  local pointer = ffi.cast("const uint8_t *", data)
  if library.mg_zip_add(self.handle, name, pointer, bytes, packed and 1 or 0) ~= 0 then return failure() end
  return true
end

--- Writes out and closes. The handle is gone whatever this says.
---@return boolean|nil, string?
function Archive:close()
  local h = self.handle and ffi.gc(self.handle, nil)
  self.handle = nil
  if h and library.mg_zip_close(h) ~= 0 then return failure() end
  self.added = {}
  return true
end

--- Closes without writing
function Archive:discard()
  local h = self.handle and ffi.gc(self.handle, nil)
  self.handle = nil
  if h then library.mg_zip_discard(h) end
end

return zip
