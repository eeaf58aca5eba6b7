-- A stack of layers. Source: keras.Sequential. Training, configs and the summary are in the files beside this one.
local check = require "moongate.check"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local Registry = require "moongate.registry"
local tensor = require "moongate.tensor"

--- Layers one after the other, as one model: mg.Sequential { layer, ... }, or mg.Sequential() and add.
---@param layers? table[] layers in order; the first may be an Input
---@param options? table { name =, trainable = true }
---@example local model = mg.Sequential { mg.layers.Embedding(96, 64), mg.layers.GRU(256), mg.layers.Dense(1) }
local Sequential = Layer.extend("Sequential", { { "layers", codec = fields.any, hidden = true } }, { "layers" })

Sequential.supports_masking = true
Sequential.call_options = { "mask", "training" }
Sequential.stop_training = false

function Sequential:setup(options)
  local given, own = options.layers, {}
  for key, value in pairs(options) do
    if key ~= "layers" then own[key] = value end
  end
  Layer.setup(self, own)
  self.layers = {}
  if given ~= nil then check.type("Sequential", "layers", given, "table") end
  for i = 1, #(given or {}) do self:add(given[i]) end
end

local function last_shape(self)
  local shape = self.build_shape
  for _, layer in ipairs(self.layers) do shape = layer:compute_output_shape(shape) end
  return shape
end

local function take_input(self, layer)
  if #self.layers > 0 or self.input_layer then
    check.fail("%s: add: an Input has to be the first layer", self:title())
  end
  self.input_layer = layer
  Layer.build(self, layer.batch_shape)
end

--- Adds a layer at the end.
---@param layer Layer
---@return Sequential self
function Sequential:add(layer)
  if type(layer) ~= "table" or not layer.is_layer or rawget(layer, "init") or not getmetatable(layer).class then
    check.fail("%s: add: argument layer is %s, expected a layer; likely fix: mg.layers.Dense(10), called, not the class",
      self:title(), check.describe(layer))
  end
  for _, other in ipairs(self.layers) do
    if other.name == layer.name then
      check.fail("%s: add: there is a layer %q already; give each its own name", self:title(), layer.name)
    end
  end
  if getmetatable(layer).class.name == "InputLayer" then
    take_input(self, layer)
    return self
  end
  if self.built then layer:ensure_built(last_shape(self)) end
  self.layers[#self.layers + 1] = layer
  return self
end

--- Takes the last layer away and returns it.
---@return Layer|nil
function Sequential:pop() return table.remove(self.layers) end

--- The layer of a name, or at a position from 1 (negative from the end).
---@param key string|integer
---@return Layer
function Sequential:get_layer(key)
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
function Sequential:children()
  local list, used = {}, {}
  for i, layer in ipairs(rawget(self, "layers") or {}) do
    local name = Registry.snake_case(getmetatable(layer).class.name)
    local count = used[name] or 0
    used[name] = count + 1
    list[i] = { "layers/" .. name .. (count > 0 and "_" .. count or ""), layer }
  end
  return list
end

--- Makes the weights of all layers for an input shape with the batch axis (mg.null: any size).
---@param shape integer[]
---@example model:build { mg.null, 100 }
function Sequential:build(shape)
  check.type(self:title() .. ": build", "input_shape", shape, "table")
  local current = shape
  for _, layer in ipairs(self.layers) do
    layer:ensure_built(current)
    current = layer:compute_output_shape(current)
  end
  Layer.build(self, shape)
end

--- Builds for batches like `x`, of any number of rows.
---@param x Tensor (B, ...)
---@package
function Sequential:build_for(x)
  local shape = { null }
  for i = 2, #x.shape do shape[i] = x.shape[i] end
  self:ensure_built(shape)
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function Sequential:compute_output_shape(shape)
  for _, layer in ipairs(self.layers) do shape = layer:compute_output_shape(shape) end
  return shape
end

--- The output's mask is the last layer's, and rides on it already.
function Sequential.compute_mask() return nil end

-- Ids stay integers, tables become what the first layer takes.
function Sequential:convert(x)
  if #self.layers == 0 then check.fail("%s: the model has no layers; add some first", self:title()) end
  if tensor.is(x) then return x end
  return self.layers[1]:convert(x)
end

function Sequential:check_input(shape)
  if self.input_layer then self.input_layer:check_input(shape) end
end

--- The layers' work, one after the other.
---@param x Tensor (B, ...)
---@param options? table mask, training
---@return Tensor
function Sequential:call(x, options)
  options = check.options(self:title(), options, self.call_options)
  local results = { x }
  for i, layer in ipairs(self.layers) do
    results = { layer(results[1], { training = options.training, mask = i == 1 and options.mask or nil }) }
  end
  return unpack(results)
end

--- Forgets the stored states of all stateful layers.
function Sequential:reset_state()
  for _, layer in ipairs(self.layers) do
    if layer.stateful and layer.reset_state then layer:reset_state() end
  end
end

require("moongate.layers").register(Sequential)
require "moongate.models.config" (Sequential)
require "moongate.models.compile" (Sequential)
require "moongate.models.steps" (Sequential)
require "moongate.models.fit" (Sequential)
require "moongate.models.predict" (Sequential)
require "moongate.models.saving" (Sequential)

--- Prints the layers with their output shapes and numbers of parameters, as Keras does, in lines that fit the terminal. `print_fn`
--- takes the text instead; `utf8 = false` draws with ASCII characters (the default follows the locale).
---@param options? table line_length = up to 88, print_fn = function(text), show_trainable = false, utf8
---@example model:summary { line_length = 60, show_trainable = true }
function Sequential:summary(options) require("moongate.models.summary")(self, options) end

--- Where each mask goes: the mask of every layer's output for an input. Prints as text.
---@param x Tensor|table (B, ...)
---@return table[] { layer =, mask = Tensor|nil } in order
---@example print(model:masks(ids))
function Sequential:masks(x) return require("moongate.models.masks")(self, x) end

return Sequential
