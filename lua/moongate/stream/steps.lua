-- What layers do in one step of a stream: a list of { kind =, ... } with the weights themselves, as ops/stream.lua takes it. A
-- layer that needs more than the step before it and its own states has no step, and is refused by name.
local check = require "moongate.check"
local create = require "moongate.tensor_create"
local layers = require "moongate.layers"
local null = require "moongate.null"
local reasons = require "moongate.stream.reasons"

local steps = {}

-- Refusing --------------------------------------------------------------------------------------------------------------

local function title_of(layer) return layer.title and layer:title() or check.describe(layer) end

local function refuse(into, layer, reason, fix)
  local within = rawequal(into.owner, layer) and "it" or "layer " .. title_of(layer)
  check.fail("%s: stream: %s has no step of its own: %s; likely fix: %s", title_of(into.owner), within, reason,
    fix or reasons.outside)
end

-- Steps ------------------------------------------------------------------------------------------------------------------------

local function add(into, step, features)
  into[#into + 1] = step
  into.features = features or into.features
end

-- The number of values that reach a layer; only a model of nothing but activations does not tell it by its weights.
local function features_of(into, layer)
  if type(into.features) == "number" then return into.features end
  return refuse(into, layer, "the number of its inputs is not known", "an mg.Input with the number of features")
end

local function is_softmax(activation)
  local axis = type(activation) == "table" and activation.name == "softmax" and activation.options and activation.options.axis
  return axis == -1
end

-- The spec of an elementwise activation; nil for softmax, which is a step of its own.
local function spec_of(into, layer, activation)
  if type(activation) == "table" and activation.spec then return activation.spec end
  if is_softmax(activation) then return nil end
  local name = type(activation) == "table" and activation.name
  return refuse(into, layer, name and ("the activation %s works on more than one value at a time"):format(name)
    or "its activation is a function in Lua", "no activation in the layer, and the function on what step gives")
end

local function add_activation(into, layer, activation)
  local spec, features = spec_of(into, layer, activation), features_of(into, layer)
  if spec and spec.kind == "linear" then return end
  add(into, spec and { kind = "activation", activation = spec, features = features } or { kind = "softmax", features = features })
end

-- Whether an axis, or a list of one, is the last of the shapes that the layer was built for.
local function expect_last_axis(into, layer, axis)
  local n = layer.build_shape and #layer.build_shape or 0
  local list = type(axis) == "table" and axis or { axis }
  if #list == 1 and (list[1] == -1 or list[1] == n - 1) then return end
  refuse(into, layer, "it works along an axis that is not the last", "axis = -1")
end

local CELLS = { GRUCell = "gru", LSTMCell = "lstm", SimpleRNNCell = "simple_rnn" }

local function is_elementwise(activation) return activation == nil or (type(activation) == "table" and activation.spec ~= nil) end

local function add_cell(into, layer, cell, kind)
  if not is_elementwise(cell.activation) or not is_elementwise(cell.recurrent_activation) then
    refuse(into, layer, "its activation is not elementwise (softmax, a function in Lua)", reasons.whole)
  end
  add(into, {
    kind = kind, kernel = cell.kernel, recurrent_kernel = cell.recurrent_kernel, bias = cell.bias or nil, units = cell.units,
    activation = cell.activation.spec, recurrent_activation = cell.recurrent_activation and cell.recurrent_activation.spec,
    reset_after = kind == "gru" and cell.reset_after or nil, states = kind == "lstm" and 2 or 1,
  }, cell.units)
end

local function expect_forward(into, layer)
  if layer.go_backwards then
    refuse(into, layer, "it reads time from the end (go_backwards)", "go_backwards = false, or " .. reasons.whole)
  end
  if layer.use_cudnn == true then refuse(into, layer, "use_cudnn = true cannot be kept", 'use_cudnn = "auto"') end
  if into.within then
    refuse(into, layer, ("inside %s it begins anew at every step"):format(title_of(into.within)), reasons.whole)
  end
end

-- A layer with a cell of its own (GRU, LSTM, SimpleRNN).
local function own_cell(kind)
  return function(into, layer)
    expect_forward(into, layer)
    add_cell(into, layer, layer.cell, kind)
  end
end

local rules = { GRU = own_cell "gru", LSTM = own_cell "lstm", SimpleRNN = own_cell "simple_rnn" }

-- RNN of one of moongate's cells, or of several.
function rules.RNN(into, layer)
  expect_forward(into, layer)
  for _, cell in ipairs(rawget(layer.cell, "cells") or { layer.cell }) do
    local class = (getmetatable(cell) or {}).class
    local kind = class and layers[class.name] == class and CELLS[class.name]
    if not kind then
      refuse(into, layer, "its cell is none of GRUCell, LSTMCell and SimpleRNNCell", "call the cell, cell(x, states), at each step")
    end
    add_cell(into, layer, cell, kind)
  end
end

function rules.Dense(into, layer)
  local spec = spec_of(into, layer, layer.activation)
  add(into, { kind = "dense", kernel = layer.kernel, bias = layer.bias or nil, activation = spec }, layer.kernel.shape[2])
  if not spec then add(into, { kind = "softmax", features = into.features }) end
end

function rules.Embedding(into, layer)
  if #into > 0 or into.within then refuse(into, layer, "ids are the input of the first layer alone", reasons.whole) end
  into.ids, into.skips_zero = true, layer.mask_zero
  add(into, { kind = "embedding", table = layer.embeddings }, layer.output_dim)
end

function rules.Activation(into, layer) add_activation(into, layer, layer.activation) end

local function add_spec(into, layer, spec)
  add(into, { kind = "activation", activation = spec, features = features_of(into, layer) })
end

function rules.ReLU(into, layer)
  add_spec(into, layer, { kind = "relu", a = layer.negative_slope, b = layer.max_value or math.huge, c = layer.threshold })
end

function rules.LeakyReLU(into, layer) add_spec(into, layer, { kind = "relu", a = layer.negative_slope, b = math.huge, c = 0 }) end

function rules.ELU(into, layer) add_spec(into, layer, { kind = "elu", a = layer.alpha }) end

function rules.Softmax(into, layer)
  expect_last_axis(into, layer, layer.axis)
  add(into, { kind = "softmax", features = features_of(into, layer) })
end

function rules.BatchNormalization(into, layer)
  expect_last_axis(into, layer, layer.axis)
  add(into, { kind = "batch_normalization", mean = layer.moving_mean, variance = layer.moving_variance, gamma = layer.gamma or nil,
    beta = layer.beta or nil, epsilon = layer.epsilon }, layer.moving_mean.shape[1])
end

function rules.LayerNormalization(into, layer)
  expect_last_axis(into, layer, layer.axis)
  if layer.rms_scaling then refuse(into, layer, "the engine knows no step with rms_scaling") end
  add(into, { kind = "layer_normalization", gamma = layer.gamma or nil, beta = layer.beta or nil, epsilon = layer.epsilon,
    features = features_of(into, layer) })
end

-- A number, or a list of numbers, as a value for each feature.
local function spread(value, features)
  if type(value) == "table" and #value > 1 then return create.tensor(value, { dtype = "float32" }):keep() end
  return create.full({ features }, type(value) == "table" and value[1] or value, { dtype = "float32" }):keep()
end

-- What has been spread for a layer: the same tensors again as long as its options are the same.
local spreads = setmetatable({}, { __mode = "k" })

function rules.Rescaling(into, layer)
  local features, known = features_of(into, layer), spreads[layer]
  if not known or known.of_scale ~= layer.scale or known.of_offset ~= layer.offset or known.features ~= features then
    known = { of_scale = layer.scale, of_offset = layer.offset, features = features, scale = spread(layer.scale, features),
      offset = spread(layer.offset, features) }
    spreads[layer] = known
  end
  add(into, { kind = "affine", scale = known.scale, offset = known.offset })
end

-- What a layer that does nothing in inference adds.
local function nothing() end
for _, name in ipairs { "InputLayer", "Dropout", "SpatialDropout1D", "GaussianDropout", "GaussianNoise", "AlphaDropout",
  "ActivityRegularization" } do rules[name] = nothing end

local add_layer

function rules.TimeDistributed(into, layer)
  local outer = into.within
  into.within = layer
  add_layer(into, layer.layer)
  into.within = outer
end

-- Models -----------------------------------------------------------------------------------------------------------------------

local function add_sequential(into, model)
  for _, layer in ipairs(model.layers) do add_layer(into, layer) end
end

-- A functional model whose calls form a chain from its one input to its one output.
local function add_chain(into, model)
  local function no_chain(reason)
    refuse(into, model, reason, "a stream for each chain of layers: mg.Model of the tensors at its ends, with stream()")
  end
  if #model.inputs ~= 1 or #model.outputs ~= 1 then
    no_chain(("it has %d inputs and %d outputs, and a stream one of each"):format(#model.inputs, #model.outputs))
  end
  local at = model.inputs[1]
  for _, node in ipairs(model.plan.nodes) do
    if not node.is_input then
      if not rawequal(node.inputs, at) or #node.input_tensors ~= 1 then
        no_chain(("its calls form no chain: %s does not take just what the call before it gives"):format(title_of(node.layer)))
      end
      add_layer(into, node.layer)
      at = node.outputs[1]
    end
  end
  if not rawequal(at, model.outputs[1]) then no_chain "its output is not what its last call gives" end
end

-- The rule of a layer's class, or of the nearest class above it whose work it does.
local function rule_of(layer)
  local C = getmetatable(layer).class
  local class = C
  while class do
    local same = C.call == class.call and C.run == class.run
    if same and rules[class.name] and layers[class.name] == class then return rules[class.name] end
    class = class.parent
  end
end

local function model_rule(layer)
  local C = getmetatable(layer).class
  if not layer.layers then return nil end
  if layer.is_functional and C.call == require("moongate.models.functional").call then return add_chain end
  if C.call == require("moongate.models.sequential").call then return add_sequential end
end

local function expect_float32(into, layer)
  if layer.dtype == "float32" then return end
  refuse(into, layer, ("its dtype is %s, and streams compute in float32"):format(layer.dtype), 'a layer of dtype = "float32"')
end

function add_layer(into, layer)
  local rule = model_rule(layer)
  if rule then return rule(into, layer) end
  rule = rule_of(layer)
  if rule then
    expect_float32(into, layer)
    return rule(into, layer)
  end
  local reason = reasons[getmetatable(layer).class.name] or {}
  refuse(into, layer, reason[1] or layers[getmetatable(layer).class.name] == getmetatable(layer).class
    and "the engine knows no step of it" or "it is a class of your own", reason[2])
end

-- The whole ---------------------------------------------------------------------------------------------------------------------

local function expect_built(owner)
  if not owner.built then
    local form = owner.layers and "an mg.Input as its first element, or model:build { mg.null, mg.null, features }"
      or "layer:build { mg.null, mg.null, features }, or a call on an input"
    check.fail("%s: stream: %s is not built yet, so that it has no weights; likely fix: %s", owner:title(),
      owner.layers and "the model" or "the layer", form)
  end
  if owner.layers and #owner.layers == 0 then check.fail("%s: stream: the model has no layers; add some first", owner:title()) end
end

--- The steps of a layer or model: a list, with ids (whether it takes ids) and skips_zero (whether id 0 stands for no step).
---@param owner table a built layer or model
---@return table[]
function steps.of(owner)
  expect_built(owner)
  local shape = owner.build_shape
  local last = type(shape) == "table" and shape[#shape]
  local into = { owner = owner, features = last ~= null and last or nil }
  add_layer(into, owner)
  if type(shape) == "table" and #shape > (into.ids and 2 or 3) then
    refuse(into, owner, ("its input %s has %d axes, and a step is a vector"):format(owner.shape_text(shape), #shape), reasons.whole)
  end
  if #into == 0 then refuse(into, owner, "none of its layers does anything in inference") end
  into.owner, into.features, into.within = nil, nil, nil
  return into
end

return steps
