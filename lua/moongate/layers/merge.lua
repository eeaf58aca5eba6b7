-- The parent of the layers that join a list of inputs element by element. Source: keras.src.layers.merging.base_merge.
local check = require "moongate.check"
local class = require "moongate.class"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local ops = require "moongate.ops"
local shapes = require "moongate.shape"

local Merge = class("Merge", Layer)

Merge.takes_list, Merge.supports_masking = true, true
--- Whether masks are joined as tf.keras does it: set for layers read from its configs.
Merge.as_tf2 = false

--- A class of merging layers.
---@param name string
---@param list? table[] its fields
---@param positional? string[]
---@return table
---@package
function Merge.make(name, list, positional)
  local C = class(name, Merge)
  Layer.declare(C, list, positional)
  return C
end

--- All shapes of a list in words: (3, 5, 2), (3, 1, 2).
---@param list integer[][]
---@return string
---@package
function Merge:shapes_text(list)
  local words = {}
  for i, shape in ipairs(list) do words[i] = self.shape_text(shape) end
  return table.concat(words, ", ")
end

-- The sizes that a and b, aligned at the end, broadcast to; nothing where they do not.
local function broadcast(a, b)
  if #a < #b then a, b = b, a end
  local out = {}
  for i = 1, #a do
    local p, q = a[i], b[i - #a + #b] or 1
    if p ~= null and q ~= null and p ~= q and p ~= 1 and q ~= 1 then return nil end
    if p == 1 then out[i] = q elseif q == 1 then out[i] = p elseif p == null or q == null then out[i] = null else out[i] = p end
  end
  return out
end

local function without_batch(shape)
  local out = {}
  for i = 2, #shape do out[i - 1] = shape[i] end
  return out
end

-- The batch size that all shapes agree in, mg.null when none knows it.
local function batch_size(self, list)
  local size = null
  for i, shape in ipairs(list) do
    if #shape == 0 then check.fail("%s: input %d is a scalar, expected a batch", self:title(), i) end
    if shape[1] ~= null and size ~= null and shape[1] ~= size then
      check.fail("%s: inputs %s have different batch sizes, expected one for all", self:title(), self:shapes_text(list))
    end
    if shape[1] ~= null then size = shape[1] end
  end
  return size
end

--- Checks that a value is a list of shapes, as many as the class takes.
---@param list integer[][]
---@return integer[][]
---@package
function Merge:checked_shapes(list)
  check.type(self:title(), "shape", list, "table")
  if not shapes.is_list(list) then
    check.fail("%s: the input is one tensor, expected a list of tensors; likely fix: layer({ a, b })", self:title())
  end
  for _, shape in ipairs(list) do self:checked_shape(shape) end
  local wanted = self.input_count
  if wanted and #list ~= wanted then
    check.fail("%s: got %d inputs %s, expected exactly %d", self:title(), #list, self:shapes_text(list), wanted)
  end
  return list
end

--- The output's shape for the inputs'.
---@param list integer[][]
---@return integer[]
function Merge:compute_output_shape(list)
  self:checked_shapes(list)
  local batch, out = batch_size(self, list), without_batch(list[1])
  for i = 2, #list do
    local wider = broadcast(out, without_batch(list[i]))
    if not wider then
      check.fail("%s: inputs %s do not fit together: input %d differs in a size that is not 1; expected equal sizes or 1",
        self:title(), self:shapes_text(list), i)
    end
    out = wider
  end
  table.insert(out, 1, batch)
  return out
end

--- Checks the shapes of the inputs.
---@param list integer[][]
function Merge:build(list)
  self:compute_output_shape(list)
  Layer.build(self, list)
end

-- All with as many dimensions as the largest: new ones of size 1 come behind the batch.
local function aligned(list)
  local most, out = 0, {}
  for _, x in ipairs(list) do most = math.max(most, #x.shape) end
  for i, x in ipairs(list) do
    for _ = #x.shape + 1, most do x = ops.expand_dims(x, 2) end
    out[i] = x
  end
  return out
end

--- The layer's output.
---@param list Tensor[]
---@param options? table mask
---@return Tensor
function Merge:call(list, options)
  self:compute_output_shape(inputs.shapes(self, list))
  local mask = inputs.options(self, options).mask
  return self:merge(aligned(list), not self.as_tf2 and mask or nil)
end

-- tf.keras: a step counts where it counts in every input that has a mask.
local function in_all(count, masks)
  local out
  for i = 1, count do
    if masks[i] then out = out and ops.logical_and(out, masks[i]) or masks[i] end
  end
  return out
end

--- A step of the output counts where it counts in any input; an input without a mask ends the others. In a layer that comes from
--- tf.keras (`as_tf2`) it has to count in all that have a mask, and masked elements are merged like others.
---@param list Tensor[]
---@param masks table|nil a mask or false for each input
---@return Tensor|nil
function Merge:compute_mask(list, masks)
  local out
  masks = inputs.options(self, masks)
  if self.as_tf2 then return in_all(#inputs.shapes(self, list), masks) end
  for i = 1, #inputs.shapes(self, list) do
    if not masks[i] then return nil end
    out = out and ops.logical_or(out, masks[i]) or masks[i]
  end
  return out
end

return Merge
