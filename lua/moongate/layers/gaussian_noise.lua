-- GaussianNoise. Source: keras.layers.GaussianNoise.
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"
local random = require "moongate.random"

--- In training adds normal numbers of mean 0; otherwise does nothing.
---@param stddev number their standard deviation, 0..1
---@param options? table seed, name, dtype
---@example local y = mg.layers.GaussianNoise(0.1)(x, { training = true })
local GaussianNoise = class("GaussianNoise", Layer)
GaussianNoise.rows_apart, GaussianNoise.built_at_once, GaussianNoise.records_training = true, true, true
Layer.declare(GaussianNoise, {
  { "stddev", required = true, codec = fields.float },
  { "seed", codec = fields.seed },
}, { "stddev", "seed" })

GaussianNoise.supports_masking = true

--- Sets the fields and what follows from them.
---@param options table
---@package
function GaussianNoise:setup(options)
  Layer.setup(self, options)
  check.number("GaussianNoise", "stddev", self.stddev, 0, 1)
  if self.stddev > 0 then self.seed_generator = random.SeedGenerator(self.seed) end
end

--- The layer's output.
---@param x Tensor
---@param options? table training
---@return Tensor
function GaussianNoise:call(x, options)
  inputs.tensor(self, x)
  if not inputs.options(self, options).training or self.stddev == 0 then return x end
  return ops.add(x, random.normal(x.shape, 0, self.stddev, { dtype = x.dtype, key = self.seed_generator:next() }))
end

return GaussianNoise
