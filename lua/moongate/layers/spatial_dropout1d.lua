-- SpatialDropout1D: whole features are dropped. Source: Tompson et al. 2015; keras.layers.SpatialDropout1D.
local class = require "moongate.class"
local Dropout = require "moongate.layers.dropout"
local Layer = require "moongate.layers.layer"
local fields = require "moongate.fields"

-- Keras 3 writes the dtype of this class alone as a word.
local policy = Layer.field_of.dtype.codec
local dtype = { "dtype", codec = policy, keras3 = { codec = { decode = policy.decode } } }

--- Dropout of (B, T, F) that drops a feature in all steps of an example or in none.
---@param rate number 0..1
---@param options? table seed, name, dtype
---@example local y = mg.layers.SpatialDropout1D(0.3)(x, { training = true })
local SpatialDropout1D = class("SpatialDropout1D", Dropout)
SpatialDropout1D.rows_apart, SpatialDropout1D.built_at_once = true, true
Layer.declare(SpatialDropout1D, {
  { "rate", required = true, codec = fields.rate },
  { "seed", codec = fields.seed },
  { "noise_shape", codec = fields.unused },
  dtype,
  order = { keras3 = { "rate", "seed", "name", "dtype" }, tf2 = { "name", "trainable", "dtype", "rate", "noise_shape", "seed" } },
}, { "rate", "seed" })

SpatialDropout1D.input_spec = { ndim = 3, what = "batch, steps, features" }

--- The sizes of the noise for an input's.
---@param shape integer[]
---@return integer[]
---@package
function SpatialDropout1D.noise_sizes(_, shape) return { shape[1], 1, shape[3] } end

return SpatialDropout1D
