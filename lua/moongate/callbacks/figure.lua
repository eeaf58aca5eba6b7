-- Figures of the logs as text: numbers, and tensors of metrics that have one value for each class or threshold.
local number_text = require("moongate.json_number").float
local tensor = require "moongate.tensor"

local figure = {}

--- One number for a figure: the mean of several, as Keras's bar shows them.
---@param value number|Tensor
---@return number
function figure.number(value)
  if not tensor.is(value) then return value end
  local sum, list = 0, value:to_flat_table()
  for _, v in ipairs(list) do sum = sum + v end
  return sum / #list
end

--- A figure in a line of a CSV file: "[0.5, 1.0]" for several.
---@param value number|Tensor
---@return string
function figure.cell(value)
  if not tensor.is(value) then return number_text(value) end
  local words = {}
  for i, v in ipairs(value:to_flat_table()) do words[i] = number_text(v) end
  return '"[' .. table.concat(words, ", ") .. ']"'
end

return figure
