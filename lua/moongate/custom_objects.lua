-- Classes and functions of your own that configs name: Keras's custom objects. A reader looks into its own `custom_objects` first,
-- then into those registered for all, by registered name ("package>name") or plain name.
local check = require "moongate.check"

local custom = {}
local registered, names = {}, setmetatable({}, { __mode = "k" })

--- The table of all custom objects; entries may be put into it.
---@return table
function custom.get_custom_objects() return registered end

--- Gives a class or a function a name in configs, "package>name": `register_keras_serializable("my", "Scale")(Scale)`.
---@param package? string default "Custom"
---@param name? string default the class's name
---@return function takes the class and returns it
---@example mg.utils.register_keras_serializable("my_package")(Scale)
function custom.register_keras_serializable(package, name)
  local op = "register_keras_serializable"
  if package ~= nil then check.type(op, "package", package, "string") end
  if name ~= nil then check.type(op, "name", name, "string") end
  return function(object)
    local own = name or (type(object) == "table" and rawget(object, "name"))
    if type(own) ~= "string" then
      check.fail("%s: %s has no name of its own; likely fix: register_keras_serializable(package, name)", op,
        check.describe(object))
    end
    local full = (package or "Custom") .. ">" .. own
    registered[full], names[object] = object, full
    return object
  end
end

--- The registered name of a class or function; for others the name of the class.
---@param object table|function
---@return string|nil
function custom.name_of(object)
  return names[object] or (type(object) == "table" and object.name or nil)
end

--- The custom object of a name for a reader, or nil.
---@param where table|nil
---@param name string
---@param registered_name any
---@return any
---@package
function custom.find(where, name, registered_name)
  local own = where and where.custom_objects
  for _, key in ipairs { registered_name or false, name } do
    if type(key) == "string" then
      local found = own and own[key] or registered[key] or registered["Custom>" .. key]
      if found ~= nil then return found end
    end
  end
  return nil
end

return custom
