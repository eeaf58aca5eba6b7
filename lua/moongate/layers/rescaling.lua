-- Rescaling. Source: keras.layers.Rescaling.
local check = require "moongate.check"
local class = require "moongate.class"
local create = require "moongate.tensor_create"
local inputs = require "moongate.layers.inputs"
local json = require "moongate.json"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local ops = require "moongate.ops"

-- A number, or a list of them: one for each position of the last axis.
local numbers = { plain = true, float = true }

function numbers.decode(value, where)
  if value == nil or value == null then return nil end
  if type(value) ~= "table" then return check.number(where.op, where.name, value) end
  local list = {}
  for i = 1, #value do list[i] = check.number(where.op, ("%s[%d]"):format(where.name, i), value[i]) end
  return list
end

function numbers.encode(value)
  if type(value) ~= "table" then return value end
  local list = json.array { unpack(value) }
  for i = 1, #value do json.float(list, i) end
  return list
end

--- x * scale + offset. Any shape.
---@param scale number|number[] a list: one for each position of the last axis
---@param offset? number|number[] default 0
---@param options? table name, dtype
---@example local layer = mg.layers.Rescaling(1 / 127.5, -1)
local Rescaling = class("Rescaling", Layer)
Rescaling.rows_apart = true
Layer.declare(Rescaling, {
  { "scale", required = true, codec = numbers },
  { "offset", default = 0, codec = numbers },
}, { "scale", "offset" })

Rescaling.supports_masking = true

local function value_of(value, x)
  return type(value) == "table" and create.tensor(value, { dtype = x.dtype }) or value
end

--- The layer's output.
---@param x Tensor
---@return Tensor
function Rescaling:call(x)
  inputs.tensor(self, x)
  local y = ops.mul(x, value_of(self.scale, x))
  return self.offset == 0 and y or ops.add(y, value_of(self.offset, x))
end

return Rescaling
