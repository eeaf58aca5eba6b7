-- Subtract. Source: keras.layers.Subtract.
local Merge = require "moongate.layers.merge"
local ops = require "moongate.ops"

--- The first of two inputs less the second; they broadcast.
---@param options? table name, dtype
---@example local y = mg.layers.Subtract()({ a, b })
local Subtract = Merge.make("Subtract")
Subtract.rows_apart = true

Subtract.input_count = 2

--- The merged inputs, all with as many dimensions.
---@param inputs Tensor[]
---@return Tensor
---@package
function Subtract.merge(_, inputs)
  return ops.sub(inputs[1], inputs[2])
end

return Subtract
