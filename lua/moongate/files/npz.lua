-- NumPy's .npz: a zip archive of .npy arrays, stored or deflated. Keys of a model's weights are those of .weights.h5 without the
-- leading slash (layers/gru/cell/vars/0); arr_0, arr_1, ..., which np.savez makes of a list, are the weights in order.
local atomic = require "moongate.files.atomic"
local bytes = require "moongate.ffi.bytes"
local check = require "moongate.check"
local create = require "moongate.tensor_create"
local npy = require "moongate.data.npy"
local shapes = require "moongate.shape"
local tensor = require "moongate.tensor"
local tree = require "moongate.files.tree"
local zip = require "moongate.ffi.zip"

local npz = {}

-- Memory that reads like one of Lua's files.
local Memory = {}
Memory.__index = Memory

function Memory:read(count)
  count = math.min(count, self.size - self.at)
  if count <= 0 then return nil end
  self.at = self.at + count
  return bytes.read(self.pointer, self.at - count, count)
end

function Memory:seek(whence, offset)
  if whence == "end" then self.at = self.size elseif whence == "set" then self.at = offset or 0 end
  return self.at
end

local function read_array(opened, name)
  local size = opened.entries[name].bytes
  local memory = create.empty({ size }, { dtype = "uint8" })
  local read, message = opened:read(name, memory:data(), size)
  if not read then return nil, message end
  local value
  value, message = npy.read_from(setmetatable({ pointer = memory:data(), size = size, at = 0, memory = memory }, Memory))
  if not value then return nil, ("%s: %s"):format(name, message) end
  return value
end

--- Reads all arrays of a file
---@param path string
---@return table<string, Tensor>|nil arrays by name, string[]|string the names in order, or what is wrong
---@package
function npz.read(path)
  local opened, message = zip.open(path)
  if not opened then return nil, message end
  local out, names = {}, {}
  for _, name in ipairs(opened.names) do
    local key = name:match("^(.+)%.npy$")
    local value, problem
    if key then value, problem = read_array(opened, name) else problem = ("%q in it is no .npy file"):format(name) end
    if not value then
      opened:discard()
      return nil, problem
    end
    out[key], names[#names + 1] = value, key
  end
  opened:discard()
  return out, names
end

--- Reads the arrays of a NumPy archive, stored or compressed; dtypes as of mg.data.npy.load
---@param path string
---@return table<string, Tensor>|nil, string? arrays by name, or nil and what is wrong with the file
---@example local arrays = assert(mg.data.npz.load "data.npz")
function npz.load(path)
  check.type("npz.load", "path", path, "string")
  local out, message = npz.read(path)
  if not out then return nil, ("npz.load: %s: %s"):format(path, message) end
  return out
end

-- Writing ------------------------------------------------------------------------------------------------------------------------

-- Header and data in one piece of memory, which has to live until the archive is written.
local function whole(value)
  local dense = value:is_contiguous() and value or value:copy()
  local head = npy.header_of(value.dtype, value.shape)
  local memory = create.empty({ #head + dense:nbytes() }, { dtype = "uint8" })
  bytes.write(memory:data(), 0, head)
  if dense:nbytes() > 0 then bytes.copy(memory:data(), #head, tensor.read(dense), dense:nbytes()) end
  return memory
end

local function write_all(name, list, packed)
  local opened, message = zip.create(name)
  if not opened then return nil, message end
  local kept = {}
  for i, item in ipairs(list) do
    kept[i] = whole(item[2])
    local added, problem = opened:add(item[1] .. ".npy", kept[i]:data(), kept[i]:nbytes(), packed)
    if not added then
      opened:discard()
      return nil, problem
    end
  end
  local closed, late = opened:close()
  kept[1] = nil
  return closed, late
end

local function write(path, list, packed)
  return atomic.write(path, function(name) return write_all(name, list, packed) end)
end

--- Writes tensors as NumPy's np.savez does
---@param path string
---@param arrays table<string, Tensor> by name
---@param options? table { compressed = false }
---@return boolean|nil, string? true, or nil and what went wrong
---@example assert(mg.data.npz.save("data.npz", { x = x, y = y }))
function npz.save(path, arrays, options)
  check.type("npz.save", "path", path, "string")
  check.type("npz.save", "arrays", arrays, "table")
  if tensor.is(arrays) then
    check.fail("npz.save: argument arrays is %s, expected a table of tensors by name; likely fix: { x = x }, or one tensor to .npy",
      check.describe(arrays))
  end
  options = check.options("npz.save", options, { "compressed" })
  local list = {}
  for name, value in pairs(arrays) do
    if type(name) ~= "string" or name == "" then
      check.fail("npz.save: argument arrays has the key %s, expected names", check.describe(name))
    end
    if not tensor.is(value) then check.fail("npz.save: arrays.%s is %s, expected a tensor", name, check.describe(value)) end
    list[#list + 1] = { name, value }
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  local saved, message = write(path, list, options.compressed)
  if not saved then return nil, ("npz.save: %s: %s"):format(path, message) end
  return true
end

-- Weights ------------------------------------------------------------------------------------------------------------------------

local function entries_of(model)
  local list = {}
  for _, entry in ipairs((require("moongate.files.weights").entries(model))) do
    if entry.variable then list[#list + 1] = { key = entry.path:sub(2), variable = entry.variable, object = entry.object } end
  end
  return list
end

--- Saves a model's weights
---@param model table
---@param path string
---@package
function npz.save_weights(model, path)
  local list = {}
  for i, entry in ipairs(entries_of(model)) do list[i] = { entry.key, entry.variable } end
  local saved, message = write(path, list)
  if not saved then check.fail("save_weights: %s cannot be written: %s", path, message) end
end

local function in_order(model)
  local list = {}
  for i, variable in ipairs(model.weights) do list[i] = { key = ("arr_%d"):format(i - 1), variable = variable, object = model } end
  return list
end

local function problem_of(entry, value)
  local title = ("%s (%s, %s)"):format(entry.key, tree.title(entry.object), entry.variable.name)
  if not value then return title .. " is not in the file" end
  if not shapes.equal(value.shape, entry.variable.shape) then
    return ("%s has shape %s in the file and %s in the model%s"):format(title, shapes.text(value.shape),
      shapes.text(entry.variable.shape), require("moongate.files.arrays").hint(value.shape, entry.variable.shape))
  end
end

--- Reads a model's weights: a list of { variable, value }, or nil and a list of what does not fit
---@param model table
---@param path string
---@param skip_mismatch? boolean
---@return table[]|nil, string[]?
---@package
function npz.read_weights(model, path, skip_mismatch)
  local arrays, names = npz.read(path)
  if not arrays then return nil, { names } end
  local entries = arrays.arr_0 and in_order(model) or entries_of(model)
  local values, problems, known = {}, {}, {}
  for _, entry in ipairs(entries) do
    known[entry.key] = true
    local problem = problem_of(entry, arrays[entry.key])
    if problem then problems[#problems + 1] = problem else values[#values + 1] = { entry.variable, arrays[entry.key] } end
  end
  for _, name in ipairs(names) do
    if not known[name] then problems[#problems + 1] = name .. " is in the file, and the model has no such variable" end
  end
  if #problems > 0 and not skip_mismatch then return nil, problems end
  return values
end

return npz
