-- How layers are written into configs.
local dialects = require "moongate.dialects"
local fields = require "moongate.fields"
local json = require "moongate.json"
local Registry = require "moongate.registry"

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
    if self.built and self.build_shape then
      object.build_config = json.object { { "input_shape", json.array { unpack(self.build_shape) } } }
    end
    return object
  end
end
