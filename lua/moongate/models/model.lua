-- What all models share: Sequential and the functional model extend it. Training, configs and the summary are in the files beside
-- this one. Source: keras/src/models/model.py.
local check = require "moongate.check"
local class = require "moongate.class"
local Layer = require "moongate.layers.layer"
local Registry = require "moongate.registry"

--- A layer made of layers, which can be trained: mg.Sequential, mg.Model.
local Model = class("Model", Layer)
Layer.declare(Model)

Model.supports_masking, Model.records_mask = true, true
Model.call_options = { "mask", "training" }
Model.stop_training = false

--- The layer of a name, or at a position from 1 (negative from the end).
---@param key string|integer
---@return Layer
function Model:get_layer(key)
  if type(key) == "number" then
    local layer = self.layers[key < 0 and #self.layers + 1 + key or key]
    return layer or check.fail("%s: get_layer: index %d, expected 1..%d", self:title(), key, #self.layers)
  end
  local names = {}
  for i, layer in ipairs(self.layers) do
    if layer.name == key then return layer end
    names[i] = layer.name
  end
  return check.fail("%s: get_layer: no layer %s%s; layers: %s", self:title(), check.describe(key), check.hint(key, names),
    table.concat(names, ", "))
end

--- Groups of a file: Keras names them after the classes, in order: layers/gru, layers/gru_1.
---@package
function Model:children()
  local list, used = {}, {}
  for i, layer in ipairs(rawget(self, "layers") or {}) do
    local name = Registry.snake_case(getmetatable(layer).class.name)
    local count = used[name] or 0
    used[name] = count + 1
    list[i] = { "layers/" .. name .. (count > 0 and "_" .. count or ""), layer }
  end
  return list
end

--- The model's layers. Every step walks them several times; their names in a file are not needed for that.
---@return table[]
---@package
function Model:inner_layers() return rawget(self, "layers") or {} end

--- The output's mask is the last layer's, and rides on it already.
function Model.compute_mask() return nil end

--- The names of inputs and outputs in tables by name: the layers', or the names in the tables that the model was made of.
function Model.getters:input_keys() return self.input_names end
function Model.getters:result_names() return self.output_names end

--- Forgets the stored states of all stateful layers.
function Model:reset_state()
  for _, layer in ipairs(self.layers) do
    if (layer.stateful or layer:is(Model)) and layer.reset_state then layer:reset_state() end
  end
end

--- A stream: the model one step of time at a call, with states of its own and nothing allocated in a step. All streams of a model
--- share its packed weights. Every layer needs a step of its own: recurrent ones, Embedding, Dense, TimeDistributed, activations,
--- normalizations, Rescaling, noise (which does nothing), models of such; any other is refused by name.
---@param options? table batch = 1 (rows that step together), with (another stream of the model)
---@return Stream
---@example local stream = model:stream(); local y = stream:step(x)
function Model:stream(options) return require "moongate.stream" (self, options) end

require "moongate.models.config" (Model)
require "moongate.models.compile" (Model)
require "moongate.models.steps" (Model)
require "moongate.models.tbptt" (Model)
require "moongate.models.fit" (Model)
require "moongate.models.predict" (Model)
require "moongate.models.saving" (Model)

--- Prints the layers with their output shapes and numbers of parameters, as Keras does, in lines that fit the terminal. `print_fn`
--- takes the text instead; `utf8 = false` draws with ASCII characters (the default follows the locale). positions are where columns
--- end, up to 1; layer_range the names (or Lua patterns) of the first and last layer to show.
---@param options? table line_length, positions, print_fn, expand_nested = false, show_trainable = false, layer_range, utf8
---@example model:summary { line_length = 60, show_trainable = true }
function Model:summary(options) require("moongate.models.summary")(self, options) end

--- Where each mask goes for an input: which layer makes one, which use it, pass it on or end it. Prints as a table.
---@param x Tensor|table (B, ...)
---@return table[] { layer =, level =, mask_in =, used =, action =, mask = } for every call, in order
---@example print(model:masks(ids))
function Model:masks(x) return require("moongate.models.masks")(self, x) end

return Model
