-- GaussianDropout. Source: Srivastava et al. 2014; keras.layers.GaussianDropout.
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"
local random = require "moongate.random"

--- In training multiplies by normal numbers of mean 1 and variance rate / (1 - rate), as much noise as Dropout makes; otherwise
--- does nothing.
---@param rate number at least 0, below 1
---@param options? table seed, name, dtype
---@example local y = mg.layers.GaussianDropout(0.2)(x, { training = true })
local GaussianDropout = class("GaussianDropout", Layer)
GaussianDropout.rows_apart, GaussianDropout.built_at_once, GaussianDropout.records_training = true, true, true
Layer.declare(GaussianDropout, {
  { "rate", required = true, codec = fields.rate },
  { "seed", codec = fields.seed },
}, { "rate", "seed" })

GaussianDropout.supports_masking = true

--- Sets the fields and what follows from them.
---@param options table
---@package
function GaussianDropout:setup(options)
  Layer.setup(self, options)
  if self.rate == 1 then check.fail("GaussianDropout: argument rate is 1, expected a number below: the noise would be infinite") end
  if self.rate > 0 then self.seed_generator = random.SeedGenerator(self.seed) end
end

--- The layer's output.
---@param x Tensor
---@param options? table training
---@return Tensor
function GaussianDropout:call(x, options)
  inputs.tensor(self, x)
  if not inputs.options(self, options).training or self.rate == 0 then return x end
  local deviation = math.sqrt(self.rate / (1 - self.rate))
  return ops.mul(x, random.normal(x.shape, 1, deviation, { dtype = x.dtype, key = self.seed_generator:next() }))
end

return GaussianDropout
