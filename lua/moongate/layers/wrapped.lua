-- What wrappers (Bidirectional, TimeDistributed) share: the field that holds a layer.
local check = require "moongate.check"
local null = require "moongate.null"
local states_of = require "moongate.layers.rnn_states"

local wrapped = {}

--- The codec of an inner layer: a layer, or the config of one.
wrapped.codec = { decode = function(value, where)
  if value == nil or value == null then return nil end
  if type(value) == "table" and value.class_name then
    value = require("moongate.layers").deserialize(value, where.path and where or nil)
  end
  if type(value) ~= "table" or not value.is_layer or not rawget(value, "variables_list") then
    check.fail("%s: argument %s is %s, expected a layer", where.op, where.name, check.describe(value))
  end
  return value
end, encode = function(layer, where) return layer:serialize(where.dialect) end }

--- Given states as a flat list.
---@param layer table
---@param what string
---@param states any
---@return table
function wrapped.flat_states(layer, what, states)
  check.type(layer:title(), what, states, "table")
  return states_of.flat(states)
end

return wrapped
