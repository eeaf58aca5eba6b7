-- Multiply. Source: keras.layers.Multiply.
local Merge = require "moongate.layers.merge"
local merge_masked = require "moongate.layers.merge_masked"
local ops = require "moongate.ops"

--- The product of all inputs, element by element; they broadcast. A masked element counts as 1, and where every input is masked
--- the result is 0.
---@param options? table name, dtype
---@example local y = mg.layers.Multiply()({ a, b })
local Multiply = Merge.make("Multiply")
Multiply.rows_apart = true

--- The merged inputs, all with as many dimensions.
---@param inputs Tensor[]
---@param masks table|nil
---@return Tensor
---@package
function Multiply.merge(_, inputs, masks)
  local product, valid, all = nil, nil, masks ~= nil
  for i, x in ipairs(inputs) do
    local mask = merge_masked.spread(masks and masks[i], x)
    if mask then x = ops.where(mask, x, 1) end
    all = all and mask ~= nil
    if mask then valid = valid and ops.logical_or(valid, mask) or mask end
    product = product and ops.mul(product, x) or x
  end
  return all and ops.where(valid, product, 0) or product
end

return Multiply
