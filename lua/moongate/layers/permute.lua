-- Permute. Source: keras.layers.Permute.
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"

--- Each example's axes in another order: axis i of the output is axis dims[i] of the input, counted from 1, the batch left out.
---@param dims integer[]
---@param options? table name, dtype
---@example local layer = mg.layers.Permute({ 2, 1 })
local Permute = class("Permute", Layer)
Permute.rows_apart = true
Layer.declare(Permute, { { "dims", required = true, codec = fields.shape } }, { "dims" })

Permute.keeps_integers = true

--- Sets the fields and checks them.
---@param options table
---@package
function Permute:setup(options)
  Layer.setup(self, options)
  local seen = {}
  for _, dim in ipairs(self.dims) do
    if type(dim) ~= "number" or dim < 1 or dim > #self.dims or seen[dim] then
      check.fail("Permute: argument dims is %s, expected each of 1..%d once", self.shape_text(self.dims), #self.dims)
    end
    seen[dim] = true
  end
  self.input_spec = { ndim = #self.dims + 1 }
end

--- The layer's output.
---@param x Tensor
---@return Tensor
function Permute:call(x)
  local order = { 1 }
  for i, dim in ipairs(self.dims) do order[i + 1] = dim + 1 end
  return ops.permute(x, order)
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function Permute:compute_output_shape(shape)
  self:check_input(self:checked_shape(shape))
  local out = { shape[1] }
  for i, dim in ipairs(self.dims) do out[i + 1] = shape[dim + 1] end
  return out
end

return Permute
