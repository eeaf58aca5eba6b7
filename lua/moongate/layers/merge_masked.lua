-- Merging element by element where a masked element does not take part. Source: Multiply, Maximum and Minimum of Keras 3.
local ops = require "moongate.ops"

local merge_masked = {}

--- A mask (B, T) as ones and zeros of x's shape; nil for none.
---@param mask Tensor|false|nil
---@param x Tensor
---@return Tensor|nil
function merge_masked.spread(mask, x)
  if not mask then return nil end
  for _ = #mask.shape + 1, #x.shape do mask = ops.expand_dims(mask, -1) end
  return ops.broadcast_to(mask, x.shape)
end

--- Joins the inputs with `join`; where only one of two is valid, it is the result.
---@param join function(a, b)
---@param inputs Tensor[]
---@param masks table|nil
---@return Tensor
function merge_masked.choose(join, inputs, masks)
  masks = masks or {}
  local out, valid = inputs[1], merge_masked.spread(masks[1], inputs[1])
  for i = 2, #inputs do
    local x, mask = inputs[i], merge_masked.spread(masks[i], inputs[i])
    if mask then x = ops.where(mask, x, out) end
    if valid then out = ops.where(valid, out, x) end
    valid = mask and valid and ops.logical_or(valid, mask) or nil
    out = join(out, x)
  end
  return out
end

return merge_masked
