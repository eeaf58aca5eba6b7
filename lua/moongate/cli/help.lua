--- help(): what a value or a name is, from the annotations in the source.
local annotations = require "moongate.cli.annotations"
local names = require "moongate.cli.names"
local pretty = require "moongate.cli.pretty"

local M = {}

local WIDTH = 100

-- ---- Finding the annotation of a value ----------------------------------------------------------------------------------

local function entry_at(path, line)
  for _, entry in ipairs((annotations.of_file(path))) do
    if entry.line == line then return entry end
  end
end

local function of_function(f)
  local info = debug.getinfo(f, "S")
  local path = info.source:match("^@(.*)$")
  return path and entry_at(path, info.linedefined), path
end

-- Its own functions know the file of a class.
local function file_of_class(class)
  for _, member in next, class do
    if type(member) == "function" then
      local path = debug.getinfo(member, "S").source:match("^@(.*)$")
      for _, entry in ipairs((annotations.of_file(path or ""))) do
        if entry.class == class.name then return path, entry end
      end
    end
  end
end

local function of_class(class)
  local _, entry = file_of_class(class)
  if entry then return entry end
  return rawget(class, "init") and of_function(class.init)
end

local function is_class(value)
  return type(value) == "table" and rawget(value, "getters") ~= nil and rawget(value, "name") ~= nil
end

-- ---- Writing it ---------------------------------------------------------------------------------------------------------

local function put(lines, ...) lines[#lines + 1] = table.concat { ... } end

local function put_params(lines, entry)
  for _, param in ipairs(entry.params) do
    put(lines, ("  %-20s %s%s"):format(param.name, param.type, param.text ~= "" and "  " .. param.text or ""))
  end
  for _, text in ipairs(entry.returns) do put(lines, "  returns ", text) end
end

local function put_example(lines, entry)
  if #entry.example == 0 then return end
  put(lines, "Example")
  for _, line in ipairs(entry.example) do put(lines, "  ", line) end
end

local function default_text(field)
  local default = field.default
  if type(default) == "function" then default = default() end
  if field.default == nil then default = field[2] end
  if field.required then return "" end
  return " = " .. (default == nil and "nil" or pretty(default))
end

-- The options a class declares, each with its default.
local function options_of(class)
  local options = {}
  for _, field in ipairs(class.fields or class.extra or {}) do options[#options + 1] = field[1] .. default_text(field) end
  return options
end

local function wrap(lines, words, indent)
  local line = indent
  for i, word in ipairs(words) do
    if #line + #word + 2 > WIDTH and line ~= indent then
      put(lines, line)
      line = indent
    end
    line = line .. word .. (i < #words and ", " or "")
  end
  if line ~= indent then put(lines, line) end
end

local function public_names(value, keep)
  local list = {}
  for name in pairs(names.of(value)) do
    if name:sub(1, 1) ~= "_" and (not keep or keep(name)) then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

local function put_entry(lines, entry)
  if not entry then return end
  for _, line in ipairs(entry.text) do put(lines, line) end
  put_params(lines, entry)
end

local function class_signature(class, entry)
  if entry and entry.arguments then return class.name .. entry.arguments end
  local first = class.positional and class.positional[1]
  return ("%s(%s{ options })"):format(class.name, first and first .. ", " or "")
end

local function describe_class(class)
  local lines, entry = {}, of_class(class)
  put(lines, class_signature(class, entry))
  put_entry(lines, entry)
  local options = options_of(class)
  if #options > 0 then
    put(lines, "Options")
    wrap(lines, options, "  ")
  end
  if entry then put_example(lines, entry) end
  local methods = public_names(class, function(name)
    return type(names.get(class, name)) == "function" and name ~= "init" and name ~= "is"
  end)
  put(lines, "Methods")
  wrap(lines, methods, "  ")
  if class.parent then put(lines, "A kind of ", class.parent.name, ".") end
  return lines
end

local function describe_function(f)
  local lines, entry, path = {}, of_function(f)
  if not entry then return { pretty(f) .. (path and ": no description" or "") } end
  put(lines, entry.name == "return" and "" or entry.name, entry.arguments or "")
  put_entry(lines, entry)
  put_example(lines, entry)
  return lines
end

local function first_sentence(value)
  local entry
  if is_class(value) then entry = of_class(value) elseif type(value) == "function" then entry = of_function(value) end
  local text = entry and table.concat(entry.text, " ") or ""
  return (text:match("^(.-[%.:])%s") or text):sub(1, WIDTH - 26)
end

local function describe_table(value)
  local lines = {}
  for _, name in ipairs(public_names(value)) do
    local member = names.get(value, name)
    local about = type(member) == "table" and not is_class(member) and "..." or first_sentence(member)
    put(lines, (("  %-22s %s"):format(name, about):gsub("%s+$", "")))
  end
  return #lines > 0 and lines or { pretty(value) }
end

--- The lines help() prints for a value.
---@param value any
---@return string[]
function M.describe(value)
  local meta = debug.getmetatable(value)
  if is_class(value) then return describe_class(value) end
  if type(value) == "function" then return describe_function(value) end
  if type(value) == "table" and meta and meta.class then return describe_class(meta.class) end
  if type(value) == "table" and not (meta and meta.__tostring) then return describe_table(value) end
  return { ("a %s: %s"):format(type(value), pretty(value)) }
end

-- ---- Names --------------------------------------------------------------------------------------------------------------

-- `layers.GRU`, `mg.layers.GRU`, or GRU in whichever module has it.
local function find(path)
  local mg = require "moongate"
  path = path:gsub("^mg%.", ""):gsub("^moongate%.", "")
  local value = names.resolve(mg, path)
  if value ~= nil then return value end
  for _, name in ipairs(public_names(mg)) do
    local module = names.get(mg, name)
    local member = type(module) == "table" and not is_class(module) and names.get(module, path)
    if member then return member end
  end
end

local function all_names()
  local mg, list = require "moongate", {}
  for _, name in ipairs(public_names(mg)) do
    list[#list + 1] = name
    local module = names.get(mg, name)
    if type(module) == "table" and not is_class(module) then
      for _, inner in ipairs(public_names(module)) do list[#list + 1] = inner end
    end
  end
  return list
end

--- Describes a value, or the name in a string; without argument, what moongate offers.
---@param value any
---@example help(mg.layers.GRU)
function M.show(...)
  local value = ...
  if select("#", ...) == 0 then value = require "moongate" end
  if select("#", ...) > 0 and value == nil then
    print "nil: there is nothing of that name; help() lists what there is"
    return
  end
  if type(value) == "string" then
    local found = find(value)
    if found == nil then
      local nearest = require("moongate.check").nearest(value, all_names())
      print(("nothing is called %s%s"):format(value, nearest and "; did you mean " .. nearest .. "?" or ""))
      return
    end
    value = found
  end
  print(table.concat(M.describe(value), "\n"))
end

--- `moongate help [NAME | --reference]`; the exit status.
---@param arguments string[]
---@return integer
function M.command(arguments)
  if arguments[2] == "--reference" then
    io.write(require("moongate.cli.reference")())
  elseif arguments[2] then
    M.show(arguments[2])
  else
    M.show()
  end
  return 0
end

return M
