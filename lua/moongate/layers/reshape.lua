-- Reshape. Source: keras.layers.Reshape.
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local ops = require "moongate.ops"

--- Gives every example another shape: (B, ...) -> (B, target_shape...); one size may be -1.
---@param target_shape integer[]
---@example local layer = mg.layers.Reshape({ 2, -1 })
local Reshape = class("Reshape", Layer)
Reshape.rows_apart, Reshape.built_at_once = true, true
Layer.declare(Reshape, { { "target_shape", required = true, codec = fields.shape } }, { "target_shape" })

Reshape.keeps_integers = true

local function product(shape, from)
  local size = 1
  for i = from, #shape do
    if shape[i] == null then return null end
    if shape[i] ~= -1 then size = size * shape[i] end
  end
  return size
end

local function mismatch(self, shape)
  check.fail("%s: input %s has %s elements a row and cannot take target_shape %s of %s; likely fix: one size -1",
    self:title(), self.shape_text(shape), tostring(product(shape, 2)), self.shape_text(self.target_shape),
    tostring(product(self.target_shape, 1)))
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function Reshape:compute_output_shape(shape)
  local out, open = { shape[1] }, nil
  local size, target = product(shape, 2), product(self.target_shape, 1)
  for i, n in ipairs(self.target_shape) do
    out[i + 1] = n
    if n == -1 then open = i + 1 end
  end
  if open then
    if size == null then
      out[open] = null
    else
      if target == 0 or size % target ~= 0 then mismatch(self, shape) end
      out[open] = size / target
    end
  elseif size ~= null and size ~= target then
    mismatch(self, shape)
  end
  return out
end

--- The layer's output.
---@param x Tensor
---@return Tensor
function Reshape:call(x) return ops.reshape(x, self:compute_output_shape(x.shape)) end

return Reshape
