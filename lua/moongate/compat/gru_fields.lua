-- What the GRU classes of TensorFlow 2 declare in place of Keras 3's fields, and the masks they draw.
local activations = require "moongate.activations"
local fields = require "moongate.fields"

local M = {}

-- A name in one of these constructors is TensorFlow's: hard_sigmoid is clip(0.2 x + 0.5, 0, 1).
local activation_codec = { decode = function(value, where)
  if value == "hard_sigmoid" then return activations.keras2_hard_sigmoid end
  return activations.codec.decode(value, where)
end, encode = activations.codec.encode }

--- The fields that differ: the defaults of a class, and the meaning of names.
---@param recurrent_activation string
---@param implementation integer
---@param reset_after boolean
---@return table[]
function M.declared(recurrent_activation, implementation, reset_after)
  return {
    { "activation", default = "tanh", codec = activation_codec },
    { "recurrent_activation", default = recurrent_activation, codec = activation_codec },
    { "implementation", default = implementation, codec = fields.choice(0, 1, 2), hidden = true },
    { "reset_after", default = reset_after, codec = fields.boolean },
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
