-- Maximum. Source: keras.layers.Maximum.
local Merge = require "moongate.layers.merge"
local merge_masked = require "moongate.layers.merge_masked"
local ops = require "moongate.ops"

--- The largest of all inputs, element by element; they broadcast. A masked element does not take part.
---@param options? table name, dtype
---@example local y = mg.layers.Maximum()({ a, b })
local Maximum = Merge.make("Maximum")
Maximum.rows_apart = true

--- The merged inputs, all with as many dimensions.
---@param inputs Tensor[]
---@param masks table|nil
---@return Tensor
---@package
function Maximum.merge(_, inputs, masks) return merge_masked.choose(ops.maximum, inputs, masks) end

return Maximum
