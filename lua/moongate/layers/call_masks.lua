-- The masks of a layer's call. Source: keras/src/layers/layer.py, __call__.
local check = require "moongate.check"
local inputs = require "moongate.layers.call_inputs"
local null = require "moongate.null"

local M = {}

--- The masks that ride on the inputs: one, or a list with false for none; nil when no input has one.
---@param x Tensor|Tensor[]
---@return Tensor|table|nil
function M.riding(x)
  if x.shape then return x.keras_mask end
  local list, any = {}, false
  for i, each in ipairs(x) do
    list[i] = each.keras_mask or false
    any = any or list[i] ~= false
  end
  return any and list or nil
end

--- The mask that a layer sees: the one given, or without one those that ride on the inputs.
---@param layer Layer
---@param x Tensor|Tensor[]
---@param mask any
---@return Tensor|table|nil
function M.given(layer, x, mask)
  if mask == nil then return M.riding(x) end
  if mask == null then return nil end
  if x.shape then return layer:convert_mask(mask) end
  check.type(layer:title(), "mask", mask, "table")
  local list = {}
  for i = 1, #x do list[i] = mask[i] and mask[i] ~= null and layer:convert_mask(mask[i]) or false end
  return list
end

--- The mask that outputs get though the layer does not see it: mask = null beside other tensors is how Keras 3 calls a recurrent
--- layer with states, and there the mask that rides on the input goes on to the outputs, and to the loss.
---@param x Tensor|Tensor[]
---@param options table
---@return Tensor|table|nil
function M.unseen(x, options)
  if options.mask ~= null then return nil end
  for name, value in pairs(options) do
    if name ~= "mask" and type(value) == "table" and value ~= null then return M.riding(x) end
  end
  return nil
end

local warned = setmetatable({}, { __mode = "k" })
local function warn_mask(self)
  if warned[self] then return end
  warned[self] = true
  io.stderr:write(("moongate: %s was given a mask and does not pass it on: layers behind it see every step\n"):format(self:title()))
end

--- Puts the masks of the outputs on them, in order, and warns once where the layer drops the one it was given.
---@param self Layer
---@param outputs Tensor[]
---@param mask Tensor|table|nil what the layer was given
---@param ... any
function M.give(self, outputs, mask, ...)
  local any = false
  for i, output in ipairs(outputs) do
    local own = select(i, ...)
    if own and inputs.is_tensor(output) then output.keras_mask, any = own, true end
  end
  if mask and not any and not self.supports_masking then warn_mask(self) end
end

return M
