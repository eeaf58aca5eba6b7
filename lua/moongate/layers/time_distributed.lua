-- A layer applied to every step of a sequence. Source: keras.layers.TimeDistributed. B batch, T time.
local check = require "moongate.check"
local class = require "moongate.class"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local ops = require "moongate.ops"
local rows = require "moongate.layers.rows_apart"
local tensor = require "moongate.tensor"
local wrapped = require "moongate.layers.wrapped"

--- Applies a layer (or a model) with the same weights to each step of (B, T, ...). The mask (B, T) marks steps and goes on; the
--- layer itself gets masks of more axes, cut at each step; a layer of your own gets (B) of a mask (B, T). The layer's own
--- activity_regularizer is not applied, as in Keras; losses of layers inside it count for each step.
---@param layer table
---@param options? table name, dtype, trainable
---@example local layer = mg.layers.TimeDistributed(mg.layers.Dense(3))
local TimeDistributed = class("TimeDistributed", Layer)
TimeDistributed.rows_apart, TimeDistributed.records_mask = "inner", true
Layer.declare(TimeDistributed, { { "layer", required = true, codec = wrapped.codec } }, { "layer" })

TimeDistributed.supports_masking = true
--- Truncated backpropagation (rnn_carry.lua) carries no state of the inner layer.
TimeDistributed.restarts_inner = true
TimeDistributed.applies_to_steps = true
TimeDistributed.input_spec = { min_ndim = 3, what = "(batch, time, ...)" }

--- Sets the fields and what follows from them.
---@param options table
---@package
function TimeDistributed:setup(options)
  Layer.setup(self, options)
  self.keeps_integers = self.layer.keeps_integers
  if not self.trainable then self.layer.trainable = false end
end

--- Inner objects that a file holds in groups of their own.
---@package
function TimeDistributed:children()
  local layer = rawget(self, "layer")
  return layer and { { "layer", layer } } or {}
end

-- The shape of one step: without the time axis.
local function step_shape(self, shape)
  self:check_input(self:checked_shape(shape))
  local step = { shape[1] }
  for i = 3, #shape do step[i - 1] = shape[i] end
  return step
end

--- Makes the weights of the inner layer.
---@param shape integer[]
function TimeDistributed:build(shape)
  self.layer:ensure_built(step_shape(self, shape))
  Layer.build(self, shape)
end

--- The inner layer's output shapes with the time axis put in.
---@param shape integer[]
---@return integer[]
function TimeDistributed:compute_output_shape(shape)
  local list = { self.layer:compute_output_shape(step_shape(self, shape)) }
  for k, inner in ipairs(list) do
    local out = { inner[1], shape[2] }
    for i = 2, #inner do out[i + 1] = inner[i] end
    list[k] = out
  end
  return unpack(list)
end

local function check_mask(self, mask, shape)
  local s = mask.shape
  if #s < 2 then
    check.fail("%s: mask has shape %s, expected at least (batch, time)", self:title(), self.shape_text(s))
  end
  if s[1] ~= shape[1] or s[2] ~= shape[2] then
    check.fail("%s: mask has shape %s, expected one that begins with %s: its first two axes are the batch and the time of the "
      .. "input %s", self:title(), self.shape_text(s), self.shape_text { shape[1], shape[2] }, self.shape_text(shape))
  end
end

-- (B, T, ...) as (B T, ...), and back.
local function fold(x)
  local shape = { x.shape[1] * x.shape[2] }
  for i = 3, #x.shape do shape[i - 1] = x.shape[i] end
  return ops.reshape(x, shape)
end

local function unfold(y, B, T)
  local shape = { B, T }
  for i = 2, #y.shape do shape[i + 1] = y.shape[i] end
  return ops.reshape(y, shape)
end

-- All steps in one call, as rows of one batch.
local function all_at_once(self, x, mask, training)
  local outputs = { self.layer:call_as_part(fold(x), { mask = mask and fold(mask) or null, training = training }) }
  for i, y in ipairs(outputs) do outputs[i] = unfold(y, x.shape[1], x.shape[2]) end
  return outputs
end

-- One call for each step.
local function step_by_step(self, x, mask, training)
  local lists = {}
  for t = 1, x.shape[2] do
    local m = mask and ops.squeeze(ops.slice(mask, 2, t, t), 2) or null
    local step = { self.layer:call_as_part(ops.squeeze(ops.slice(x, 2, t, t), 2), { mask = m, training = training }) }
    for i, y in ipairs(step) do
      lists[i] = lists[i] or {}
      lists[i][t] = y
    end
  end
  for i, list in ipairs(lists) do lists[i] = ops.stack(list, 2) end
  return lists
end

--- The layer's output at every step.
---@param x Tensor (B, T, ...)
---@param options table mask, training
---@return Tensor
function TimeDistributed:call(x, options)
  tensor.expect(self:title(), "x", x)
  self:check_input(x.shape)
  options = check.options(self:title(), options, self.call_options)
  local mask = options.mask
  if mask then check_mask(self, mask, x.shape) end
  -- A mask of steps alone is cut to (B,), which means nothing to moongate's layers; one of the user's own may want it.
  local inner = mask and (#mask.shape > 2 or not rows.is_own(self.layer)) and mask or nil
  local road = (x.shape[2] == 0 or rows.apart(self.layer, options.training)) and all_at_once or step_by_step
  return unpack(road(self, x, inner, options.training))
end

return TimeDistributed
