-- Dropout masks that a recurrent cell keeps while it steps through a batch, as a mixin for cells: a mask is made once, used at
-- every step, and made anew after a reset. Names: tf.compat.v1.keras.layers.GRUCell (with count and training) and Keras 3's cells.
-- A cached mask serves only calls of its shape, dtype, rate, count and training; any other call makes a new one.
local check = require "moongate.check"
local create = require "moongate.tensor_create"
local shapes = require "moongate.shape"
local tensor = require "moongate.tensor"

local dropout_mask = {}

local function fits(entry, shape, dtype, rate, count, training)
  -- A mask freed with the scope of a call that failed half-way has no handle.
  if entry and not rawget(entry.masks[1], "handle") then return false end
  if not entry or entry.dtype ~= dtype or entry.rate ~= rate then return false end
  if entry.count ~= count or entry.training ~= training then return false end
  return shapes.equal(entry.shape, shape)
end

-- Given masks (set_dropout_masks) stand in once for drawn ones that they fit.
local function given(cell, slot, shape, dtype, count, training)
  local masks = cell.dropout_preset[slot]
  if not (masks and training and #masks == count and masks[1].dtype == dtype and shapes.equal(masks[1].shape, shape)) then
    return nil
  end
  cell.dropout_preset[slot] = nil
  return masks
end

local function draw(cell, slot, shape, dtype, rate, count, training)
  local masks = given(cell, slot, shape, dtype, count, training)
  if masks then return masks end
  masks = {}
  for i = 1, count do
    masks[i] = training and cell:draw_dropout(shape, dtype, rate) or create.ones(shape, { dtype = dtype })
  end
  return masks
end

-- The masks of one slot ("input" or "recurrent"): nil for rate 0, else a list.
local function masks_of(cell, slot, rate, shape, dtype, training, count)
  if rate == 0 then return nil end
  local cache = cell.dropout_cache
  if not fits(cache[slot], shape, dtype, rate, count, training) then
    cache[slot] = { shape = shape, dtype = dtype, rate = rate, count = count, training = training,
      masks = draw(cell, slot, shape, dtype, rate, count, training) }
  end
  return cache[slot].masks
end

--- The masks, to outlive the scope of the step that made them.
---@param masks Tensor[]|nil
---@return Tensor[]|nil
function dropout_mask.kept(masks)
  for _, mask in ipairs(masks or {}) do mask:keep() end
  return masks
end

local function for_cell(cell, slot, rate, inputs, training, count)
  if not tensor.is(inputs) then
    check.fail("%s: argument inputs is %s, expected a tensor", cell:title(), check.describe(inputs))
  end
  count = count == nil and 1 or check.integer(cell:title(), "count", count, 1)
  local masks = dropout_mask.kept(masks_of(cell, slot, rate, inputs.shape, inputs.dtype, training == true, count))
  return masks and (count == 1 and masks[1] or masks)
end

-- Puts given masks where drawn ones would be.
local function preset(cell, slot, masks)
  if not masks then return end
  if tensor.is(masks) then masks = { masks } end
  for i = 1, math.max(1, type(masks) == "table" and #masks or 1) do
    local mask = type(masks) == "table" and masks[i]
    if not tensor.is(mask) then
      check.fail("%s: set_dropout_masks: %s[%d] is %s, expected a tensor", cell:title(), slot, i, check.describe(mask))
    end
  end
  cell.dropout_preset[slot], cell.dropout_cache[slot] = masks, nil
end

local methods = {}

--- The mask for the input (B,F): nil when the rate is 0, a tensor, or for count > 1 a list; ones when training is not true.
---@param inputs Tensor
---@param training? boolean
---@param count? integer default 1
function methods:get_dropout_mask_for_cell(inputs, training, count)
  return for_cell(self, "input", self.dropout, inputs, training, count)
end

--- The mask for the state (B,U), as get_dropout_mask_for_cell.
---@param inputs Tensor
---@param training boolean
---@param count integer|nil
---@return Tensor|Tensor[]|nil
function methods:get_recurrent_dropout_mask_for_cell(inputs, training, count)
  return for_cell(self, "recurrent", self.recurrent_dropout, inputs, training, count)
end

--- Keras 3's form: the training mask(s) for a step's input, as many as the implementation uses.
---@param step_input Tensor (B, F)
---@return Tensor|Tensor[]|nil
function methods:get_dropout_mask(step_input)
  return self:get_dropout_mask_for_cell(step_input, true, self:mask_count())
end

--- Keras 3's form: the training masks for the state.
---@param state Tensor (B, U)
---@return Tensor|Tensor[]|nil
function methods:get_recurrent_dropout_mask(state)
  return self:get_recurrent_dropout_mask_for_cell(state, true, self:mask_count())
end

--- Forgets the mask of the input.
function methods:reset_dropout_mask() self.dropout_cache.input = nil end

--- Forgets the mask of the state.
function methods:reset_recurrent_dropout_mask() self.dropout_cache.recurrent = nil end

--- Uses these masks, already scaled by 1/(1-rate), in place of the next ones drawn for training calls of their shape: for one call
--- of a whole-sequence layer, or for the steps of a cell until the next reset.
---@param masks table input = list of (B,F), recurrent = list of (B,U)
function methods:set_dropout_masks(masks)
  masks = check.options(self:title() .. ": set_dropout_masks", masks, { "input", "recurrent" })
  preset(self, "input", masks.input)
  preset(self, "recurrent", masks.recurrent)
end

--- The lists of masks for inputs of (batch, features) and states of (batch, units); nil where nothing is dropped.
---@param batch integer
---@param features integer
---@param dtype string
---@param training boolean
---@return Tensor[]|nil, Tensor[]|nil
function methods:step_masks(batch, features, dtype, training)
  if not training then return nil, nil end
  local count = self:mask_count()
  return masks_of(self, "input", self.dropout, { batch, features }, dtype, true, count),
    masks_of(self, "recurrent", self.recurrent_dropout, { batch, self.units }, dtype, true, count)
end

--- Gives a class of cells (layers with the fields dropout and recurrent_dropout) the mask cache.
---@param C table
function dropout_mask.mixin(C)
  for name, method in pairs(methods) do C[name] = method end
end

return dropout_mask
