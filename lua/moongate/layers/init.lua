-- All layers by name; each file is loaded when it is first asked for.
local check = require "moongate.check"
local custom = require "moongate.custom_objects"
local dialects = require "moongate.dialects"
local null = require "moongate.null"

local layers = {}

local FILES = {
  Layer = "layer", InputLayer = "input", Input = "input_tensor", Embedding = "embedding", RNN = "rnn",
  GRUCell = "gru_cell", GRU = "gru", StackedRNNCells = "stacked_rnn_cells", SimpleRNNCell = "simple_rnn_cell",
  SimpleRNN = "simple_rnn", LSTMCell = "lstm_cell", LSTM = "lstm", Bidirectional = "bidirectional",
  TimeDistributed = "time_distributed", DropoutRNNCell = "dropout_rnn_cell",
  Dense = "dense", Dropout = "dropout", Activation = "activation", Masking = "masking", Flatten = "flatten", Reshape = "reshape",
  BatchNormalization = "batch_normalization", LayerNormalization = "layer_normalization", RMSNormalization = "rms_normalization",
  UnitNormalization = "unit_normalization",
  Conv1D = "conv1d", MaxPooling1D = "max_pooling1d", AveragePooling1D = "average_pooling1d",
  GlobalMaxPooling1D = "global_max_pooling1d", GlobalAveragePooling1D = "global_average_pooling1d",
  Permute = "permute", RepeatVector = "repeat_vector", ZeroPadding1D = "zero_padding1d", Cropping1D = "cropping1d",
  UpSampling1D = "up_sampling1d",
  Add = "add", Subtract = "subtract", Multiply = "multiply", Average = "average", Maximum = "maximum", Minimum = "minimum",
  Concatenate = "concatenate", Dot = "dot", Attention = "attention", AdditiveAttention = "additive_attention",
  ReLU = "relu", LeakyReLU = "leaky_relu", ELU = "elu", PReLU = "prelu", Softmax = "softmax",
  SpatialDropout1D = "spatial_dropout1d", AlphaDropout = "alpha_dropout", GaussianNoise = "gaussian_noise",
  GaussianDropout = "gaussian_dropout", ActivityRegularization = "activity_regularization", Rescaling = "rescaling",
  Lambda = "lambda",
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

--- Where a config says that a class of layers is: Keras's module, or nil and the registered name of one that is not Keras's.
---@param C table
---@return string|nil, string|nil
---@package
function layers.home_of(C)
  check.type("layers.home_of", "class", C, "table")
  if FILES[C.name] and custom.name_of(C) == C.name then return "keras.layers" end
  return nil, custom.name_of(C)
end

local MODELS = { Sequential = true, Functional = true, Model = true }

-- The class of a layer's config: the reader's own, a registered one, ours.
local function class_of(config, where)
  local name = config.class_name
  if type(name) ~= "string" then
    check.fail("%s: %s.class_name is %s, expected the name of a layer class", where.op, where.path, check.describe(name))
  end
  local C = custom.find(where, name, config.registered_name) or registered[name]
  if not C and MODELS[name] then C = require("moongate.models")[name == "Sequential" and name or "Model"] end
  C = C or (FILES[name] and layers[name])
  if C then return C end
  local known = layers.names()
  return check.fail("%s: unknown layer class %s in %s%s; known classes: %s; or pass custom_objects = { %s = ... }", where.op,
    check.describe(name), where.path, check.hint(name, known), table.concat(known, ", "), name:match("^[%w_]+$") or "Name")
end

local function plain(shape)
  local list = {}
  for i = 1, #shape do list[i] = type(shape[i]) == "table" and shape[i] ~= null and plain(shape[i]) or shape[i] end
  return list
end

-- The shape of a build_config, and for a layer that takes states their shapes: { "initial_state", shape or list of shapes }.
local function shapes_of(layer, config)
  local shape, states = config.input_shape, nil
  local named = config.shapes_dict
  if type(named) == "table" and named ~= null then
    shape, states = named.sequences_shape or named.input_shape, named.initial_state_shape
  end
  if type(shape) ~= "table" or shape == null then return nil end
  shape = plain(shape)
  if layer.takes_states and type(shape[1]) == "table" and shape[1] ~= null then
    states = #shape == 2 and shape[2] or #shape > 2 and { unpack(shape, 2) } or nil
    shape = shape[1]
  end
  return shape, type(states) == "table" and states ~= null and { { "initial_state", plain(states) } } or nil
end

-- Builds a layer for the shape that its config was built for.
local function build(layer, config, where)
  if type(config) ~= "table" or config == null or layer.built then return end
  local shape, states = shapes_of(layer, config)
  if not shape then return end
  layer.build_options = states
  local ok, message = pcall(layer.ensure_built, layer, shape)
  if not ok then error(("%s (in %s.build_config)"):format(tostring(message), where.path), 0) end
end

--- The layer of a config { class_name =, config =, build_config = } (ordered object, plain table or JSON text).
---@param config table|string
---@param options? table dialect (else told from the config), custom_objects = { Scale = Scale }, path
---@return any
function layers.deserialize(config, options)
  config = dialects.table_of(config, "layers.deserialize", type(options) == "table" and options.path)
  local where = dialects.where("layers.deserialize", config, options)
  local C = class_of(config, where)
  if config.config == nil or config.config == null then check.fail("%s: %s.config is missing", where.op, where.path) end
  local layer = C.from_config(config.config, dialects.at(where, "config"))
  if layer.as_tf2 == false and dialects.form(where.dialect) == "tf2" then layer.as_tf2 = true end
  build(layer, config.build_config, where)
  return layer
end

--- The config of a layer, as Keras writes it into a model's.
---@param layer table
---@param dialect? string "keras3" (default), "tf2", "compat.v1"
---@return table|string
function layers.serialize(layer, dialect)
  if type(layer) ~= "table" or not layer.serialize or not layer.is_layer then
    check.fail("layers.serialize: argument layer is %s, expected a layer", check.describe(layer))
  end
  return layer:serialize(dialect)
end

-- Keras's functions for merging ---------------------------------------------------------------------------------------------------

--- The sum of tensors: a new Add layer, called once.
---@param inputs Tensor[]
---@param options? table name, dtype
---@return Tensor
function layers.add(inputs, options) return layers.Add(options)(inputs) end

--- The first of two tensors less the second: a new Subtract layer, called once.
---@param inputs Tensor[]
---@param options? table name, dtype
---@return Tensor
function layers.subtract(inputs, options) return layers.Subtract(options)(inputs) end

--- The product of tensors, element by element: a new Multiply layer, called once.
---@param inputs Tensor[]
---@param options? table name, dtype
---@return Tensor
function layers.multiply(inputs, options) return layers.Multiply(options)(inputs) end

--- The mean of tensors: a new Average layer, called once.
---@param inputs Tensor[]
---@param options? table name, dtype
---@return Tensor
function layers.average(inputs, options) return layers.Average(options)(inputs) end

--- The largest of tensors, element by element: a new Maximum layer, called once.
---@param inputs Tensor[]
---@param options? table name, dtype
---@return Tensor
function layers.maximum(inputs, options) return layers.Maximum(options)(inputs) end

--- The smallest of tensors, element by element: a new Minimum layer, called once.
---@param inputs Tensor[]
---@param options? table name, dtype
---@return Tensor
function layers.minimum(inputs, options) return layers.Minimum(options)(inputs) end

--- Tensors one behind the other: a new Concatenate layer, called once.
---@param inputs Tensor[]
---@param options? table axis = -1, name, dtype
---@return Tensor
function layers.concatenate(inputs, options) return layers.Concatenate(options)(inputs) end

--- Products of two tensors along an axis of each: a new Dot layer, called once.
---@param inputs Tensor[]
---@param options? table axes, normalize = false, name, dtype
---@return Tensor
function layers.dot(inputs, options) return layers.Dot(options)(inputs) end

return setmetatable(layers, { names = FILES, __index = function(self, name)
  local file = FILES[name]
  if not file then return nil end
  local C = require("moongate.layers." .. file)
  rawset(self, name, C)
  return C
end })
