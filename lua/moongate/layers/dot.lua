-- Dot: products of two inputs along an axis of each, example by example. Source: keras.layers.Dot.
local axes = require "moongate.layers.axes"
local check = require "moongate.check"
local fields = require "moongate.fields"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local Merge = require "moongate.layers.merge"
local null = require "moongate.null"
local ops = require "moongate.ops"

--- Sums of products of two inputs over an axis of each: (B, T, F) and (B, F, N) with axes = { 2, 1 } -> (B, T, N). The axes that
--- are left follow one another; from (B, F) and (B, F) it is (B, 1).
---@param axes integer|integer[] 0 is the batch, negative from the end; one number for both
---@param options? table normalize = false (divide both by their norm first: cosine similarity), name, dtype
---@example local y = mg.layers.Dot { axes = 1, normalize = true } ({ a, b })
local Dot = Merge.make("Dot", {
  { "axes", required = true, codec = fields.axes },
  { "normalize", default = false, codec = fields.boolean },
}, { "axes", "normalize" })
Dot.rows_apart = true

Dot.input_count = 2

-- The least sum of squares that is divided by, as keras.ops.normalize has it.
local LEAST = 1e-14

--- Sets the fields and checks them.
---@param options table
---@package
function Dot:setup(options)
  Layer.setup(self, options)
  if type(self.axes) == "table" and #self.axes ~= 2 then
    check.fail("Dot: argument axes has %d axes, expected one number, or one for each of the two inputs", #self.axes)
  end
end

-- The dimensions to sum over in both inputs.
local function dims_of(self, list)
  local own = type(self.axes) == "table" and self.axes or { self.axes, self.axes }
  local d1, d2 = axes.dim(self, own[1], list[1]), axes.dim(self, own[2], list[2])
  if d1 == 1 or d2 == 1 then
    check.fail("%s: axes %d and %d of the inputs %s: axis 0 is the batch, which stays; expected others", self:title(), own[1],
      own[2], self:shapes_text(list))
  end
  local a, b = list[1][d1], list[2][d2]
  if a ~= null and b ~= null and a ~= b then
    check.fail("%s: inputs %s have %d numbers on axis %d and %d on axis %d, expected as many", self:title(), self:shapes_text(list),
      a, d1 - 1, b, d2 - 1)
  end
  return d1, d2
end

-- Sizes of a shape without the batch and dimension d.
local function rest(shape, d)
  local out = {}
  for i = 2, #shape do
    if i ~= d then out[#out + 1] = shape[i] end
  end
  return out
end

--- The output's shape for the inputs'.
---@param list integer[][]
---@return integer[]
function Dot:compute_output_shape(list)
  local d1, d2 = dims_of(self, self:checked_shapes(list))
  local out = { list[1][1] == null and list[2][1] or list[1][1] }
  for _, size in ipairs(rest(list[1], d1)) do out[#out + 1] = size end
  for _, size in ipairs(rest(list[2], d2)) do out[#out + 1] = size end
  if #out == 1 then out[2] = 1 end
  return out
end

--- Checks the shapes of the inputs.
---@param list integer[][]
function Dot:build(list)
  self:compute_output_shape(list)
  Layer.build(self, list)
end

local function count(sizes)
  local n = 1
  for _, size in ipairs(sizes) do n = n * size end
  return n
end

-- x (B, ...) as matrices with dimension d last (behind) or second (in front).
local function matrices(x, d, in_front)
  local order, others, shape = { 1 }, count(rest(x.shape, d)), x.shape
  for i = 2, #shape do
    if i ~= d then order[#order + 1] = i end
  end
  table.insert(order, in_front and 2 or #shape, d)
  local sizes = in_front and { shape[1], shape[d], others } or { shape[1], others, shape[d] }
  return ops.reshape(ops.permute(x, order), sizes)
end

local function normalized(x, d)
  return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), d, true), LEAST))
end

--- The layer's output.
---@param tensors Tensor[]
---@return Tensor
function Dot:call(tensors)
  local list = inputs.shapes(self, tensors)
  local a, b = tensors[1], tensors[2]
  local shape = self:compute_output_shape(list)
  if a.shape[1] ~= b.shape[1] then
    check.fail("%s: inputs %s have different batch sizes, expected one for both", self:title(), self:shapes_text(list))
  end
  local d1, d2 = dims_of(self, list)
  if self.normalize then a, b = normalized(a, d1), normalized(b, d2) end
  return ops.reshape(ops.matmul(matrices(a, d1), matrices(b, d2, true)), shape)
end

--- Products have no mask.
---@return nil
function Dot.compute_mask() return nil end

return Dot
