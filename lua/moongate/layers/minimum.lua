-- Minimum. Source: keras.layers.Minimum.
local Merge = require "moongate.layers.merge"
local merge_masked = require "moongate.layers.merge_masked"
local ops = require "moongate.ops"

--- The smallest of all inputs, element by element; they broadcast. A masked element does not take part.
---@param options? table name, dtype
---@example local y = mg.layers.Minimum()({ a, b })
local Minimum = Merge.make("Minimum")
Minimum.rows_apart = true

--- The merged inputs, all with as many dimensions.
---@param inputs Tensor[]
---@param masks table|nil
---@return Tensor
---@package
function Minimum.merge(_, inputs, masks) return merge_masked.choose(ops.minimum, inputs, masks) end

return Minimum
