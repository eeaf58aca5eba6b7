-- Metrics as functions, named as in Keras: one value a row, and those that are losses. mg.metrics.binary_accuracy(y_true, y_pred).
local losses = require "moongate.losses.forms"
local reduction = require "moongate.losses.reduction"

local forms = {}

local function form(class_name)
  return function(y_true, y_pred, options)
    local metric = require("moongate.metrics")[class_name](options)
    y_pred, y_true = reduction.tensors(metric.name, y_true, y_pred)
    return metric:compute(y_true, y_pred)
  end
end

--- 1 where prediction and label are equal
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one value a row
forms.accuracy = form "Accuracy"
--- 1 where a prediction above threshold matches its binary label; options: threshold = 0.5
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one value a row
forms.binary_accuracy = form "BinaryAccuracy"
--- 1 where the largest prediction is at the one of the label
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one value a row
forms.categorical_accuracy = form "CategoricalAccuracy"
--- 1 where the largest prediction is at the class id
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one value a row
forms.sparse_categorical_accuracy = form "SparseCategoricalAccuracy"
--- 1 where the one of the label is among the k largest predictions; options: k = 5
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one value a row
forms.top_k_categorical_accuracy = form "TopKCategoricalAccuracy"
--- 1 where the class id is among the k largest predictions; options: k = 5
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one value a row
forms.sparse_top_k_categorical_accuracy = form "SparseTopKCategoricalAccuracy"
--- Pearson's correlation of each row; options: axis = -1
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one value a row
forms.pearson_correlation = form "PearsonCorrelation"
--- Lin's concordance of each row; options: axis = -1
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one value a row
forms.concordance_correlation = form "ConcordanceCorrelation"

for name, f in pairs(losses) do
  if name ~= "cosine_similarity" and name ~= "dice" and name ~= "tversky" then forms[name] = f end
end

return forms
