-- A new layer with the options of another one, and weights of its own; built, where the other one is. The cells and layers among
-- the options are made anew too.
local null = require "moongate.null"

local clone

-- A copy of an option's value.
local function copy(value)
  if type(value) ~= "table" or value == null then return value end
  if value.is_layer then return clone(value) end
  if getmetatable(value) == nil and type(value[1]) == "table" and value[1].is_layer then
    local list = {}
    for i = 1, #value do list[i] = copy(value[i]) end
    return list
  end
  return value
end

--- A new layer as `layer` was made, but for `changes`.
---@param layer table
---@param changes? table options by name
---@return table
function clone(layer, changes)
  local C, options = getmetatable(layer).class, {}
  for _, field in ipairs(C.fields) do
    local name = field[1]
    if not field.once then
      local value = layer[name]
      if value == nil and field.nullable then value = null end
      options[name] = copy(value)
    end
  end
  for name, value in pairs(changes or {}) do options[name] = value end
  local new = C(options)
  if layer.built and layer.build_shape then new:ensure_built(layer.build_shape) end
  return new
end

return clone
