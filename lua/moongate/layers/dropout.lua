-- Dropout: drops elements at random in training. Source: keras.layers.Dropout.
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local older = require "moongate.layers.older"
local ops = require "moongate.ops"
local random = require "moongate.random"

--- In training sets a share `rate` of the elements to 0 and scales the others by 1/(1-rate); otherwise does nothing.
---@param rate number 0..1
---@param options? table noise_shape (mg.null: the input's size), seed, name, dtype
---@example local y = mg.layers.Dropout(0.3)(x, { training = true })
local Dropout = class("Dropout", Layer)
Dropout.built_at_once, Dropout.records_training = true, true
Layer.declare(Dropout, {
  { "rate", required = true, codec = fields.rate },
  { "seed", codec = fields.seed },
  { "noise_shape", codec = fields.shape },
  order = { tf2 = { "name", "trainable", "dtype", "batch_input_shape", "rate", "noise_shape", "seed" } }, older = older.dropout,
}, { "rate", "noise_shape", "seed" })

Dropout.supports_masking = true

--- Whether rows are dropped apart from each other: unless noise_shape says what they share.
---@return boolean
---@package
function Dropout:rows_apart() return self.noise_shape == nil end

--- Sets the fields and what follows from them.
---@param options table
---@package
function Dropout:setup(options)
  Layer.setup(self, options)
  if self.rate > 0 then self.seed_generator = random.SeedGenerator(self.seed) end
end

--- The sizes of the noise for an input's: noise_shape, with the input's sizes where it leaves them open.
---@param shape integer[]
---@return integer[]
---@package
function Dropout:noise_sizes(shape)
  local given, out = self.noise_shape, {}
  if not given then return shape end
  if #given ~= #shape then
    check.fail("%s: noise_shape %s has %d dimensions and the input %s has %d, expected the same number", self:title(),
      self.shape_text(given), #given, self.shape_text(shape), #shape)
  end
  for i = 1, #shape do out[i] = given[i] == null and shape[i] or given[i] end
  return out
end

--- What training makes of the input.
---@param x Tensor
---@return Tensor
---@package
function Dropout:drop(x) return ops.mul(x, self:draw_dropout(self:noise_sizes(x.shape), x.dtype, self.rate)) end

--- The layer's output.
---@param x Tensor
---@param options? table training
---@return Tensor
function Dropout:call(x, options)
  inputs.tensor(self, x)
  if not inputs.options(self, options).training or self.rate == 0 then return x end
  return self:drop(x)
end

return Dropout
