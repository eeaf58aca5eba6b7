-- A Sequential's config, in Keras 3's form and in TensorFlow 2's. Source: keras/src/models/sequential.py.
local check = require "moongate.check"
local compile_config = require "moongate.models.compile_config"
local dialects = require "moongate.dialects"
local fields = require "moongate.fields"
local json = require "moongate.json"
local layers = require "moongate.layers"
local null = require "moongate.null"
local Registry = require "moongate.registry"

local function read_layers(config, where)
  local list, given = {}, config.layers or {}
  if type(given) ~= "table" or given == null then
    dialects.fail(dialects.at(where, "layers"), "is %s, expected a list of layers", check.describe(given))
  end
  for i, each in ipairs(given) do
    list[i] = layers.deserialize(each, dialects.at(dialects.at(where, "layers"), i))
  end
  return list
end

return function(Sequential)
  --- Name, dtype and layers as an ordered object that prints as JSON.
  ---@param dialect? string "keras3" (default) or "tf2"
  ---@return table
  function Sequential:get_config(dialect)
    dialect = dialects.checked(self:title() .. ": get_config", dialect)
    local older, list = dialects.form(dialect) == "tf2", {}
    if self.input_layer then list[1] = self.input_layer:serialize(dialect) end
    for _, layer in ipairs(self.layers) do list[#list + 1] = layer:serialize(dialect) end
    local config = json.object { { "name", self.name } }
    if not older then
      config.trainable = self.trainable
      config.dtype = fields.dtype.encode(self.dtype, { dialect = dialect })
    end
    config.layers = json.array(list)
    if self.built and not older then config.build_input_shape = json.array { unpack(self.build_shape) } end
    return config
  end

  --- The model in Keras's object form, as a layer of another model has it.
  ---@param dialect? string
  ---@return table
  ---@package
  function Sequential:serialize(dialect)
    local object = Registry.envelope("keras", "Sequential", self:get_config(dialect))
    if self.built then
      object.build_config = json.object { { "input_shape", json.array { unpack(self.build_shape) } } }
    end
    if dialects.form(dialect) == "keras3" then object.compile_config = compile_config(self) end
    return object
  end

  --- A new model with fresh weights from a config: what get_config or to_json gave, in either dialect.
  ---@param config table|string
  ---@param options? table dialect (else told from the config), custom_objects = { Scale = Scale }, path
  ---@return Sequential
  function Sequential.from_config(config, options)
    local op = "Sequential.from_config"
    config = dialects.table_of(config, op, type(options) == "table" and options.path)
    local where = dialects.where(op, config, options)
    if config.class_name == "Sequential" and config.config then
      config, where = config.config, dialects.at(where, "config")
    end
    if config[1] ~= nil then config = { layers = config } end -- Keras up to 2.2.2: a bare list
    local name = config.name
    local model = Sequential { layers = read_layers(config, where), name = name ~= null and name or nil }
    local shape = config.build_input_shape
    if type(shape) == "table" and shape ~= null then model:ensure_built { unpack(shape) } end
    if config.trainable == false then model.trainable = false end
    return model
  end
end
