-- What the cells of tf.compat.v1.keras and of tf.keras 2 share, beside Keras 3's: three masks whatever the implementation,
-- states in a list, and get_initial_state(inputs, batch_size, dtype). Source: TensorFlow 2.3, keras/layers/recurrent.py.
local check = require "moongate.check"
local class = require "moongate.class"
local create = require "moongate.tensor_create"
local null = require "moongate.null"
local GRUCell = require "moongate.layers.gru_cell"
local tensor = require "moongate.tensor"

-- The parent of the two; it has no fields of its own.
local CompatCell = class("GRUCell", GRUCell)

--- Three, always; implementation 2 uses the first.
---@package
function CompatCell.mask_count() return 3 end

--- The masks of a step: those of the mixin, less what implementation 2 does not use.
---@param batch integer
---@param features integer
---@param dtype string
---@param training boolean
---@return Tensor[]|nil, Tensor[]|nil
---@package
function CompatCell:step_masks(batch, features, dtype, training)
  local input, recurrent = GRUCell.step_masks(self, batch, features, dtype, training)
  if input and self.implementation ~= 1 then input = { input[1] } end
  return input, recurrent
end

local function given(value)
  if value == null then return nil end
  return value
end

--- A zero state (batch, units), of the batch and dtype of `inputs`, or of both that are given. A number in place of inputs is the
--- batch size, as for the cells of mg.layers.
---@param inputs? Tensor|integer (batch, ...)
---@param batch_size? integer
---@param dtype? string
---@return Tensor
function CompatCell:get_initial_state(inputs, batch_size, dtype)
  inputs, batch_size, dtype = given(inputs), given(batch_size), given(dtype)
  if type(inputs) == "number" then
    batch_size, dtype = inputs, self.dtype
  elseif inputs ~= nil then
    tensor.expect(self:title() .. ": get_initial_state", "inputs", inputs)
    batch_size, dtype = inputs.shape[1], inputs.dtype
  elseif batch_size == nil or dtype == nil then
    check.fail("%s: get_initial_state: without inputs, batch_size and dtype are needed; batch_size is %s, dtype is %s",
      self:title(), check.describe(batch_size), check.describe(dtype))
  end
  return create.zeros({ check.integer(self:title(), "batch_size", batch_size, 0), self.units }, { dtype = dtype })
end

--- One step: the output (B, U) and the new state, in a list always.
---@param x Tensor (B, F)
---@param states Tensor|Tensor[] (B, U)
---@param options? table training
---@return Tensor, Tensor[]
function CompatCell:call(x, states, options)
  local output = GRUCell.call(self, x, states, options)
  return output, { output }
end

return CompatCell
