-- AlphaDropout: dropout for SELU networks, which keeps mean and variance. Source: Klambauer et al. 2017; keras.layers.AlphaDropout.
local class = require "moongate.class"
local Dropout = require "moongate.layers.dropout"
local Layer = require "moongate.layers.layer"
local fields = require "moongate.fields"
local ops = require "moongate.ops"

--- In training sets a share `rate` of the elements to SELU's least value, and shifts and scales so that mean 0 and variance 1 stay;
--- otherwise does nothing.
---@param rate number 0..1
---@param options? table noise_shape (mg.null: the input's size), seed, name, dtype
---@example local y = mg.layers.AlphaDropout(0.1)(x, { training = true })
local AlphaDropout = class("AlphaDropout", Dropout)
AlphaDropout.rows_apart, AlphaDropout.built_at_once = true, true
Layer.declare(AlphaDropout, {
  { "rate", required = true, codec = fields.rate },
  { "seed", codec = fields.seed },
  { "noise_shape", codec = fields.shape },
  order = { tf2 = { "name", "trainable", "dtype", "rate", "seed" } },
}, { "rate", "noise_shape", "seed" })

-- SELU's least value: -scale * alpha.
local LEAST = -1.0507009873554805 * 1.6732632423543772

--- What training makes of the input.
---@param x Tensor
---@return Tensor
---@package
function AlphaDropout:drop(x)
  local rate = self.rate
  if rate == 1 then return ops.mul(x, 0) end
  local kept = ops.gt(self:draw_dropout(self:noise_sizes(x.shape), x.dtype, rate), 0)
  local scale = ((1 - rate) * (1 + rate * LEAST ^ 2)) ^ -0.5
  return ops.where(kept, x, LEAST) * scale - scale * LEAST * rate
end

return AlphaDropout
