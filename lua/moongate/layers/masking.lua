-- Masking: steps whose features all equal a value are skipped by the layers behind. Source: keras.layers.Masking.
local class = require "moongate.class"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"

--- Masks the steps of (B, T, ...) in which every feature equals mask_value, and sets them to 0.
---@param mask_value? number default 0
---@example local layer = mg.layers.Masking { mask_value = -1 }
local Masking = class("Masking", Layer)
Masking.rows_apart, Masking.built_at_once = true, true
Layer.declare(Masking, { { "mask_value", default = 0, codec = fields.float } }, { "mask_value" })

Masking.supports_masking, Masking.makes_mask = true, true
Masking.input_spec = { min_ndim = 2 }

--- The layer's output.
---@param x Tensor
---@return Tensor
function Masking:call(x)
  local used = ops.max(ops.ne(x, self.mask_value), -1, true)
  return ops.mul(x, ops.cast(used, x.dtype))
end

--- The output's mask.
---@param x Tensor
---@return Tensor|nil
function Masking:compute_mask(x) return ops.max(ops.ne(x, self.mask_value), -1) end

return Masking
