-- Records: trees of tables with numbers, strings, booleans, mg.null and tensors in an HDF5 file. Objects with variables (an
-- optimizer) are stored by them. Every group and dataset tells its kind in an attribute; keys that HDF5 cannot name are escaped as
-- %XX.
local atomic = require "moongate.files.atomic"
local check = require "moongate.check"
local hdf5 = require "moongate.ffi.hdf5"
local null = require "moongate.null"
local create = require "moongate.tensor_create"
local tensor = require "moongate.tensor"

local record = {}

local VERSION, DEEPEST, MOST = "1", 32, 100000

local function escape(key)
  if key == "" then return "%" end
  if key == "." then return "%2E" end
  return (key:gsub("[%%/%c]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function unescape(name)
  if name == "%" then return "" end
  return (name:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- Variables ---------------------------------------------------------------------------------------------------------------------

--- The variables of an object, as `restore` takes them
---@param object table with own_variables()
---@return table { names = string[], values = Tensor[] }
function record.variables(object)
  local names, values = {}, {}
  for i, variable in ipairs(object:own_variables()) do names[i], values[i] = variable.name or "", variable end
  return { names = names, values = values }
end

-- Order and shapes count; names may differ when layers were named automatically.
local function misfit(variable, name, value, i)
  if not tensor.is(value) then return ("variable %d (%s) is missing"):format(i, variable.name) end
  if variable.shape ~= value.shape then
    return ("variable %d (%s, saved as %s) has shape %s, expected %s"):format(i, variable.name, tostring(name),
      tostring(value.shape), tostring(variable.shape))
  end
end

--- Why saved variables do not fit an object, or nil
---@param object table with own_variables(), built
---@param saved any what a record holds
---@return string|nil
function record.problem(object, saved)
  if type(saved) ~= "table" or type(saved.names) ~= "table" or type(saved.values) ~= "table" then
    return "no variables were saved"
  end
  local variables = object:own_variables()
  if #variables ~= #saved.values then return ("%d variables were saved, expected %d"):format(#saved.values, #variables) end
  for i, variable in ipairs(variables) do
    local problem = misfit(variable, saved.names[i], saved.values[i], i)
    if problem then return problem end
  end
end

--- Gives an object's variables saved values that fit
---@param object table with own_variables(), built
---@param saved table { names =, values = }
function record.restore(object, saved)
  for i, variable in ipairs(object:own_variables()) do variable:assign(saved.values[i]) end
end

-- Writing -----------------------------------------------------------------------------------------------------------------------

local write_value

local function write_group(file, path, kind, list)
  local made, message = file:make_group(path)
  if made then made, message = file:set_attribute(path, "kind", kind) end
  for _, item in ipairs(made and list or {}) do
    made, message = write_value(file, path == "/" and "/" .. item[1] or path .. "/" .. item[1], item[2])
    if not made then break end
  end
  return made, message
end

-- The items in order and "list" or "table"; nil and what has no place in a file.
local function items_of(value, path)
  local items, is_list = {}, #value > 0
  for key in pairs(value) do
    if type(key) ~= "string" then
      if not is_list or type(key) ~= "number" or key < 1 or key > #value or key ~= math.floor(key) then
        return nil, ("%s has the key %s; expected names, or 1..n without gaps"):format(path, tostring(key))
      end
    elseif is_list then
      return nil, ("%s mixes names (%s) and positions"):format(path, key)
    end
  end
  if is_list then
    for i, item in ipairs(value) do items[i] = { ("%d"):format(i), item } end
    return items, "list"
  end
  for key, item in pairs(value) do items[#items + 1] = { escape(key), item } end
  table.sort(items, function(a, b) return a[1] < b[1] end)
  return items, "table"
end

local WRITE = {
  number = function(file, path, value) return file:write_numbers(path, "float64", {}, { value }) end,
  boolean = function(file, path, value) return file:write_numbers(path, "uint8", {}, { value and 1 or 0 }) end,
  string = function(file, path, value) return file:write_bytes(path, value) end,
  null = function(file, path) return file:write_numbers(path, "uint8", {}, { 0 }) end,
  tensor = function(file, path, value)
    local dense = value:is_contiguous() and value or value:copy()
    return file:write(path, value.dtype, value.shape, tensor.read(dense))
  end,
}

local function kind_of(value)
  if value == null then return "null" end
  return tensor.is(value) and "tensor" or type(value)
end

function write_value(file, path, value)
  local kind = kind_of(value)
  if kind == "table" then
    if value.own_variables then value = record.variables(value) end
    local items, group_kind = items_of(value, path)
    if not items then return nil, group_kind end
    return write_group(file, path, group_kind, items)
  end
  if not WRITE[kind] then return nil, ("%s is %s, which has no place in a file"):format(path, check.describe(value)) end
  local written, message = WRITE[kind](file, path, value)
  if not written then return nil, message end
  return file:set_attribute(path, "kind", kind)
end

--- Saves a tree. The file is complete or not there.
---@param path string
---@param values table numbers, strings, booleans, mg.null, tensors, objects with own_variables(), and tables of them
---@param op string what the user called, for messages
function record.save(path, values, op)
  check.type(op, "path", path, "string")
  check.type(op, "values", values, "table")
  local saved, message = atomic.write(path, function(name)
    local file, reason = hdf5.create(name)
    if not file then return nil, reason end
    local ran, written, problem = pcall(write_value, file, "/", values)
    if ran and written then written, problem = file:set_attribute("/", "moongate_record", VERSION) end
    local closed, late = file:close()
    if not ran then error(written, 0) end
    if not written then return nil, problem end
    return closed, late
  end)
  if not saved then check.fail("%s: %s cannot be written: %s", op, path, message) end
end

-- Reading -----------------------------------------------------------------------------------------------------------------------

local read_value

local function read_group(file, path, kind, budget, depth)
  local names, message, identities = file:children(path)
  if not names then return nil, message end
  budget.left = budget.left - #names
  if depth > DEEPEST or budget.left < 0 then return nil, path .. " is too large or too deep" end
  local out = {}
  for _, name in ipairs(names) do
    if budget[identities[name]] then return nil, ("%s holds %s, which is elsewhere too"):format(path, name) end
    budget[identities[name]] = true
    local read, value = read_value(file, path == "/" and "/" .. name or path .. "/" .. name, budget, depth + 1)
    if not read then return nil, value end
    local key = kind == "list" and tonumber(name) or unescape(name)
    out[key] = value
  end
  if kind == "list" and #out ~= #names then return nil, path .. " is a list with gaps" end
  return out
end

local function read_number(file, path)
  local list, message = file:read_numbers(path, 1)
  if not list then return nil, message end
  if #list ~= 1 then return nil, path .. " holds no number" end
  return list[1]
end

local READ = {
  number = read_number,
  boolean = read_number,
  string = function(file, path) return file:read_bytes(path) end,
  null = function() return null end,
  tensor = function(file, path)
    local dtype, shape = file:shape(path)
    if not dtype then return nil, shape end
    local known = false
    for _, name in ipairs(tensor.DTYPES) do known = known or name == dtype end
    if not known then return nil, ("%s holds %s, no dtype of tensors"):format(path, dtype) end
    local value = create.empty(shape, { dtype = dtype })
    local read, message = file:read(path, dtype, value:data(), value:nbytes())
    if not read then return nil, message end
    return value
  end,
}

-- true and the value (which may be false), or false and what is wrong.
function read_value(file, path, budget, depth)
  local kind, message = file:attribute(path, "kind")
  local value
  if kind == "list" or kind == "table" then value, message = read_group(file, path, kind, budget, depth)
  elseif READ[kind] then value, message = READ[kind](file, path)
  elseif kind then message = ("%s is of the unknown kind %q"):format(path, kind) end
  if value == nil then return false, message end
  if kind == "boolean" then value = value ~= 0 end
  return true, value
end

--- Reads a tree that `save` wrote. Objects come back as what `restore` takes.
---@param path string
---@param op string what the user called, for messages
---@return table
function record.load(path, op)
  check.type(op, "path", path, "string")
  local file, message = hdf5.open(path)
  if not file then check.fail("%s: %s", op, message) end
  local version, why = file:attribute("/", "moongate_record")
  local read, values = false, version and "it is of the later version " .. version or "it holds no record: " .. why
  if version == VERSION then read, values = read_value(file, "/", { left = MOST }, 1) end
  file:close()
  if not read then check.fail("%s: %s cannot be read: %s", op, path, values) end
  return values
end

return record
