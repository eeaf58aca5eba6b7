-- A functional model's config: its layers with the calls between them. Source: keras/src/models/functional.py, get_config and
-- functional_from_config; tf_keras/src/engine/functional.py.
local check = require "moongate.check"
local compile_config = require "moongate.models.compile_config"
local dialects = require "moongate.dialects"
local json = require "moongate.json"
local nodes = require "moongate.models.nodes"
local null = require "moongate.null"
local rebuild = require "moongate.models.rebuild"
local Registry = require "moongate.registry"

local MODULES = { keras3 = "keras.src.models.functional", tf2 = "tf_keras.src.engine.functional" }

local function check_starts(self)
  for _, t in ipairs(self.inputs) do
    if not t.history.layer.inbound_nodes[t.history.node_index + 1].is_input then
      check.fail("%s: get_config: input %s is in the middle of a graph, which no config can tell; likely fix: mg.Input there",
        self:title(), tostring(t))
    end
  end
end

-- The order of the keys of a table by name, where a config keeps it.
local function order_of(given)
  if not json.is_object(given) then return nil end
  local keys = {}
  for key in json.pairs(given) do keys[#keys + 1] = key end
  return keys
end

return function(Functional)
  --- Name, layers and the calls between them as an ordered object that prints as JSON.
  ---@param dialect? string "keras3" (default) or "tf2"
  ---@return table
  function Functional:get_config(dialect)
    dialect = dialects.checked(self:title() .. ": get_config", dialect)
    check_starts(self)
    local form = dialects.form(dialect)
    local graph, list = form == "tf2" and self.plan or self.graph, {}
    for i, layer in ipairs(graph.layers) do
      local object = layer:serialize(dialect)
      object.name = layer.name
      object.inbound_nodes = nodes.write(graph, layer, form)
      list[i] = object
    end
    return json.object {
      { "name", self.name }, { "trainable", self.trainable }, { "layers", json.array(list) },
      { "input_layers", nodes.ends(graph, self.inputs_struct, form, self.input_order) },
      { "output_layers", nodes.ends(graph, self.outputs_struct, form, self.output_order) },
    }
  end

  local function input_shapes(self)
    local function list_of(shape)
      local out = {}
      for i = 1, #shape do out[i] = type(shape[i]) == "table" and shape[i] ~= null and list_of(shape[i]) or shape[i] end
      return json.array(out)
    end
    return list_of(self.input_shape)
  end

  --- The model in Keras's object form, as a layer of another model has it.
  ---@param dialect? string
  ---@return table
  ---@package
  function Functional:serialize(dialect)
    local form = dialects.form(dialect)
    local object = Registry.envelope(MODULES[form], "Functional", self:get_config(dialect), "Functional")
    object.build_config = json.object { { "input_shape", form == "tf2" and input_shapes(self) or null } }
    if form == "keras3" then object.compile_config = compile_config(self) end
    return object
  end

  --- A new model with fresh weights from a config: what get_config or to_json gave, in either dialect.
  ---@param config table|string
  ---@param options? table dialect (else told from the config), custom_objects = { Scale = Scale }, path
  ---@return Model
  function Functional.from_config(config, options)
    local op = "Model.from_config"
    config = dialects.table_of(config, op, type(options) == "table" and options.path)
    local where = dialects.where(op, config, options)
    if type(config.class_name) == "string" and config.config then
      config, where = config.config, dialects.at(where, "config")
    end
    local inputs, outputs = rebuild(config, where)
    local name = config.name
    if name == null then name = nil end
    local model = Functional { inputs = inputs, outputs = outputs, name = name, trainable = config.trainable ~= false }
    model.input_order, model.output_order = order_of(config.input_layers), order_of(config.output_layers)
    return model
  end
end
