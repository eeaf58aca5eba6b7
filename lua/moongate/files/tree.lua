-- How a model's objects lie in a file: Keras names groups by attribute, and objects in a list by the snake case of their class.
-- Source: keras/src/saving/saving_lib.py (3.15), _save_state and _save_container_state.
local Registry = require "moongate.registry"

local tree = {}

local function class_name(object)
  local meta = getmetatable(object)
  return meta and meta.class and meta.class.name
end

local function join(path, name) return path == "" and name or path .. "/" .. name end

-- A list of objects: gru, gru_1, dense, ... counted for each list by itself.
local function walk_list(list, path, visit, seen)
  local used = {}
  for _, object in ipairs(list) do
    local name = Registry.snake_case(class_name(object) or "container")
    local number = used[name]
    used[name] = (number or 0) + 1
    tree.walk(object, join(path, number and name .. "_" .. number or name), visit, seen)
  end
end

--- Calls visit(object, path) for an object and all objects in it, each once, parents first.
---@param object table with children(): { attribute, object or list of objects }
---@param path string "" for a model
---@param visit fun(object: table, path: string)
function tree.walk(object, path, visit, seen)
  seen = seen or {}
  if seen[object] then return end
  seen[object] = true
  if not class_name(object) then return walk_list(object, path, visit, seen) end
  visit(object, path)
  for _, child in ipairs(object.children and object:children() or {}) do
    tree.walk(child[2], join(path, child[1]), visit, seen)
  end
end

--- `GRUCell "gru_cell"`: how messages call an object.
---@return string
function tree.title(object)
  local name = rawget(object, "name")
  return class_name(object) .. (name and (' "%s"'):format(name) or "")
end

return tree
