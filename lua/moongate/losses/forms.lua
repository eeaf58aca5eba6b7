-- The losses as functions, named as in Keras: unreduced, without weights. mg.losses.mean_squared_error(y_true, y_pred).
local ops = require "moongate.ops"
local reduction = require "moongate.losses.reduction"

local forms = {}

local function form(class_name)
  return function(y_true, y_pred, options)
    local loss = require("moongate.losses")[class_name](options)
    y_pred, y_true = reduction.tensors(loss.name, y_true, y_pred)
    local rows = loss:rows(y_pred)
    local counted = loss.own_mask and loss:own_mask(y_true, rows)
    return loss:compute(y_true, y_pred, rows, counted and ops.cast(counted, y_pred.dtype))
  end
end

--- The mean of (y_true - y_pred)^2 over the last axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.mean_squared_error = form "MeanSquaredError"
--- The mean of |y_true - y_pred| over the last axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.mean_absolute_error = form "MeanAbsoluteError"
--- The mean of 100 |y_true - y_pred| / |y_true| over the last axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.mean_absolute_percentage_error = form "MeanAbsolutePercentageError"
--- The mean of (log(1 + y_true) - log(1 + y_pred))^2 over the last axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.mean_squared_logarithmic_error = form "MeanSquaredLogarithmicError"
--- Huber's loss, mean over the last axis; options: delta = 1
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.huber = form "Huber"
--- The mean of log(cosh(y_pred - y_true)) over the last axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.log_cosh = form "LogCosh"
--- Minus the cosine between target and prediction; options: axis = -1
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.cosine_similarity = form "CosineSimilarity"
--- The sum of y_true log(y_true / y_pred) over the last axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.kl_divergence = form "KLDivergence"
--- The mean of y_pred - y_true log(y_pred) over the last axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.poisson = form "Poisson"
--- The mean of max(1 - y_true y_pred, 0) over the last axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.hinge = form "Hinge"
--- The mean of max(1 - y_true y_pred, 0)^2 over the last axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.squared_hinge = form "SquaredHinge"
--- max(0, 1 + best wrong score - score of the true class), one-hot targets
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.categorical_hinge = form "CategoricalHinge"
--- Binary cross-entropy, mean over axis; options: from_logits, label_smoothing, axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.binary_crossentropy = form "BinaryCrossentropy"
--- Focal binary cross-entropy; options: apply_class_balancing, alpha, gamma, from_logits, label_smoothing, axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.binary_focal_crossentropy = form "BinaryFocalCrossentropy"
--- Cross-entropy of one-hot targets; options: from_logits, label_smoothing, axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.categorical_crossentropy = form "CategoricalCrossentropy"
--- Focal cross-entropy of one-hot targets; options: alpha, gamma, from_logits, label_smoothing, axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.categorical_focal_crossentropy = form "CategoricalFocalCrossentropy"
--- Cross-entropy of class ids; options: from_logits, ignore_class, axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.sparse_categorical_crossentropy = form "SparseCategoricalCrossentropy"
--- (1 - p^q) / q of the probability of the class id; options: q = 0.5
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.categorical_generalized_cross_entropy = form "CategoricalGeneralizedCrossEntropy"
--- 1 minus Dice's overlap; options: axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.dice = form "Dice"
--- 1 minus Tversky's overlap; options: alpha, beta, axis
---@param y_true Tensor (B, ...)
---@param y_pred Tensor (B, ...)
---@param options? table
---@return Tensor one loss a row
forms.tversky = form "Tversky"

return forms
