-- Average. Source: keras.layers.Average.
local Merge = require "moongate.layers.merge"
local ops = require "moongate.ops"

--- The mean of all inputs, which broadcast.
---@param options? table name, dtype
---@example local y = mg.layers.Average()({ a, b })
local Average = Merge.make("Average")
Average.rows_apart = true

--- The merged inputs, all with as many dimensions.
---@param inputs Tensor[]
---@return Tensor
---@package
function Average.merge(_, inputs)
  local sum = inputs[1]
  for i = 2, #inputs do sum = ops.add(sum, inputs[i]) end
  return ops.div(sum, #inputs)
end

return Average
