-- GlobalMaxPooling1D. Source: keras.layers.GlobalMaxPooling1D.
local GlobalPooling = require "moongate.layers.global_pooling"
local inputs = require "moongate.layers.inputs"
local ops = require "moongate.ops"
local windows = require "moongate.layers.windows"

--- The largest value over all steps: (B, T, F) -> (B, F).
---@param options? table data_format = "channels_last", keepdims = false, name, dtype
---@example local layer = mg.layers.GlobalMaxPooling1D()
local GlobalMaxPooling1D = GlobalPooling.make("GlobalMaxPooling1D")
GlobalMaxPooling1D.rows_apart, GlobalMaxPooling1D.built_at_once = true, true

--- The layer's output.
---@param x Tensor
---@return Tensor
function GlobalMaxPooling1D:call(x)
  self:check_input(inputs.tensor(self, x).shape)
  return ops.max(x, (windows.axes(self)), self.keepdims)
end

return GlobalMaxPooling1D
