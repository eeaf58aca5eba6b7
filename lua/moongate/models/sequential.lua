-- A stack of layers. Source: keras.Sequential. What all models share is in model.lua.
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local InputLayer = require "moongate.layers.input"
local Layer = require "moongate.layers.layer"
local Model = require "moongate.models.model"
local null = require "moongate.null"
local symbolic = require "moongate.symbolic"
local tensor = require "moongate.tensor"

--- Layers one after the other, as one model: mg.Sequential { layer, ... }, or mg.Sequential() and add.
---@param layers? table[] layers in order; the first may be an Input
---@param options? table { name =, trainable = true }
---@example local model = mg.Sequential { mg.layers.Embedding(96, 64), mg.layers.GRU(256), mg.layers.Dense(1) }
local Sequential = class("Sequential", Model)
Sequential.rows_apart = "inner"
Layer.declare(Sequential, { { "layers", codec = fields.any, hidden = true } }, { "layers" })

function Sequential:setup(options)
  local given, own = options.layers, {}
  for key, value in pairs(options) do
    if key ~= "layers" then own[key] = value end
  end
  Layer.setup(self, own)
  self.layers = {}
  if given ~= nil then check.type("Sequential", "layers", given, "table") end
  if given and (getmetatable(given) or given.is_layer) then
    check.fail("Sequential: argument layers is %s, expected a list; likely fix: mg.Sequential { layer, ... }",
      check.describe(given))
  end
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

-- The input that a first layer may say itself, as tf.keras's do.
local function input_of(layer)
  local shape = rawget(layer, "batch_input_shape")
  if not shape or shape == null then return nil end
  return InputLayer { batch_shape = { unpack(shape) }, dtype = layer.dtype, name = layer.name .. "_input" }
end

-- The layer of an element: itself, or the InputLayer of an mg.Input.
local function layer_of(value)
  if not symbolic.is(value) then return value end
  local layer = value.history.layer
  return layer.is_input and layer or value
end

--- Adds a layer at the end.
---@param layer Layer
---@return Sequential self
function Sequential:add(layer)
  layer = layer_of(layer)
  if type(layer) ~= "table" or not layer.is_layer or rawget(layer, "init") or not getmetatable(layer).class then
    check.fail("%s: add: argument layer is %s, expected a layer; likely fix: mg.layers.Dense(10), called, not the class",
      self:title(), check.describe(layer))
  end
  for _, other in ipairs(self.layers) do
    if other.name == layer.name then
      check.fail("%s: add: there is a layer %q already; give each its own name", self:title(), layer.name)
    end
  end
  if layer.is_input then
    take_input(self, layer)
    return self
  end
  local input = #self.layers == 0 and not self.input_layer and input_of(layer)
  if input then take_input(self, input) end
  if self.built then layer:ensure_built(last_shape(self)) end
  self.layers[#self.layers + 1] = layer
  return self
end

--- Takes the last layer away and returns it.
---@return Layer|nil
function Sequential:pop()
  if self.symbolic_path then self.symbolic_path[#self.layers + 1] = nil end
  return table.remove(self.layers)
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

local function expect_built(self, what)
  if self.built and #self.layers > 0 then return end
  check.fail("%s: %s: the model is not built; likely fix: an mg.Input as its first element", self:title(), what)
end

-- The symbolic input and output of a built model; the layers' own, which are those of their first call, come into being here.
local function ends(self)
  expect_built(self, "input and output")
  if not self.input_layer then self.input_layer = InputLayer { batch_shape = self.build_shape } end
  local path = self.symbolic_path or { self.input_layer.output }
  for i = #path, #self.layers do path[i + 1] = self.layers[i](path[i]) end
  self.symbolic_path = path
  return path
end
function Sequential.getters:input_names() return { self.input_layer and self.input_layer.name or "input" } end
function Sequential.getters:output_names()
  local last = self.layers[#self.layers]
  return { last and last.name or "output" }
end
function Sequential.getters:inputs() return { ends(self)[1] } end
function Sequential.getters:outputs() return { ends(self)[#self.layers + 1] } end
function Sequential.getters:input() return self.inputs[1] end
function Sequential.getters:output() return self.outputs[1] end
function Sequential.getters:input_shape()
  expect_built(self, "input_shape")
  return { unpack(self.build_shape) }
end
function Sequential.getters:output_shape()
  expect_built(self, "output_shape")
  return last_shape(self)
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

-- Ids stay integers, tables become what the first layer takes.
function Sequential:convert(x)
  if #self.layers == 0 then check.fail("%s: the model has no layers; add some first", self:title()) end
  if tensor.is(x) or symbolic.is(x) then return x end
  return self.layers[1]:convert(x)
end

function Sequential:input_dtype() return self.input_layer and self.input_layer.dtype or self.dtype end

function Sequential:check_input(shape)
  if self.input_layer then self.input_layer:check_input(shape) end
end

--- The layers' work, one after the other.
---@param x Tensor (B, ...)
---@param options? table mask, training
---@return Tensor
function Sequential:call(x, options)
  options = check.options(self:title(), options, self.call_options)
  local layers, rest = self.layers, { training = options.training }
  local first = options.mask and { training = options.training, mask = options.mask } or rest
  if #layers == 0 then return x end
  for i = 1, #layers - 1 do x = layers[i](x, i == 1 and first or rest) end
  return layers[#layers](x, #layers == 1 and first or rest)
end

require("moongate.layers").register(Sequential)
require "moongate.models.sequential_config" (Sequential)

return Sequential
