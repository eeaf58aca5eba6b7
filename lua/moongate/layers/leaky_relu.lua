-- LeakyReLU. Source: Maas, Hannun and Ng 2013; keras.layers.LeakyReLU.
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"

--- x where it is positive, else negative_slope * x. Any shape.
---@param negative_slope? number default 0.3
---@param options? table name, dtype
---@example local layer = mg.layers.LeakyReLU(0.1)
local LeakyReLU = class("LeakyReLU", Layer)
LeakyReLU.rows_apart, LeakyReLU.built_at_once = true, true
Layer.declare(LeakyReLU, {
  { "negative_slope", default = 0.3, codec = fields.float, tf2 = { key = "alpha", codec = fields.rounded } },
  { "alpha", codec = fields.float, hidden = true, tf2 = { key = "negative_slope" } }, -- Keras 2's name for it
}, { "negative_slope" })

LeakyReLU.supports_masking = true

--- Sets the fields and checks them.
---@param options table
---@package
function LeakyReLU:setup(options)
  Layer.setup(self, options)
  if self.alpha then self.negative_slope, self.alpha = self.alpha, nil end
  check.number("LeakyReLU", "negative_slope", self.negative_slope, 0)
end

--- The layer's output. The slope counts as a float32 number, as in TensorFlow.
---@param x Tensor
---@return Tensor
function LeakyReLU:call(x)
  return ops.activation(x, { kind = "relu", a = fields.float32(self.negative_slope), b = math.huge, c = 0 })
end

return LeakyReLU
