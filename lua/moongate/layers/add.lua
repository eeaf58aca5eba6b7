-- Add. Source: keras.layers.Add.
local Merge = require "moongate.layers.merge"
local ops = require "moongate.ops"

--- The sum of all inputs, which broadcast.
---@param options? table name, dtype
---@example local y = mg.layers.Add()({ a, b })
local Add = Merge.make("Add")
Add.rows_apart = true

--- The merged inputs, all with as many dimensions.
---@param inputs Tensor[]
---@return Tensor
---@package
function Add.merge(_, inputs)
  local sum = inputs[1]
  for i = 2, #inputs do sum = ops.add(sum, inputs[i]) end
  return sum
end

return Add
