--- "did you mean": the names that were probably meant.
local names = require "moongate.cli.names"

local M = {}

local MOST = 40 -- names in a list of all

local function is_module(value)
  for name, module in pairs(package.loaded) do
    if rawequal(module, value) and type(name) == "string" and name:match("^moongate") then return true end
  end
  return false
end

--- "; did you mean 'x'?" for a name that `value` does not have; where nothing is near, what a module of moongate has; or "".
---@param value any
---@param name string
---@param path? string how `value` is called
---@return string
function M.nearest(value, name, path)
  local known = {}
  for word in pairs(names.of(value)) do
    if word:sub(1, 1) ~= "_" then known[#known + 1] = word end
  end
  table.sort(known)
  local nearest = require("moongate.check").nearest(name, known)
  if nearest then return ("; did you mean '%s'?"):format(nearest) end
  local listed = path and #known > 0 and #known <= MOST and is_module(value)
  return listed and ("; %s has %s"):format(path, table.concat(known, ", ")) or ""
end

-- The names that the code of a message sees, and its frame: the one whose position the message begins with.
local function scope_of(message)
  for level = 2, math.huge do
    local info = debug.getinfo(level, "Slfu")
    if not info then return _G, {} end
    if message:find(("%s:%d:"):format(info.short_src, info.currentline), 1, true) == 1 then
      local scope = {}
      local function add(name, value) if name then scope[name] = value end return name end
      for i = 1, info.nups do add(debug.getupvalue(info.func, i)) end
      local i = 1
      while add(debug.getlocal(level, i)) do i = i + 1 end
      return setmetatable(scope, { __index = getfenv(info.func) }), info
    end
  end
end

local function text_of(info, code)
  local path = info.source and info.source:match("^@(.*)$")
  local file = path and io.open(path)
  if not file then return not path and code or "" end
  local text = file:read("*a")
  file:close()
  return text or ""
end

-- The value before `.name` or `:name` in the code, as "a.b"; the line of the error first, since a call may go over several.
local function owner_in(text, number, name)
  local form = "([%a_][%w_%.]*)[%.:]" .. name .. "%f[^%w_]"
  local at = 0
  for line in (text .. "\n"):gmatch("(.-)\n") do
    at = at + 1
    if at == number and line:match(form) then return line:match(form) end
  end
  return text:match(form)
end

--- What to add to a message about a field that is nil, in an error handler: whose field it is shows in the script, or in `code`.
---@param message string
---@param code? string what runs when it is no file
---@return string
function M.of_error(message, code)
  local name = message:match("attempt to %a+ %a+ '([%w_]+)' %(a nil value%)$")
  if not name then return "" end
  local scope, info = scope_of(message)
  local path = owner_in(text_of(info, code or ""), info.currentline, name)
  local value = path and names.resolve(scope, path)
  return value ~= nil and M.nearest(value, name, path) or ""
end

-- The function of moongate that the user's code called, where it is a method, with its first argument: { name, self, place }.
local function method_called()
  local check = require "moongate.check"
  local place = (check.frames(1)[1] or {}).place
  local last
  for level = 2, math.huge do
    local info = debug.getinfo(level, "Slnf")
    if not info then return nil end
    if ("%s:%d"):format(info.short_src, info.currentline) == place then break end
    last = { level = level, info = info }
  end
  local name = last and (last.info.namewhat == "field" or last.info.namewhat == "local") and last.info.name
  if not name or not name:match("^[%a_][%w_]*$") then return nil end
  local first, value = debug.getlocal(last.level, 1)
  return first == "self" and { name = name, self = value, f = last.info.func, place = place }
end

-- Whether an object has f for a method, its own or one of a class that it extends.
local function has_method(value, name, f)
  if type(value) ~= "table" then return false end
  local class = (getmetatable(value) or {}).class
  while class and rawget(class, name) ~= f do class = class.parent end
  return class ~= nil or names.get(value, name) == f
end

--- A message in which a method was called with a dot: model.fit(x), whose `self` is then x. Others are given back as they are.
---@param message string
---@return string
function M.of_dot(message)
  local call = method_called()
  if not call or has_method(call.self, call.name, call.f) then return message end
  return ("%s: %s was called with a dot, and its first argument taken for the object; likely fix: a colon, object:%s(...)"):format(
    call.place, call.name, call.name)
end

--- The same for an expression like `mg.layers.Gru` that gave nil.
---@param code string
---@return string
function M.of_nil(code)
  local path, name = code:match("^%s*([%a_][%w_%.]*)%.([%a_][%w_]*)%s*$")
  local value = path and names.resolve(_G, path)
  return value ~= nil and M.nearest(value, name, path) or ""
end

return M
