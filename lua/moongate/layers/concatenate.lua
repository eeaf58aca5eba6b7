-- Concatenate. Source: keras.layers.Concatenate.
local axes = require "moongate.layers.axes"
local check = require "moongate.check"
local create = require "moongate.tensor_create"
local fields = require "moongate.fields"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local Merge = require "moongate.layers.merge"
local merge_masked = require "moongate.layers.merge_masked"
local null = require "moongate.null"
local ops = require "moongate.ops"

--- The inputs one behind the other along `axis`; their other sizes agree.
---@param axis? integer default -1
---@param options? table name, dtype
---@example local y = mg.layers.Concatenate { axis = 1 } ({ a, b })
local Concatenate = Merge.make("Concatenate", { { "axis", default = -1, codec = fields.integer } }, { "axis" })
Concatenate.rows_apart = true

Concatenate.keeps_integers = true

-- The first shape and another agree but for dimension dim.
local function agree(a, b, dim)
  if #a ~= #b then return false end
  for i = 1, #a do
    if i ~= dim and a[i] ~= null and b[i] ~= null and a[i] ~= b[i] then return false end
  end
  return true
end

--- The output's shape for the inputs'.
---@param list integer[][]
---@return integer[]
function Concatenate:compute_output_shape(list)
  local first = self:checked_shapes(list)[1]
  local dim = axes.dim(self, self.axis, first)
  local out = {}
  for i = 1, #first do out[i] = first[i] end
  for i = 2, #list do
    if not agree(first, list[i], dim) then
      check.fail("%s: inputs %s with axis = %d: input %d differs from the first beyond that axis, expected equal sizes there",
        self:title(), self:shapes_text(list), self.axis, i)
    end
    for d = 1, #first do
      if d ~= dim and out[d] == null then out[d] = list[i][d] end
    end
    if out[dim] ~= null then out[dim] = list[i][dim] == null and null or out[dim] + list[i][dim] end
  end
  return out
end

--- The dtype of the output of symbolic inputs.
---@param list table[]
---@return string
---@package
function Concatenate.output_dtype(_, list) return list[1].dtype end

--- Checks the shapes of the inputs.
---@param list integer[][]
function Concatenate:build(list)
  self:compute_output_shape(list)
  Layer.build(self, list)
end

--- The layer's output.
---@param list Tensor[]
---@return Tensor
function Concatenate:call(list)
  self:compute_output_shape(inputs.shapes(self, list))
  return ops.concat(list, axes.dim(self, self.axis, list[1].shape))
end

--- The masks one behind the other; along the features a step counts where it counts in any input. An input without a mask counts
--- everywhere.
---@param list Tensor[]
---@param masks table|nil
---@return Tensor|nil
function Concatenate:compute_mask(list, masks)
  inputs.shapes(self, list)
  masks = inputs.options(self, masks)
  local any, all = false, {}
  for i, x in ipairs(list) do
    any = any or (masks[i] and true)
    all[i] = merge_masked.spread(masks[i], x) or create.ones(x.shape, { dtype = "uint8" })
  end
  if not any then return nil end
  return (self.as_tf2 and ops.min or ops.max)(ops.concat(all, axes.dim(self, self.axis, list[1].shape)), -1)
end

return Concatenate
