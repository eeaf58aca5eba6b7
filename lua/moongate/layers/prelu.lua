-- PReLU: a ReLU whose negative slope is learned. Source: He et al. 2015; keras.layers.PReLU.
local check = require "moongate.check"
local class = require "moongate.class"
local constraints = require "moongate.constraints"
local fields = require "moongate.fields"
local initializers = require "moongate.initializers"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local ops = require "moongate.ops"
local regularizers = require "moongate.regularizers"

--- x where it is positive, else alpha * x, with a learned alpha for each element of an example; shared_axes (from 1) have one alpha
--- for all their positions.
---@param options? table alpha_initializer = "zeros", alpha_regularizer, alpha_constraint, shared_axes, name, dtype, trainable
---@example local layer = mg.layers.PReLU { shared_axes = { 1 } }
local PReLU = class("PReLU", Layer)
PReLU.rows_apart = true
Layer.declare(PReLU, {
  { "alpha_initializer", default = "zeros", codec = initializers.codec },
  { "alpha_regularizer", codec = regularizers.codec },
  { "alpha_constraint", codec = constraints.codec },
  { "shared_axes", codec = fields.shape },
}, { "alpha_initializer", "alpha_regularizer", "alpha_constraint", "shared_axes" })

PReLU.supports_masking = true

--- Makes the weights.
---@param shape integer[]
function PReLU:build(shape)
  local sizes = {}
  for i = 2, #self:checked_shape(shape) do sizes[i - 1] = shape[i] end
  for _, axis in ipairs(self.shared_axes or {}) do
    if axis == null or axis < 1 or axis > #sizes then
      check.fail("%s: shared_axes holds %s, expected 1..%d for the input %s", self:title(), tostring(axis), #sizes,
        self.shape_text(shape))
    end
    sizes[axis] = 1
  end
  for i, size in ipairs(sizes) do
    if size == null then
      check.fail("%s: build for %s: axis %d has to be known; likely fix: shared_axes = { %d }", self:title(),
        self.shape_text(shape), i, i)
    end
  end
  self.alpha = self:add_weight { name = "alpha", shape = sizes, initializer = self.alpha_initializer,
    regularizer = self.alpha_regularizer, constraint = self.alpha_constraint }
  self.input_spec = { ndim = #shape }
  Layer.build(self, shape)
end

--- Checks an input's shape: the alphas fit it.
---@param shape integer[]
---@package
function PReLU:check_input(shape)
  Layer.check_input(self, shape)
  for i = 1, self.built and #self.alpha.shape or 0 do
    local own, size = self.alpha.shape[i], shape[i + 1]
    if own ~= size and own ~= 1 and size ~= null then
      check.fail("%s: input %s has %d positions on axis %d, expected %d: the layer was built for %s", self:title(),
        self.shape_text(shape), size, i, own, self.shape_text(self.build_shape))
    end
  end
end

--- The layer's output.
---@param x Tensor
---@return Tensor
function PReLU:call(x) return ops.sub(ops.relu(x), ops.mul(self.alpha, ops.relu(ops.neg(x)))) end

return PReLU
