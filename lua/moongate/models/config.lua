-- A model's config, with Keras's keys in Keras's order.
local check = require "moongate.check"
local fields = require "moongate.fields"
local json = require "moongate.json"
local layers = require "moongate.layers"
local losses = require "moongate.losses"
local metrics = require "moongate.metrics"
local null = require "moongate.null"
local optimizers = require "moongate.optimizers"
local Registry = require "moongate.registry"

local function list_of(items, encode)
  if not items then return null end
  local list = {}
  for i, item in ipairs(items) do list[i] = encode(item) end
  return json.array(list)
end

-- Names stay names; objects become configs.
local function encode_metric(metric) return type(metric) == "string" and metric or metrics.serialize(metric) end

local function compile_config(self)
  local given = self.compiled_with
  if not given then return json.object() end
  local loss = given.loss
  if type(loss) ~= "string" then loss = losses.serialize(loss) end
  return json.object {
    { "optimizer", optimizers.serialize(self.optimizer) }, { "loss", loss }, { "loss_weights", null },
    { "metrics", list_of(given.metrics, encode_metric) }, { "weighted_metrics", list_of(given.weighted_metrics, encode_metric) },
    { "run_eagerly", false }, { "steps_per_execution", 1 }, { "jit_compile", false },
  }
end

return function(Sequential)
  --- Name, dtype and layers as an ordered object that prints as JSON.
  ---@return table
  function Sequential:get_config()
    local list = {}
    if self.input_layer then list[1] = self.input_layer:serialize() end
    if list[1] then list[1].build_config = nil end
    for _, layer in ipairs(self.layers) do list[#list + 1] = layer:serialize() end
    local config = json.object {
      { "name", self.name }, { "trainable", self.trainable }, { "dtype", fields.dtype.encode(self.dtype) },
      { "layers", json.array(list) },
    }
    if self.built then config.build_input_shape = json.array(self.build_shape) end
    return config
  end

  --- The model in Keras's object form, as a layer of another model has it.
  ---@return table
  ---@package
  function Sequential:serialize()
    local object = Registry.envelope("keras", "Sequential", self:get_config())
    if self.built then object.build_config = json.object { { "input_shape", json.array(self.build_shape) } } end
    return object
  end

  --- The whole model without weights as JSON text, which from_config and Python's model_from_json read.
  ---@return string
  function Sequential:to_json()
    local object = self:serialize()
    object.compile_config = compile_config(self)
    return json.encode(object)
  end

  --- A new model with fresh weights from a config: what get_config or to_json gave.
  ---@param config table|string
  ---@return Sequential
  function Sequential.from_config(config)
    if type(config) == "string" then config = json.decode(config) end
    check.type("Sequential.from_config", "config", config, "table")
    if config.class_name == "Sequential" and config.config then config = config.config end
    local list = {}
    for i, each in ipairs(config.layers or {}) do list[i] = layers.deserialize(each) end
    local model = Sequential { layers = list, name = config.name }
    local shape = config.build_input_shape
    if type(shape) == "table" and shape ~= null then model:ensure_built(shape) end
    if config.trainable == false then model.trainable = false end
    return model
  end
end
