-- Models as JSON: what all of them share. What a Sequential and a functional model write is in their own files.
local dialects = require "moongate.dialects"
local json = require "moongate.json"

local KERAS_VERSION = "2.21.0" -- of the tf_keras whose form "tf2" is

return function(Model)
  --- The whole model without weights as JSON text, which model_from_json and Python's model_from_json read.
  ---@param dialect? string "keras3" (default) or "tf2"
  ---@return string
  function Model:to_json(dialect)
    dialect = dialects.checked(self:title() .. ": to_json", dialect)
    local object = self:serialize(dialect)
    if dialects.form(dialect) == "keras3" then return json.encode(object) end
    return json.encode(json.object {
      { "class_name", object.class_name }, { "config", object.config }, { "keras_version", KERAS_VERSION },
      { "backend", "tensorflow" },
    })
  end
end
