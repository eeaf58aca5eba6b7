-- GlobalAveragePooling1D. Source: keras.layers.GlobalAveragePooling1D.
local GlobalPooling = require "moongate.layers.global_pooling"
local inputs = require "moongate.layers.inputs"
local ops = require "moongate.ops"
local windows = require "moongate.layers.windows"

--- The mean over all steps, with a mask over the valid ones: (B, T, F) -> (B, F). A row without a valid step gives NaN, as in
--- Keras.
---@param options? table data_format = "channels_last", keepdims = false, name, dtype
---@example local layer = mg.layers.GlobalAveragePooling1D()
local GlobalAveragePooling1D = GlobalPooling.make("GlobalAveragePooling1D")
GlobalAveragePooling1D.rows_apart, GlobalAveragePooling1D.built_at_once, GlobalAveragePooling1D.records_mask = true, true, true

GlobalAveragePooling1D.supports_masking = true

--- The layer's output.
---@param x Tensor
---@param options? table mask
---@return Tensor
function GlobalAveragePooling1D:call(x, options)
  self:check_input(inputs.tensor(self, x).shape)
  local steps, features = windows.axes(self)
  local mask = inputs.options(self, options).mask
  if not mask then return ops.mean(x, steps, self.keepdims) end
  mask = ops.expand_dims(mask, features)
  local total = ops.sum(ops.where(mask, x, 0), steps, self.keepdims)
  return ops.div(total, ops.sum(ops.cast(mask, x.dtype), steps, self.keepdims))
end

--- The steps are gone, and the mask with them.
---@return nil
function GlobalAveragePooling1D.compute_mask() return nil end

return GlobalAveragePooling1D
