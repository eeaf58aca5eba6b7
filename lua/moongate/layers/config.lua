-- How layers are written into configs.
local dialects = require "moongate.dialects"
local fields = require "moongate.fields"
local json = require "moongate.json"
local Registry = require "moongate.registry"
local shapes = require "moongate.shape"

-- A shape, or a list of them, as an array.
local function shape_array(shape)
  local list = {}
  for i = 1, #shape do list[i] = shapes.is_list(shape) and shape_array(shape[i]) or shape[i] end
  return json.array(list)
end

-- The shapes that a layer was built for: of its input; with states Keras 3 names them, TensorFlow 2 has them in one list.
local function build_config(self, form)
  local C = getmetatable(self).class
  if not self.built or not self.build_shape or self.is_input then return nil end
  if form == "keras3" and rawget(C, "built_at_once") then return nil end
  local shape, more = shape_array(self.build_shape), rawget(self, "build_options") or {}
  if #more == 0 then return json.object { { "input_shape", shape } } end
  if form == "tf2" then
    local list = { shape }
    for _, item in ipairs(more) do
      for _, each in ipairs(shapes.is_list(item[2]) and item[2] or { item[2] }) do list[#list + 1] = shape_array(each) end
    end
    return json.object { { "input_shape", json.array(list) } }
  end
  local named = json.object { { "sequences_shape", shape } }
  for _, item in ipairs(more) do named[item[1] .. "_shape"] = shape_array(item[2]) end
  return json.object { { "shapes_dict", named } }
end

return function(Layer)
  --- The options as an ordered object in Keras's form and order; it prints as JSON.
  ---@param dialect? string "keras3" (default), "tf2", "compat.v1"
  ---@return table
  function Layer:get_config(dialect) return fields.config(self, getmetatable(self).class, dialect) end

  --- The layer as Keras writes it into a model's config: module, class, config, and the shape it was built for.
  ---@param dialect? string "keras3" (default), "tf2", "compat.v1"
  ---@return table
  ---@package
  function Layer:serialize(dialect)
    local C = getmetatable(self).class
    dialect = dialects.checked(C.name .. ":serialize", dialect)
    local module, registered_name = require("moongate.layers").home_of(C)
    local object = Registry.envelope(module, C.name, self:get_config(dialect), registered_name)
    object.build_config = build_config(self, dialects.form(dialect))
    return object
  end
end
