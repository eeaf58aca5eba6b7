-- All layers by name; each file is loaded when it is first asked for.
local check = require "moongate.check"
local json = require "moongate.json"

local layers = {}

local FILES = {
  Layer = "layer", InputLayer = "input", Input = "input_tensor", Embedding = "embedding", RNN = "rnn",
  GRUCell = "gru_cell", GRU = "gru",
  Dense = "dense", Dropout = "dropout", Activation = "activation", Masking = "masking", Flatten = "flatten", Reshape = "reshape",
}

--- The names of all layers, sorted.
---@return string[]
function layers.names()
  local list = {}
  for name in pairs(FILES) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- Layers of your own, by name, for models that are read from a config.
local registered = {}

--- Makes a layer class known to configs: `mg.layers.register(Scale)`.
---@param C table a class with from_config
function layers.register(C)
  check.type("layers.register", "class", C, "table")
  if type(C.name) ~= "string" or not C.from_config then
    check.fail("layers.register: argument class is %s, expected a class with from_config; make it with Layer:extend",
      check.describe(C))
  end
  registered[C.name] = C
  return C
end

--- The layer of a config { class_name =, config =, build_config = } (ordered object, plain table or JSON text).
---@param config table|string
---@return any
function layers.deserialize(config)
  if type(config) == "string" then config = json.decode(config) end
  check.type("layers.deserialize", "config", config, "table")
  local name = config.class_name
  local C = registered[name] or layers[name]
  if not C then
    local known = layers.names()
    check.fail("layers.deserialize: unknown layer class %s%s; known classes: %s", check.describe(name), check.hint(name, known),
      table.concat(known, ", "))
  end
  local layer = C.from_config(config.config)
  local build = config.build_config
  if build and build.input_shape and not layer.built then layer:ensure_built(build.input_shape) end
  return layer
end

--- The config of a layer, as Keras writes it into a model's.
---@param layer table
---@return table|string
function layers.serialize(layer)
  if type(layer) ~= "table" or not layer.serialize or not layer.is_layer then
    check.fail("layers.serialize: argument layer is %s, expected a layer", check.describe(layer))
  end
  return layer:serialize()
end

return setmetatable(layers, { names = FILES, __index = function(self, name)
  local file = FILES[name]
  if not file then return nil end
  local C = require("moongate.layers." .. file)
  rawset(self, name, C)
  return C
end })
