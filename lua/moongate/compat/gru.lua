-- What the layers of tf.compat.v1.keras and of tf.keras 2 share, beside Keras 3's: the cell's masks are cleared when a batch begins
-- and stay to be looked at, and get_initial_state takes inputs. Source: TensorFlow 2.3, keras/layers/recurrent.py.
local class = require "moongate.class"
local GRU = require "moongate.layers.gru"
local ops = require "moongate.ops"
local tensor = require "moongate.tensor"

-- The parent of the two; it has no fields of its own.
local CompatGRU = class("GRU", GRU)

--- Masks are forgotten before a call, not after it.
CompatGRU.keeps_dropout_masks = true

--- The zero states for a batch: in a list. inputs (B, T, F), with time_major (T, B, F).
---@param inputs Tensor
---@return Tensor[]
function CompatGRU:get_initial_state(inputs)
  if type(inputs) == "number" then return GRU.get_initial_state(self, inputs) end
  tensor.expect(self:title() .. ": get_initial_state", "inputs", inputs)
  return { self.cell:get_initial_state(nil, self:batch_of(inputs.shape), inputs.dtype) }
end

-- The step's input (B,F) out of a sequence; a step's input as it is.
local function step_of(self, inputs)
  if tensor.is(inputs) and #inputs.shape == 3 and inputs.shape[self.time_major and 1 or 2] > 0 then
    local axis = self.time_major and 1 or 2
    return ops.squeeze(ops.slice(inputs, axis, 1, 1), axis)
  end
  return inputs
end

for _, name in ipairs { "get_dropout_mask_for_cell", "get_recurrent_dropout_mask_for_cell" } do
  CompatGRU[name] = function(self, inputs, training, count)
    return self.cell[name](self.cell, step_of(self, inputs), training, count)
  end
end

for _, name in ipairs { "reset_dropout_mask", "reset_recurrent_dropout_mask" } do
  CompatGRU[name] = function(self) return self.cell[name](self.cell) end
end

return CompatGRU
