-- Intersection over union of class ids, from a matrix of counts. Source: keras/src/metrics/iou_metrics.py.
local create = require "moongate.tensor_create"
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local json = require "moongate.json"
local metric = require "moongate.metrics.metric"
local ops = require "moongate.ops"

local iou = {}
local Base = class("IoUBase", metric.Metric)
local EPSILON = 1e-7 -- keras.config.epsilon()

local ids_codec = {
  decode = function(value, where)
    if value == nil then return nil end
    check.type(where.op, where.name, value, "table")
    for i = 1, #value do check.integer(where.op, ("%s[%d]"):format(where.name, i), value[i], 0) end
    return value
  end,
  encode = function(list) return json.array { unpack(list) } end,
}

local NAME, DTYPE = metric.NAME, metric.dtype(function() return "int64" end, { tf2 = "float32" })
local CLASSES, IDS = { "num_classes", required = true, codec = fields.count },
  { "target_class_ids", required = true, codec = ids_codec }
local IGNORE, AXIS = { "ignore_class", codec = fields.integer }, { "axis", default = -1, codec = fields.integer }
local SPARSE_TRUE = { "sparse_y_true", default = true, codec = fields.boolean }
local SPARSE_PRED = { "sparse_y_pred", default = true, codec = fields.boolean }

local function define(name, list, positional)
  iou[name] = metric.define(name, nil, list, Base, positional)
  return iou[name]
end

function Base:start()
  for _, id in ipairs(rawget(self, "target_class_ids") or {}) do
    if id >= self.num_classes then
      check.fail("%s: target_class_ids holds %d, expected ids below num_classes = %d", self.name, id, self.num_classes)
    end
  end
end

--- Forgets everything seen.
function Base:reset_state()
  self.counts = {}
  for i = 1, self.num_classes * self.num_classes do self.counts[i] = 0 end
end

-- Class ids, flat; one-hot input gives the place of its largest value.
local function flat_ids(self, x, sparse)
  x = create.as_tensor(x, "int32")
  if not sparse then x = ops.argmax(x, self.axis < 0 and self.axis or self.axis + 1) end
  x = ops.cast(x, "int32")
  return ops.reshape(x, { x.count })
end

-- Weights in the metric's dtype: whole numbers unless that is a float.
local function flat_weights(self, sample_weight, like)
  local weight = ops.cast(create.as_tensor(sample_weight or 1, "float64"), "float64")
  if self.dtype:match("^int") then weight = ops.cast(ops.cast(weight, "int32"), "float64") end
  if #weight.shape > 1 then weight = ops.reshape(weight, { weight.count }) end
  return ops.broadcast_to(weight, like.shape)
end

--- Adds a batch of class ids (or scores, as sparse_y_true and sparse_y_pred say). Ids outside the classes do not count.
---@param y_true Tensor (...)
---@param y_pred Tensor (...)
---@param sample_weight? Tensor as many as there are ids, or one
function Base:update_state(y_true, y_pred, sample_weight)
  y_true, y_pred = flat_ids(self, y_true, self.sparse_y_true), flat_ids(self, y_pred, self.sparse_y_pred)
  if y_true.count ~= y_pred.count then
    check.fail("%s: y_true has %d class ids and y_pred %d, expected as many", self.name, y_true.count, y_pred.count)
  end
  local n = self.num_classes
  local counted = ops.logical_and(ops.logical_and(ops.ge(y_true, 0), ops.lt(y_true, n)),
    ops.logical_and(ops.ge(y_pred, 0), ops.lt(y_pred, n)))
  if self.ignore_class then counted = ops.logical_and(counted, ops.ne(y_true, self.ignore_class)) end
  local weight = ops.mul(flat_weights(self, sample_weight, y_true), ops.cast(counted, "float64"))
  local ids = ops.mul(ops.add(ops.mul(y_true, n), y_pred), ops.cast(counted, "int32"))
  local zeros = create.zeros({ n * n, 1 }, { dtype = "float64" })
  metric.add(self.counts, ops.scatter_add(zeros, ids, ops.expand_dims(weight, -1)))
