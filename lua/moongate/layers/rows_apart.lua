-- Which layers treat every row of a batch by itself, so that the steps of a sequence may be rows of one large batch: those of
-- moongate that do, and models and wrappers of such. What is not known here is called step by step.
local layers = require "moongate.layers"

local rows = {}

-- Classes of layers whose output for a row depends on nothing but that row.
local APART = { "Activation", "ActivityRegularization", "Add", "AlphaDropout", "Attention", "AdditiveAttention", "Average",
  "AveragePooling1D", "AveragePooling2D", "Concatenate", "Conv1D", "Conv2D", "Conv1DTranspose", "Cropping1D", "Dense",
  "DepthwiseConv1D", "Dot", "ELU", "Embedding", "Flatten", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D",
  "GlobalMaxPooling1D", "GroupNormalization", "GRU", "InputLayer", "LayerNormalization", "LeakyReLU", "LSTM", "Masking",
  "MaxPooling1D", "MaxPooling2D", "Maximum", "Minimum", "Multiply", "PReLU", "Permute", "ReLU", "RepeatVector", "Reshape",
  "RMSNormalization", "SeparableConv1D", "SimpleRNN", "Softmax", "SpatialDropout1D", "Subtract", "UnitNormalization",
  "UpSampling1D", "ZeroPadding1D", "GRUCell", "LSTMCell", "SimpleRNNCell" }

local is_apart = {}
for _, name in ipairs(APART) do is_apart[name] = true end

-- Whether the layer is of moongate's own class of that name, not of a user's.
local function is_own(layer, name)
  local C = getmetatable(layer).class
  return C.name == name and layers[name] == C
end

--- Whether a layer is of one of moongate's own classes, or a model.
---@param layer table
---@return boolean
function rows.is_own(layer)
  local name = getmetatable(layer).class.name
  return is_own(layer, name) or layer.layers ~= nil
end

-- Whether a layer inside another is so and adds no loss of a call, which counts once for every step.
local function inner_apart(layer, training) return not layer.activity_regularizer and rows.apart(layer, training) end

--- Whether the steps of a sequence may be given to a layer as rows of one batch.
---@param layer table
---@param training boolean
---@return boolean
function rows.apart(layer, training)
  local name = getmetatable(layer).class.name
  if layer.stateful or rawget(layer, "carrying") then return false end
  if name == "Dropout" then return is_own(layer, name) and layer.noise_shape == nil end
  if name == "BatchNormalization" then return is_own(layer, name) and not (training and layer.trainable) end
  if is_apart[name] then return is_own(layer, name) end
  local wraps = name == "Sequential" or name == "Functional" or is_own(layer, "Bidirectional") or is_own(layer, "TimeDistributed")
  if not wraps then return false end
  for _, inner in ipairs(layer:inner_layers()) do
    if not inner_apart(inner, training) then return false end
  end
  return true
end

return rows
