--- What names a value offers: its own keys, those of its class and their parents, and modules that load on first use.
local M = {}

local function add_keys(names, source)
  for key in next, source do
    if type(key) == "string" and key:match("^[%a_][%w_]*$") then names[key] = true end
  end
end

-- A class, its parents, and the properties they declare.
local function add_class(names, class)
  while class do
    add_keys(names, class)
    local getters = rawget(class, "getters")
    if getters then add_keys(names, getters) end
    class = rawget(class, "parent")
  end
end

--- Names that can follow `value.`, as a set.
---@param value any
---@return table<string, boolean>
function M.of(value)
  local names, meta = {}, debug.getmetatable(value)
  if type(value) == "table" then add_keys(names, value) end
  if type(value) == "table" and (rawget(value, "init") or rawget(value, "getters")) then add_class(names, value) end
  if type(meta) ~= "table" then return names end
  if meta.class then add_class(names, meta.class) end
  for _, field in ipairs { "__index", "names" } do
    local source = rawget(meta, field)
    if type(source) == "table" then add_keys(names, source) end
  end
  return names
end

--- `value[name]`, or nil where that raises an error.
---@param value any
---@param name string
---@return any
function M.get(value, name)
  local ok, found = pcall(function() return value[name] end)
  return ok and found or nil
end

--- Follows "a.b.c" from `root`; nil where a step does not exist.
---@param root any
---@param path string
---@return any
function M.resolve(root, path)
  local value = root
  for name in path:gmatch("[^%.:]+") do
    value = M.get(value, name)
    if value == nil then return nil end
  end
  return value
end

return M
