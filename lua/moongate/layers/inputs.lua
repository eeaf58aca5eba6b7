-- What `call` was given, checked: layers of windows, axes and lists look at shapes before an operation would.
local check = require "moongate.check"
local tensor = require "moongate.tensor"

local inputs = {}

--- A tensor of the layer's input.
---@param layer table
---@param x any
---@return Tensor
function inputs.tensor(layer, x)
  if not tensor.is(x) then check.fail("%s: input is %s, expected a tensor", layer:title(), check.describe(x)) end
  return x
end

--- The shapes of a list of tensors.
---@param layer table
---@param list any
---@return integer[][]
function inputs.shapes(layer, list)
  if type(list) ~= "table" or getmetatable(list) ~= nil or #list == 0 then
    check.fail("%s: input is %s, expected a list of tensors; likely fix: layer({ a, b })", layer:title(), check.describe(list))
  end
  local out = {}
  for i = 1, #list do out[i] = inputs.tensor(layer, list[i]).shape end
  return out
end

--- The options of a call; nil counts as none.
---@param layer table
---@param options any
---@return table
function inputs.options(layer, options)
  if options == nil then return {} end
  return check.type(layer:title(), "options", options, "table")
end

return inputs
