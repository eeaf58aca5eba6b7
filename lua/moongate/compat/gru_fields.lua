-- What the GRU classes of TensorFlow 2 declare in place of Keras 3's fields, and the masks they draw.
local activations = require "moongate.activations"
local fields = require "moongate.fields"

local M = {}

--- The fields that differ: the defaults of a class. What names mean (hard_sigmoid) says the class's `dialect`.
---@param recurrent_activation string
---@param implementation integer
---@param reset_after boolean
---@return table[]
function M.declared(recurrent_activation, implementation, reset_after)
  return {
    { "recurrent_activation", default = recurrent_activation, codec = activations.codec },
    { "implementation", default = implementation, codec = fields.choice(0, 1, 2), hidden = true, tf2 = { hidden = false } },
    { "reset_after", default = reset_after, codec = fields.boolean, tf2 = { absent = false } },
  }
end

--- The same fields of a layer, kept by its cell.
---@param list table[]
---@return table[]
function M.through(list)
  local out = {}
  for i, field in ipairs(list) do
    out[i] = { of = "cell" }
    for key, value in pairs(field) do out[i][key] = value end
  end
  return out
end

return M