end

--- The mean over the classes that occurred.
---@return number
function Base:result()
  local n, sum, valid = self.num_classes, 0, 0
  local targets = rawget(self, "target_class_ids")
  for k = 1, targets and #targets or n do
    local id = targets and targets[k] or k - 1
    local both, either = self.counts[id * n + id + 1], 0
    for other = 0, n - 1 do either = either + self.counts[id * n + other + 1] + self.counts[other * n + id + 1] end
    either = either - both
    if either > 1e-9 then sum, valid = sum + both / (either + EPSILON), valid + 1 end
  end
  return sum / (valid + EPSILON)
end

--- Intersection over union |A and B| / |A or B| of the classes target_class_ids, their mean.
---@param options table num_classes =, target_class_ids =, ignore_class, sparse_y_true = true, sparse_y_pred = true, axis = -1
---@example mg.metrics.IoU { num_classes = 2, target_class_ids = { 0 } }
define("IoU", { NAME, DTYPE, CLASSES, IDS, IGNORE, SPARSE_TRUE, SPARSE_PRED, AXIS },
  { "num_classes", "target_class_ids" })

--- Intersection over union of zeros and ones, decided at `threshold`.
---@param options? table target_class_ids = { 0, 1 }, threshold = 0.5
---@example mg.metrics.BinaryIoU { target_class_ids = { 1 }, threshold = 0.3 }
local BinaryIoU = define("BinaryIoU", {
  { "num_classes", default = 2, hidden = true, codec = fields.count },
  { "target_class_ids", default = function() return { 0, 1 } end, codec = ids_codec },
  { "threshold", default = 0.5, codec = fields.number }, NAME, DTYPE,
  { "ignore_class", codec = fields.integer, hidden = true }, { "axis", default = -1, codec = fields.integer, hidden = true },
})
BinaryIoU.sparse_y_true, BinaryIoU.sparse_y_pred = true, true

--- Adds a batch of zeros and ones with predictions 0..1.
---@param y_true Tensor (...)
---@param y_pred Tensor (...)
---@param sample_weight? Tensor
function BinaryIoU:update_state(y_true, y_pred, sample_weight)
  Base.update_state(self, y_true, ops.cast(ops.ge(create.as_tensor(y_pred), self.threshold), "int32"), sample_weight)
end

--- Mean intersection over union of all classes.
---@param options table num_classes =, ignore_class, sparse_y_true = true, sparse_y_pred = true, axis = -1
---@example mg.metrics.MeanIoU { num_classes = 3 }
define("MeanIoU", { CLASSES, NAME, DTYPE, IGNORE, SPARSE_TRUE, SPARSE_PRED, AXIS }, { "num_classes" })

local DENSE_TRUE = { "sparse_y_true", default = false, codec = fields.boolean, hidden = true }
local DENSE_PRED = { "sparse_y_pred", default = false, codec = fields.boolean }

--- Intersection over union of the classes target_class_ids, from one-hot targets and scores.
---@param options table num_classes =, target_class_ids =, ignore_class, sparse_y_pred = false, axis = -1
---@example mg.metrics.OneHotIoU { num_classes = 3, target_class_ids = { 0, 2 } }
define("OneHotIoU", { CLASSES, IDS, NAME, DTYPE, IGNORE, DENSE_TRUE, DENSE_PRED, AXIS }, { "num_classes", "target_class_ids" })

--- Mean intersection over union of all classes, from one-hot targets and scores.
---@param options table num_classes =, ignore_class, sparse_y_pred = false, axis = -1
---@example mg.metrics.OneHotMeanIoU { num_classes = 3 }
define("OneHotMeanIoU", { CLASSES, NAME, DTYPE, IGNORE, DENSE_TRUE, DENSE_PRED, AXIS }, { "num_classes" })

return iou
