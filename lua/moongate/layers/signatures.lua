-- What Keras 3 writes into a config of a call of these classes when nothing but one tensor was given: `training`, where call() has
-- it as False, and the mask, where call() takes one. Source: the signatures of call() in keras/src/layers (3.15).
local TRAINING, MASK = {}, {}
for _, name in ipairs { "RNN", "GRU", "LSTM", "SimpleRNN", "Dropout", "SpatialDropout1D", "GaussianNoise", "GaussianDropout",
  "AlphaDropout", "Attention", "AdditiveAttention" } do TRAINING[name] = true end
for _, name in ipairs { "RNN", "GRU", "LSTM", "SimpleRNN", "Bidirectional", "TimeDistributed", "BatchNormalization",
  "GlobalAveragePooling1D", "Softmax", "Lambda", "Attention", "AdditiveAttention", "Sequential", "Functional" } do
  MASK[name] = true
end

--- Whether Keras 3 writes `training` and the mask of a call of this layer.
---@param layer table
---@return boolean, boolean
return function(layer)
  local name = layer.is_layer and getmetatable(layer).class.name
  return TRAINING[name] == true, MASK[name] == true
end
