--- From a value to its annotation in the source, and from a word to a value.
local annotations = require "moongate.cli.annotations"
local names = require "moongate.cli.names"

local M = {}

local function entry_where(path, test)
  for _, entry in ipairs((annotations.of_file(path))) do
    if test(entry) then return entry end
  end
end

local function source_of(f)
  local info = debug.getinfo(f, "S")
  return info.source:match("^@(.*)$"), info.linedefined
end

-- Every module that is loaded: visit(name of the module, its value).
local function each_module(visit)
  for name, module in pairs(package.loaded) do
    if type(name) == "string" and name:match("^moongate%.") and type(module) == "table" then
      local found = visit(name, module)
      if found then return found end
    end
  end
end

-- A function that another one made: the field it was assigned to has the annotation.
local function of_field(f)
  return each_module(function(name, module)
    for key, member in next, module do
      if member == f and type(key) == "string" then
        local path = package.searchpath(name, package.path)
        return path and entry_where(path, function(entry) return entry.name and entry.name:match("[%.:]([%w_]+)$") == key end)
      end
    end
  end)
end

-- A function that is a whole module: what its file says at the top.
local function of_whole_module(f)
  for name, module in pairs(package.loaded) do
    local path = rawequal(module, f) and package.searchpath(name, package.path)
    if path then
      return { name = name:match("[^%.]*$"), text = select(2, annotations.of_file(path)), params = {}, returns = {}, example = {} }
    end
  end
end

--- The annotation of a function, or nil.
---@param f function
---@return table|nil
function M.of_function(f)
  local path, line = source_of(f)
  if not path then return nil end
  return entry_where(path, function(entry) return entry.line == line end) or of_field(f) or of_whole_module(f)
end

--- Whether a value is a class of ours.
---@param value any
---@return boolean
function M.is_class(value)
  return type(value) == "table" and rawget(value, "getters") ~= nil and rawget(value, "name") ~= nil
end

-- The annotation of a class that is a whole module.
local function of_class_module(class)
  return each_module(function(name, module)
    local path = rawequal(module, class) and package.searchpath(name, package.path)
    return path and entry_where(path, function(entry) return entry.class == class.name end)
  end)
end

--- The annotation of a class: above it, or above its constructor.
---@param class table
---@return table|nil
function M.of_class(class)
  local found = of_class_module(class)
  if found then return found end
  for _, member in next, class do
    local path = type(member) == "function" and source_of(member)
    found = found or (path and entry_where(path, function(entry) return entry.class == class.name end))
  end
  if found then return found end
  local constructor = rawget(class, "init") or rawget(class, "setup")
  return constructor and M.of_function(constructor) or each_module(function(name)
    local path = package.searchpath(name, package.path)
    return path and entry_where(path, function(entry) return entry.class == class.name end)
  end)
end

--- What the file of a module says at its top.
---@param module table
---@return string[]|nil lines
function M.of_module(module)
  local name = each_module(function(name, loaded) return rawequal(loaded, module) and name end)
  local path = name and package.searchpath(name, package.path)
  return path and select(2, annotations.of_file(path))
end

--- Whether a value is a tensor.
---@param value any
---@return boolean
function M.is_tensor(value)
  local tensors = package.loaded["moongate.tensor_core"]
  return tensors ~= nil and tensors.is(value)
end

local function without_mg(path) return (path:gsub("^mg%.", ""):gsub("^moongate%.", "")) end

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- The modules of mg that hold names, by name.
local function modules()
  local mg, list = require "moongate", {}
  for _, name in ipairs(sorted(names.of(mg))) do
    local module = names.get(mg, name)
    if type(module) == "table" and not M.is_class(module) then list[#list + 1] = module end
  end
  return list
end

-- What has methods: models and tensors first, then every class of the modules.
local function owners()
  local mg = require "moongate"
  local list = { mg.Sequential, mg.zeros { 1 }, mg.layers.Layer, require "moongate.data.dataset" }
  for _, module in ipairs(modules()) do
    for _, name in ipairs(sorted(names.of(module))) do
      local class = names.get(module, name)
      if M.is_class(class) then list[#list + 1] = class end
    end
  end
  return list
end

--- The value of `layers.GRU`, `mg.layers.GRU`, `Tensor`, `Tensor.sum`; GRU in whichever module has it; `fit` of the class that has
--- it. nil when there is none.
---@param path string
---@return any
function M.find(path)
  local mg = require "moongate"
  path = without_mg(path)
  local value = names.resolve(mg, path)
  if value ~= nil then return value end
  if path == "Tensor" then return mg.zeros { 1 } end
  local method = path:match("^Tensor[%.:]([%w_]+)$")
  if method then return names.get(mg.zeros { 1 }, method) end
  for _, module in ipairs(modules()) do
    local member = names.resolve(module, path)
    if member then return member end
  end
  for _, owner in ipairs(owners()) do
    local member = names.get(owner, path)
    if type(member) == "function" then return member end
  end
end

--- "; did you mean layers.GRU?" for a path that leads to nothing, or "".
---@param path string
---@return string
function M.hint(path)
  path = without_mg(path)
  local parent, last = path:match("^(.*)[%.:]([^%.:]+)$")
  local value = parent and M.find(parent)
  local known = {}
  for _, owner in ipairs(value ~= nil and { value } or { require "moongate", unpack(modules()) }) do
    for name in pairs(names.of(owner)) do known[name] = true end
  end
  if value == nil then
    for _, owner in ipairs(owners()) do
      for name in pairs(names.of(owner)) do known[name] = true end
    end
    known.Tensor = true
  end
  local nearest = require("moongate.check").nearest(last or path, sorted(known))
  return nearest and ("; did you mean %s%s?"):format(value ~= nil and parent .. "." or "", nearest) or ""
end

return M
