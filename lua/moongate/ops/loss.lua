-- Fused losses: one value for each row. A row of weight 0 is skipped whatever it holds.
local core = require "moongate.ffi.core"
local check = require "moongate.check"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"
local convert = require "moongate.ops.convert"
local raw = require "moongate.ops.raw"
local reduce = require "moongate.ops.reduce"
local C = core.C

local M = {}

local function rows(op, name, x)
  if #x.shape ~= 2 then
    check.fail("%s: argument %s %s, expected (N, C); likely fix: %s:reshape{ -1, %s }", op, name, tostring(x.shape), name,
      tostring(x.shape[#x.shape] or 1))
  end
  return x.shape[1]
end

local function as_weights(op, weights, like)
  if weights == nil then return nil end
  tensors.expect(op, "weights", weights)
  return weights.dtype == like.dtype and weights or raw.cast(weights, like.dtype)
end

local function handle(x)
  return x and x.handle or nil
end

-- Float labels have to be whole numbers in every row that counts: a cast would make 0 of NaN and 0.5.
local function check_whole(labels, ids, weights)
  local wrong = raw.compare(C.MG_COMPARE_NE, raw.cast(ids, labels.dtype), labels, "cross_entropy")
  if weights and shapes.equal(weights.shape, labels.shape) then
    wrong = raw.mul(wrong, convert.truth("cross_entropy", "weights", weights))
  end
  if reduce.sum(wrong):item() == 0 then return end
  local row = reduce.argmax(wrong, 1):item()
  check.fail("cross_entropy: labels hold %s in row %d (0-based), expected whole class ids; likely fix: a loss for numbers "
    .. "(mean_squared_error), or no rows without a label", tostring(raw.slice(labels, 0, row, 1, 1):item()), row)
end

-- Class ids in int32, or targets in the dtype of the logits.
local function as_labels(labels, logits, weights)
  tensors.expect("cross_entropy", "labels", labels)
  local dtype = #labels.shape == 1 and "int32" or logits.dtype
  if labels.dtype == dtype then return labels end
  local cast = raw.cast(labels, dtype)
  if dtype == "int32" and convert.FLOAT[labels.dtype] then check_whole(labels, cast, weights) end
  return cast
end

local function cross_entropy_back(node, dy)
  local logits, probabilities = node.list[1], node.probabilities
  local dx = tensors.alloc_like(logits, logits.dtype)
  local status = C.mg_cross_entropy_backward(dx.handle, dy.handle, probabilities.handle, node.labels.handle, handle(node.weights))
  if status ~= 0 then core.raise() end
  autograd.accumulate(logits, dx)
end

--- Softmax cross-entropy: -sum_c target[c] log softmax(logits)[c] * weight, in nats
---@param logits Tensor (N, C)
---@param labels Tensor (N) class ids from 0, or (N, C) targets
---@param weights? Tensor (N)
---@return Tensor (N)
function M.cross_entropy(logits, labels, weights)
  logits = convert.float("cross_entropy", "logits", logits)
  local n = rows("cross_entropy", "logits", logits)
  weights = as_weights("cross_entropy", weights, logits)
  labels = as_labels(labels, logits, weights)
  local recording = logits.node and autograd.state.on
  local y = tensors.alloc(shapes.own { n }, logits.dtype, logits)
  local probabilities = recording and tensors.alloc_like(logits, logits.dtype) or nil
  local status = C.mg_cross_entropy_forward(y.handle, handle(probabilities), logits.handle, labels.handle, handle(weights))
  if status ~= 0 then core.raise() end
  if recording then
    local node = autograd.record_many({ y }, cross_entropy_back, { logits }, { probabilities, labels, weights })
    node.probabilities, node.labels, node.weights = probabilities, labels, weights
  end
  return y
end

local KINDS = { squared = C.MG_LOSS_SQUARED, absolute = C.MG_LOSS_ABSOLUTE, huber = C.MG_LOSS_HUBER,
  binary_logits = C.MG_LOSS_BINARY_LOGITS }
local KIND_NAMES = { "squared", "absolute", "huber", "binary_logits" }

local function pointwise_back(node, dy)
  local prediction, target = node.list[1], node.target
  local dx = tensors.alloc_like(prediction, prediction.dtype)
  local status = C.mg_pointwise_loss_backward(node.kind, dx.handle, dy.handle, prediction.handle, target.handle,
    handle(node.weights), node.delta)
  if status ~= 0 then core.raise() end
  autograd.accumulate(prediction, dx)
end

--- Mean over the last dimension of a pointwise loss, times weight; no gradient flows to the target
---@param kind string "squared", "absolute", "huber" or "binary_logits"
---@param prediction Tensor (N, C)
---@param target Tensor (N, C)
---@param weights? Tensor (N)
---@param delta? number of huber, default 1
---@return Tensor (N)
function M.pointwise_loss(kind, prediction, target, weights, delta)
  local code = KINDS[kind] or KINDS[check.one_of("pointwise_loss", "kind", kind, KIND_NAMES)]
  prediction = convert.float("pointwise_loss", "prediction", prediction)
  tensors.expect("pointwise_loss", "target", target)
  local n = rows("pointwise_loss", "prediction", prediction)
  target = target.dtype == prediction.dtype and target or raw.cast(target, prediction.dtype)
  weights, delta = as_weights("pointwise_loss", weights, prediction), delta or 1
  check.type("pointwise_loss", "delta", delta, "number")
  local y = tensors.alloc(shapes.own { n }, prediction.dtype, prediction)
  local status = C.mg_pointwise_loss_forward(code, y.handle, prediction.handle, target.handle, handle(weights), delta)
  if status ~= 0 then core.raise() end
  if prediction.node and autograd.state.on then
    local node = autograd.record_many({ y }, pointwise_back, { prediction }, { prediction, target, weights })
    node.kind, node.target, node.weights, node.delta = code, target, weights, delta
  end
  return y
end

return M
