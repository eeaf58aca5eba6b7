-- The symbolic masks of outputs, by class: what compute_mask makes of tensors' masks, as operations of Keras 3 make it of symbolic
-- ones. A class that is not here passes a mask through when it supports masking. Source: compute_mask of keras/src/layers (3.15).
local MaskOperation = require "moongate.layers.mask_operation"

local rules = {}

local function expanded(mask) return MaskOperation("ExpandDims", { axis = -1 }) { mask } end

function rules.Embedding(layer, x)
  return layer.mask_zero and MaskOperation "NotEqual" { x, 0 } or nil
end

function rules.Masking(layer, x)
  local different = MaskOperation("NotEqual", nil, nil, true) { x, layer.mask_value }
  return MaskOperation("Any", { axis = -1, keepdims = false }) { different }
end

function rules.RNN(layer, _, mask) return layer.return_sequences and mask or nil end

function rules.Bidirectional(layer, _, mask)
  mask = layer.return_sequences and mask or nil
  if layer.merge_mode then return mask end
  return mask, mask
end

-- As tf.keras joins masks: a step is used where all inputs with a mask use it.
local function in_all(x, masks)
  local all
  for i = 1, masks and #x or 0 do
    if masks[i] then all = all and MaskOperation "LogicalAnd" { all, masks[i] } or masks[i] end
  end
  return all
end

-- The merging layers that add, multiply, ...: a step is used where any input uses it.
function rules.Merge(layer, x, masks)
  if layer.as_tf2 then return in_all(x, masks) end
  if not masks or not masks[1] then return nil end
  local all = masks[1]
  for i = 2, #x do
    if not masks[i] then return nil end
    all = MaskOperation "LogicalOr" { all, masks[i] }
  end
  return all
end

function rules.Concatenate(layer, x, masks)
  if not masks then return nil end
  local list = {}
  for i, each in ipairs(x) do
    local mask = masks[i]
    if not mask then
      list[i] = MaskOperation("OnesLike", { dtype = "bool" }) { each }
    elseif #mask.shape < #each.shape then
      list[i] = MaskOperation "LogicalOr" { expanded(mask), MaskOperation("ZerosLike", { dtype = "bool" }) { each } }
    else
      list[i] = mask
    end
  end
  local joined = MaskOperation("Concatenate", { axis = layer.axis }) { list }
  return MaskOperation(layer.as_tf2 and "All" or "Any", { axis = -1, keepdims = false }) { joined }
end

local function of_query(_, _, masks)
  return masks and masks[1] and MaskOperation "ConvertToTensor" { masks[1] } or nil
end
rules.Attention, rules.AdditiveAttention = of_query, of_query

local function none() return nil end
rules.Dot, rules.GlobalAveragePooling1D, rules.Model = none, none, none

--- The symbolic mask of each output of a layer's call, as results.
---@param layer table
---@param x table|table[] symbolic inputs
---@param mask table|table[]|nil
---@return table|nil
return function(layer, x, mask)
  local C = getmetatable(layer).class
  while C do
    if rules[C.name] then return rules[C.name](layer, x, mask) end
    C = C.parent
  end
  if layer.supports_masking and mask and (mask.shape or #x == 0) then return mask end
end
