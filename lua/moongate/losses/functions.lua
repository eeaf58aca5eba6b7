-- The formulas of losses/init.lua that have fused kernels. Each takes the loss (its options), targets, predictions, the shape
-- `rows` of the unreduced losses and their weights (or nil), and returns the weighted losses of shape `rows`. The kernels skip rows
-- of weight 0.
local check = require "moongate.check"
local compose = require "moongate.losses.compose"
local ops = require "moongate.ops"
local shapes = require "moongate.shape"

local functions = {}

local EPSILON = compose.EPSILON

local function flat_weights(weights, n, dtype)
  return weights and ops.reshape(ops.cast(weights, dtype), { n })
end

local function pointwise(kind, op, y_true, y_pred, rows, weights, delta)
  y_true, y_pred = compose.match(op, y_true, y_pred)
  local n = shapes.count(rows)
  local columns = y_pred.shape[#y_pred.shape] or 1
  local values = ops.pointwise_loss(kind, ops.reshape(y_pred, { n, columns }), ops.reshape(y_true, { n, columns }),
    flat_weights(weights, n, y_pred.dtype), delta)
  return ops.reshape(values, rows)
end

function functions.mean_squared_error(self, y_true, y_pred, rows, weights)
  return pointwise("squared", self.name, y_true, y_pred, rows, weights)
end

function functions.mean_absolute_error(self, y_true, y_pred, rows, weights)
  return pointwise("absolute", self.name, y_true, y_pred, rows, weights)
end

function functions.huber(self, y_true, y_pred, rows, weights)
  return pointwise("huber", self.name, y_true, y_pred, rows, weights, self.delta)
end

local binary_of_probabilities = compose.loss(function(self, y_true, y_pred)
  y_true = compose.smooth(y_true, self.label_smoothing, 2)
  local p = ops.clip(y_pred, EPSILON, 1 - EPSILON)
  local positive = ops.mul(y_true, ops.log(p))
  local negative = ops.mul(ops.sub(1, y_true), ops.log(ops.sub(1, p)))
  return ops.neg(ops.mean(ops.add(positive, negative), #y_pred.shape > 0 and -1 or nil))
end, { exact = true })

function functions.binary_crossentropy(self, y_true, y_pred, rows, weights)
  if not self.from_logits then return binary_of_probabilities(self, y_true, y_pred, rows, weights) end
  y_true, y_pred = compose.match(self.name, y_true, y_pred, true)
  y_true = compose.smooth(compose.classes_last(self, y_true), self.label_smoothing, 2)
  return pointwise("binary_logits", self.name, y_true, compose.classes_last(self, y_pred), rows, weights)
end

-- Logits (N, C) whose softmax is `p` normalized and clipped to EPSILON.
local function logits_of(p, normalize)
  if normalize then p = ops.div(p, ops.sum(p, { -1 }, true)) end
  return ops.log(ops.clip(p, EPSILON, 1 - EPSILON))
end

local categorical_of_probabilities = compose.loss(function(self, y_true, y_pred)
  y_true = compose.smooth(y_true, self.label_smoothing, y_true.shape[#y_true.shape])
  return ops.neg(ops.sum(ops.mul(y_true, logits_of(y_pred, true)), { -1 }))
end, { exact = true })

function functions.categorical_crossentropy(self, y_true, y_pred, rows, weights)
  if not self.from_logits then return categorical_of_probabilities(self, y_true, y_pred, rows, weights) end
  y_true, y_pred = compose.match(self.name, y_true, y_pred, true)
  y_true, y_pred = compose.classes_last(self, y_true), compose.classes_last(self, y_pred)
  local n, classes = shapes.count(rows), y_pred.shape[#y_pred.shape]
  y_true = ops.reshape(compose.smooth(y_true, self.label_smoothing, classes), { n, classes })
  local values = ops.cross_entropy(ops.reshape(y_pred, { n, classes }), y_true, flat_weights(weights, n, y_pred.dtype))
  return ops.reshape(values, rows)
end

local function class_ids(self, y_true, rows)
  if #y_true.shape == #rows + 1 and y_true.shape[#y_true.shape] == 1 then y_true = ops.squeeze(y_true, -1) end
  if not shapes.equal(y_true.shape, rows) then
    check.fail("%s: y_true %s does not fit predictions of %s rows, expected one class id for each; likely fix: "
      .. "categorical_crossentropy for one-hot targets", self.name, shapes.text(y_true.shape), shapes.text(rows))
  end
  return y_true
end

--- The mask of `ignore_class`: 1 where the target is another class; nil without that option.
function functions.ignored_classes(self, y_true, rows)
  if not self.ignore_class then return nil end
  return ops.ne(class_ids(self, y_true, rows), self.ignore_class)
end

function functions.sparse_categorical_crossentropy(self, y_true, y_pred, rows, weights)
  y_true = class_ids(self, y_true, rows)
  y_pred = compose.classes_last(self, y_pred)
  local n, classes = shapes.count(rows), y_pred.shape[#y_pred.shape]
  local logits = ops.reshape(y_pred, { n, classes })
  local flat = flat_weights(weights, n, y_pred.dtype)
  if not self.from_logits then logits = logits_of(compose.shield(logits, flat)) end
  return ops.reshape(ops.cross_entropy(logits, ops.reshape(y_true, { n }), flat), rows)
end

return functions
