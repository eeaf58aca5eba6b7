-- ReLU. Source: keras.layers.ReLU.
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"

local ROUNDED = { codec = fields.rounded }

--- x where it is at least threshold, at most max_value; below, negative_slope * (x - threshold). Any shape.
---@param options? table max_value (default none), negative_slope = 0, threshold = 0, name, dtype
---@example local layer = mg.layers.ReLU { negative_slope = 0.1 }
local ReLU = class("ReLU", Layer)
ReLU.rows_apart, ReLU.built_at_once = true, true
Layer.declare(ReLU, {
  { "max_value", codec = fields.float, tf2 = ROUNDED },
  { "negative_slope", default = 0, codec = fields.float, tf2 = ROUNDED },
  { "threshold", default = 0, codec = fields.float, tf2 = ROUNDED },
}, { "max_value", "negative_slope", "threshold" })

ReLU.supports_masking = true

--- Sets the fields and checks them.
---@param options table
---@package
function ReLU:setup(options)
  Layer.setup(self, options)
  for _, name in ipairs { "max_value", "negative_slope", "threshold" } do
    if self[name] then check.number("ReLU", name, self[name], 0) end
  end
end

--- The layer's output.
---@param x Tensor
---@return Tensor
function ReLU:call(x)
  return ops.activation(x, { kind = "relu", a = self.negative_slope, b = self.max_value or math.huge, c = self.threshold })
end

return ReLU
