-- The zip archive of a `.keras` file: metadata.json, config.json, model.weights.h5, stored. Source: keras/src/saving/saving_lib.py.
local atomic = require "moongate.files.atomic"
local create = require "moongate.tensor_create"
local hdf5 = require "moongate.ffi.hdf5"
local json = require "moongate.json"
local zip = require "moongate.ffi.zip"

local archive = {}

local LARGEST_TEXT = 2 ^ 26
local METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"

local function read_json(opened, name)
  local text, message = opened:text(name, LARGEST_TEXT)
  if not text then return nil, message end
  local ok, value = pcall(json.decode, text)
  if not ok then return nil, ("%s: %s"):format(name, (tostring(value):gsub("^.-:%d+: ", ""))) end
  if type(value) ~= "table" then return nil, name .. " holds no object" end
  return value
end

-- The weights as an open HDF5 file.
local function read_weights(opened)
  local entry = opened.entries[WEIGHTS]
  if not entry then return nil, ("there is no %s in it"):format(WEIGHTS) end
  local bytes = create.empty({ entry.bytes }, { dtype = "uint8" })
  local read, message = opened:read(WEIGHTS, bytes:data(), entry.bytes)
  if not read then return nil, message end
  return hdf5.open_image(bytes:data(), entry.bytes, bytes)
end

local function with_archive(path, use)
  local opened, message = zip.open(path)
  if not opened then return nil, message end
  local result, problem = use(opened)
  opened:discard()
  return result, problem
end

--- What a .keras file holds: { metadata =, config =, file = its weights, an open HDF5 file }
---@param path string
---@return table|nil, string?
function archive.read(path)
  return with_archive(path, function(opened)
    local config, message = read_json(opened, CONFIG)
    if not config then return nil, message end
    local metadata = opened.entries[METADATA] and read_json(opened, METADATA) or {}
    local file
    file, message = read_weights(opened)
    if not file then return nil, message end
    return { metadata = metadata, config = config, file = file }
  end)
end

--- The weights of a .keras file as an open HDF5 file
---@param path string
---@return table|nil, string?
function archive.open_weights(path) return with_archive(path, read_weights) end

-- The bytes of a file in memory, as a tensor.
local function image_of(file)
  local size, message = file:image()
  if not size then return nil, message end
  local bytes = create.empty({ size }, { dtype = "uint8" })
  size, message = file:image(bytes:data(), size)
  return size and bytes, message
end

-- Adds the members in Keras's order; `image` has to live until the archive is closed.
local function fill(opened, config, image)
  local metadata = json.encode(json.object { { "keras_version", archive.KERAS_VERSION },
    { "date_saved", os.date("%Y-%m-%d@%H:%M:%S") } })
  local done, message = opened:add(METADATA, metadata)
  if done then done, message = opened:add(CONFIG, config) end
  if done then done, message = opened:add(WEIGHTS, image:data(), image:nbytes()) end
  return done, message
end

--- The version of Keras whose files these are.
archive.KERAS_VERSION = "3.15.1"

--- Writes a .keras file. It is complete or not there
---@param path string
---@param config string JSON
---@param write fun(file: table): boolean|nil, string? writes the weights into an HDF5 file
---@return boolean|nil, string?
function archive.write(path, config, write)
  local file, message = hdf5.create_image()
  if not file then return nil, message end
  local done, image
  done, message = write(file)
  if done then image, message = image_of(file) end
  file:close()
  if image then
    done, message = atomic.write(path, function(name)
      local opened, reason = zip.create(name)
      if not opened then return nil, reason end
      local filled, problem = fill(opened, config, image)
      if filled then return opened:close() end
      opened:discard()
      return nil, problem
    end)
  end
  return image and done, message
end

return archive
