-- Several inputs or outputs: what users give as a list or as a table by name becomes a flat list in the model's order. Where a
-- model has one, the value stands for itself.
local check = require "moongate.check"
local create = require "moongate.tensor_create"
local null = require "moongate.null"
local tensor = require "moongate.tensor"

local structure = {}

--- Whether a value is a plain table: a list, or a table by name, but no object and not null.
---@param value any
---@return boolean
function structure.is_plain(value) return type(value) == "table" and value ~= null and getmetatable(value) == nil end

--- Whether a value is a tensor or a list or table of tensors.
---@param value any
---@return boolean
function structure.is_data(value)
  if not structure.is_plain(value) then return tensor.is(value) end
  for _, each in pairs(value) do
    if each and not tensor.is(each) then return false end
  end
  return next(value) ~= nil
end

--- f of a value, or of each value in a table, by the same keys; false and nil stay.
---@param value any
---@param f fun(item: any): any
---@return any
function structure.map(value, f)
  if not structure.is_plain(value) then return value and f(value) end
  local out = {}
  for key, item in pairs(value) do out[key] = item and f(item) end
  return out
end

--- Some tensor of a value.
---@param value any
---@return Tensor|nil
function structure.first(value)
  if not structure.is_plain(value) then return value or nil end
  for _, item in pairs(value) do
    if item then return item end
  end
end

--- Calls visit(item, text, ...) for a value or each in a table; text is "" or where it is: [2], ["out"].
---@param value any
---@param visit fun(item: any, text: string, ...)
---@param ... any
function structure.each(value, visit, ...)
  if not structure.is_plain(value) then
    if value then visit(value, "", ...) end
    return
  end
  for key, item in pairs(value) do
    if item then visit(item, type(key) == "number" and ("[%d]"):format(key) or ("[%q]"):format(tostring(key)), ...) end
  end
end

local function by_name(value) return structure.is_plain(value) and value[1] == nil and type(next(value)) == "string" end

--- A list with one entry for each name, false where there is none: out of a list as long, or a table by name. `one` tells whether
--- a value stands for itself; it is then the entry of each name.
---@param op string
---@param what string the argument, for messages
---@param value any
---@param names string[]
---@param one fun(value: any): boolean
---@param partial? boolean whether names may be missing
---@return any[]
function structure.spread(op, what, value, names, one, partial)
  local list = {}
  if value == nil or value == null or one(value) then
    for i = 1, #names do list[i] = value ~= nil and value ~= null and value end
    return list
  end
  local named = by_name(value)
  if named then check.options(("%s: argument %s"):format(op, what), value, names) end
  if not structure.is_plain(value) or not (named or #value == #names) then
    check.fail("%s: argument %s is %s, expected one for all outputs, a list of %d, or a table by name: %s", op, what,
      structure.is_plain(value) and ("a list of %d"):format(#value) or check.describe(value), #names, table.concat(names, ", "))
  end
  for i, name in ipairs(names) do
    local item
    if named then item = value[name] else item = value[i] end
    if item == nil and not partial then
      check.fail("%s: argument %s has nothing for %q; the names are %s; likely fix: mg.null for none", op, what, name,
        table.concat(names, ", "))
    end
    list[i] = item ~= nil and item ~= null and item
  end
  return list
end

local function as_tensor(value)
  if value == nil or value == null or value == false then return false end
  return structure.is_plain(value) and create.tensor(value) or value
end

local function of_name(op, what, value, names)
  local list = {}
  check.options(("%s: argument %s"):format(op, what), value, names)
  for i, name in ipairs(names) do
    list[i] = as_tensor(value[name])
    if what == "x" and not list[i] then
      check.fail("%s: x has nothing for the input %q; the inputs are %s", op, name, table.concat(names, ", "))
    end
  end
  return list
end

--- Data for a model with inputs or outputs of these names, as tensors: one, or a flat list (false for none) where there are
--- several. Takes lists, tables by name and nested tables of numbers; datasets and functions go through.
---@param op string
---@param what string "x", "y" or "sample_weight"
---@param value any
---@param names string[]
---@return any
function structure.data(op, what, value, names)
  if value == nil or value == null then return nil end
  local n, plain = #names, structure.is_plain(value)
  if plain and by_name(value) then
    local list = of_name(op, what, value, names)
    return n == 1 and (list[1] or nil) or n > 1 and list
  end
  if n == 1 then return plain and (#value == 1 and tensor.is(value[1]) and value[1] or create.tensor(value)) or value end
  if tensor.is(value) and what == "sample_weight" or not plain and not tensor.is(value) then return value end
  if not plain or #value ~= n then
    check.fail("%s: %s is %s, expected a list of %d tensors, or a table by name: %s", op, what,
      plain and ("a list of %d"):format(#value) or check.describe(value), n, table.concat(names, ", "))
  end
  local list = {}
  for i = 1, n do list[i] = as_tensor(value[i]) end
  return list
end

return structure
