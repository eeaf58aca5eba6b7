-- Models made of a graph of layers: several inputs and outputs, shared layers, any order. Source: keras/src/models/functional.py.
local check = require "moongate.check"
local class = require "moongate.class"
local create = require "moongate.tensor_create"
local fields = require "moongate.fields"
local graph = require "moongate.models.graph"
local Layer = require "moongate.layers.layer"
local Model = require "moongate.models.model"
local null = require "moongate.null"
local ops = require "moongate.ops"
local shapes = require "moongate.shape"
local symbolic = require "moongate.symbolic"
local tensor = require "moongate.tensor"

--- A model from symbolic inputs to symbolic outputs: each a tensor of mg.Input or of layers called on such, a list of them, or a
--- table by name.
---@param options table inputs, outputs, name, trainable = true
---@example
---  local x = mg.Input { shape = { mg.null, 8 } }
---  local model = mg.Model { inputs = x, outputs = mg.layers.Dense(1)(mg.layers.GRU(4)(x)) }
local Functional = class("Functional", Model)
Functional.rows_apart, Functional.is_functional = "inner", true
Layer.declare(Functional, {
  { "inputs", codec = fields.any, hidden = true }, { "outputs", codec = fields.any, hidden = true },
}, { "inputs", "outputs" })

-- A flat list of the symbolic tensors of a structure.
local function flat(op, name, given)
  local list = {}
  symbolic.each(given, function(t) list[#list + 1] = t end)
  local expected = "symbolic tensors; likely fix: mg.Input { shape = ... }, and layers called on it"
  if given == nil then check.fail("%s: argument %s is missing, expected %s", op, name, expected) end
  if #list == 0 then check.fail("%s: argument %s is %s, expected %s", op, name, check.describe(given), expected) end
  return list
end

function Functional:setup(options)
  local own = {}
  for key, value in pairs(options) do
    if key ~= "inputs" and key ~= "outputs" and key ~= "trainable" then own[key] = value end
  end
  Layer.setup(self, own)
  self.inputs, self.outputs = flat("Model", "inputs", options.inputs), flat("Model", "outputs", options.outputs)
  self.inputs_struct, self.outputs_struct = options.inputs, options.outputs
  -- what configs and summaries show, with the operations on masks; and what runs
  self.graph = graph(self:title(), self.inputs, self.outputs, true)
  self.plan = graph(self:title(), self.inputs, self.outputs, false)
  self.layers = {}
  for _, layer in ipairs(self.graph.layers) do
    if layer.is_layer then self.layers[#self.layers + 1] = layer end
  end
  self.takes_list = #self.inputs > 1
  self.build_shape, self.built = self.input_shape, true
  if options.trainable == false then self.trainable = false end
end

local function one_or_list(list) return #list == 1 and list[1] or list end

local function shapes_of(list)
  local out = {}
  for i, t in ipairs(list) do out[i] = t.shape end
  return one_or_list(out)
end

local function names_of(list)
  local names = {}
  for i, t in ipairs(list) do names[i] = t.history.layer.name end
  return names
end

function Functional.getters:input_shape() return shapes_of(self.inputs) end
function Functional.getters:output_shape() return shapes_of(self.outputs) end
function Functional.getters:input_names() return names_of(self.inputs) end
function Functional.getters:output_names() return names_of(self.outputs) end

-- The keys of a table by name, in order of the names, else the layers' names.
local function keys_of(given, list)
  if symbolic.is(given) or given[1] ~= nil then return names_of(list) end
  local keys = {}
  for key in pairs(given) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end
function Functional.getters:input_keys() return keys_of(self.inputs_struct, self.inputs) end
function Functional.getters:result_names() return keys_of(self.outputs_struct, self.outputs) end
function Functional.getters:input() return self.inputs_struct end
function Functional.getters:output() return self.outputs_struct end

--- A functional model is built from the start.
function Functional.build() end
function Functional.build_for() end
function Functional.check_input() end

-- Inputs ----------------------------------------------------------------------------------------------------------------------

-- A list of as many values as the model has inputs: out of one value, a list, or a table by name.
local function listed(self, x)
  local n = #self.inputs
  if x == nil then check.fail("%s: input is nil, expected %s", self:title(), n == 1 and "a tensor" or n .. " tensors") end
  local plain = type(x) == "table" and getmetatable(x) == nil and x ~= null
  if plain and #x == 0 and next(x) ~= nil then
    local list = {}
    for i, name in ipairs(self.input_keys) do
      if x[name] == nil then
        check.fail("%s: there is no input %q among those given; the model's inputs: %s", self:title(), name,
          table.concat(self.input_keys, ", "))
      end
      list[i] = x[name]
    end
    return list
  end
  local is_list = plain and (n > 1 or tensor.is(x[1]) or symbolic.is(x[1]))
  if not is_list then x = { x } end
  if #x ~= n then
    check.fail("%s: %d inputs were given, expected %d: %s", self:title(), #x, n, table.concat(self.input_names, ", "))
  end
  return x
end

local NATIVE = { bool = "uint8", int64 = "int32" }

-- A tensor of the input's dtype, with as many axes; a last axis of size 1 may be missing or too many.
local function fit(self, i, x)
  local wanted = self.inputs[i]
  local dtype = NATIVE[wanted.dtype] or wanted.dtype
  if symbolic.is(x) then return x end
  if not tensor.is(x) then
    if type(x) ~= "table" and type(x) ~= "number" then
      check.fail("%s: input %q is %s, expected a tensor", self:title(), self.input_names[i], check.describe(x))
    end
    x = create.tensor(x, { dtype = dtype })
  end
  local mask = x.keras_mask
  if x.dtype ~= dtype then x = ops.cast(x, dtype) end
  local have, want = #x.shape, #wanted.shape
  if have == want + 1 and x.shape[have] == 1 then x = ops.squeeze(x, -1) end
  if have == want - 1 and wanted.shape[want] == 1 then x = ops.expand_dims(x, -1) end
  if mask and not x.keras_mask then x.keras_mask = mask end
  return x
end

local function check_shape(self, i, shape)
  local wanted = self.inputs[i].shape
  local fits = #shape == #wanted
  for k = 2, #wanted do
    fits = fits and (wanted[k] == null or shape[k] == null or shape[k] == wanted[k])
  end
  if not fits then
    check.fail("%s: input %q has shape %s, expected %s", self:title(), self.input_names[i], shapes.text(shape), shapes.text(wanted))
  end
end

--- The inputs as tensors of the right dtypes: one, or a list where there are several.
---@param x any a tensor, a list, or a table by name
---@return Tensor|Tensor[]
---@package
function Functional:convert_inputs(x)
  local list = {}
  for i, each in ipairs(listed(self, x)) do
    list[i] = fit(self, i, each)
    check_shape(self, i, list[i].shape)
  end
  return one_or_list(list)
end
Functional.convert = Functional.convert_inputs

-- Running ---------------------------------------------------------------------------------------------------------------------

-- Runs f(node, inputs, options) for every call of the graph, with values in place of the symbolic tensors.
local function each_node(self, values, f)
  local function fill(t) return values[t] end
  for _, node in ipairs(self.plan.nodes) do
    if not node.is_input then
      local results = { f(node, symbolic.map(node.inputs, fill), symbolic.map(node.options, fill)) }
      for i, t in ipairs(node.outputs) do values[t] = results[i] end
    end
  end
  local outputs = {}
  for i, t in ipairs(self.outputs) do outputs[i] = values[t] end
  return outputs
end

local function values_of(self, list)
  if not shapes.is_list(list) and #self.inputs == 1 then list = { list } end
  local values = {}
  for i, t in ipairs(self.inputs) do values[t] = list[i] end
  return values
end

-- The same tensor with a mask; the caller's own stays as it is.
local function with_mask(x, mask)
  local view = ops.reshape(x, x.shape)
  view.keras_mask = mask
  return view
end

--- The layers' work, each call of the graph after those it depends on.
---@param x Tensor|Tensor[]
---@param options? table mask, training
---@return Tensor one for each output
function Functional:call(x, options)
  options = check.options(self:title(), options, self.call_options)
  local list = #self.inputs == 1 and { x } or x
  local masks = #self.inputs == 1 and { options.mask } or options.mask or {}
  local values = {}
  for i, t in ipairs(self.inputs) do
    values[t] = masks[i] and with_mask(list[i], masks[i]) or list[i]
  end
  return unpack(each_node(self, values, function(node, inputs, own)
    own = own or {}
    own.training = options.training
    return node.layer(inputs, own)
  end))
end

-- The shapes of the outputs of one call for those of its inputs.
local function output_shapes(layer, x)
  if layer.takes_states and shapes.is_list(x) then x = x[1] end
  return layer:compute_output_shape(x)
end

--- The shapes of the outputs for the inputs' shapes.
---@param shape integer[] or a list of them
---@return integer[]
function Functional:compute_output_shape(shape)
  local values = values_of(self, shape)
  return unpack(each_node(self, values, function(node, inputs) return output_shapes(node.layer, inputs) end))
end

--- Calls of a functional model are written down with their masks always.
function Functional.input_dtype(_, x) return x.dtype end

function Functional:output_dtype() return self.outputs[1].dtype end

require("moongate.layers").register(Functional)
require "moongate.models.functional_config" (Functional)

return Functional
