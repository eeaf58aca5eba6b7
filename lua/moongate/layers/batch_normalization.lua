-- BatchNormalization: each feature by its mean and variance over the batch, at inference by moving ones.
-- Source: Ioffe and Szegedy 2015; keras.layers.BatchNormalization.
local axes = require "moongate.layers.axes"
local check = require "moongate.check"
local class = require "moongate.class"
local constraints = require "moongate.constraints"
local fields = require "moongate.fields"
local initializers = require "moongate.initializers"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local ops = require "moongate.ops"
local regularizers = require "moongate.regularizers"

-- keras.backend.epsilon(): added to the number of valid steps before dividing by it.
local FUZZ = 1e-7

local HIDDEN = { hidden = true }

--- Mean 0 and variance 1 for each feature of `axis`, times gamma, plus beta; any shape. In training the batch's own mean and
--- variance count (with a mask over the valid steps) and move the stored ones; otherwise, and when the layer is frozen
--- (trainable = false), the stored ones are used.
--- Options: axis = -1, momentum = 0.99, epsilon = 0.001, center = true (beta), scale = true (gamma), beta_initializer = "zeros",
--- gamma_initializer = "ones", moving_mean_initializer = "zeros", moving_variance_initializer = "ones", beta_regularizer,
--- gamma_regularizer, beta_constraint, gamma_constraint, name, dtype, trainable.
---@param options? table
---@example local layer = mg.layers.BatchNormalization { momentum = 0.9 }
local BatchNormalization = class("BatchNormalization", Layer)
BatchNormalization.records_mask = true
Layer.declare(BatchNormalization, {
  { "axis", default = -1, codec = fields.axes, tf2 = { show = axes.shown } },
  { "momentum", default = 0.99, codec = fields.float },
  { "epsilon", default = 1e-3, codec = fields.float },
  { "center", default = true, codec = fields.boolean },
  { "scale", default = true, codec = fields.boolean },
  { "beta_initializer", default = "zeros", codec = initializers.codec },
  { "gamma_initializer", default = "ones", codec = initializers.codec },
  { "moving_mean_initializer", default = "zeros", codec = initializers.codec },
  { "moving_variance_initializer", default = "ones", codec = initializers.codec },
  { "beta_regularizer", codec = regularizers.codec },
  { "gamma_regularizer", codec = regularizers.codec },
  { "beta_constraint", codec = constraints.codec },
  { "gamma_constraint", codec = constraints.codec },
  { "synchronized", default = false, codec = fields.off, tf2 = HIDDEN },
  { "renorm", default = false, codec = fields.off, tf2 = HIDDEN },
  { "renorm_clipping", codec = fields.unused, tf2 = HIDDEN },
  { "renorm_momentum", default = 0.99, codec = fields.float, tf2 = HIDDEN },
}, { "axis", "momentum", "epsilon", "center", "scale" })

BatchNormalization.supports_masking = true

--- Whether rows are normalized apart from each other: with the moving statistics.
---@param training boolean
---@return boolean
---@package
function BatchNormalization:rows_apart(training) return not (training and self.trainable) end

--- Sets the fields and what follows from them.
---@param options table
---@package
function BatchNormalization:setup(options)
  Layer.setup(self, options)
  if type(self.axis) == "table" then
    if #self.axis ~= 1 then
      check.fail("BatchNormalization: argument axis has %d axes, expected one", #self.axis)
    end
    self.given_axis, self.axis = self.axis, self.axis[1]
  end
end

--- Makes the weights.
---@param shape integer[]
function BatchNormalization:build(shape)
  local dim = axes.dim(self, self.axis, self:checked_shape(shape))
  local size = axes.size(self, shape, dim)
  local function weight(name, trainable)
    return self:add_weight { name = name, shape = { size }, initializer = self[name .. "_initializer"], trainable = trainable,
      regularizer = self[name .. "_regularizer"], constraint = self[name .. "_constraint"] }
  end
  if self.scale then self.gamma = weight("gamma", true) end
  if self.center then self.beta = weight("beta", true) end
  self.moving_mean, self.moving_variance = weight("moving_mean", false), weight("moving_variance", false)
  self.input_spec = { ndim = #shape }
  Layer.build(self, shape)
end

--- Checks an input's shape: as many axes as the layer was built for, and as many features.
---@param shape integer[]
---@package
function BatchNormalization:check_input(shape)
  Layer.check_input(self, shape)
  local dim = axes.dim(self, self.axis, shape)
  local features = self.built and self.moving_mean.shape[1]
  if features and shape[dim] ~= null and shape[dim] ~= features then
    check.fail("%s: input %s has %s features on axis %d, expected %d: the layer was built for %s", self:title(),
      self.shape_text(shape), tostring(shape[dim]), dim - 1, features, self.shape_text(self.build_shape))
  end
end

local function others(n, dim)
  local dims = {}
  for i = 1, n do
    if i ~= dim then dims[#dims + 1] = i end
  end
  return dims
end

-- The mask as ones and zeros of x's shape: one axis less than x, and Keras lets it count for every feature.
local function full_mask(self, mask, x)
  if #mask.shape ~= #x.shape - 1 then
    check.fail("%s: mask %s for the input %s, expected one dimension less", self:title(), self.shape_text(mask.shape),
      self.shape_text(x.shape))
  end
  return ops.broadcast_to(ops.expand_dims(mask, -1), x.shape)
end

-- Normalized by the mean and variance of the valid steps.
local function by_valid_steps(self, x, mask, dims, gamma, beta)
  mask = full_mask(self, mask, x)
  local count = ops.sum(ops.cast(mask, x.dtype), dims, true) + FUZZ
  local mean = ops.sum(ops.where(mask, x, 0), dims, true) / count
  local variance = ops.sum(ops.square(ops.where(mask, x - mean, 0)), dims, true) / count
  local scale = ops.rsqrt(variance + self.epsilon)
  if gamma then scale = scale * gamma end
  local y = (x - mean) * scale
  return beta and y + beta or y, mean, variance
end

-- moving = moving * momentum + value * (1 - momentum)
local function move(self, moving, value)
  value = ops.reshape(value:detach(), moving.shape)
  moving:assign(ops.add(ops.mul(moving:detach(), self.momentum), ops.mul(value, 1 - self.momentum)))
end

local function in_training(self, x, mask, dims, gamma, beta)
  local y, mean, variance
  if mask then
    y, mean, variance = by_valid_steps(self, x, mask, dims, gamma, beta)
  else
    y, mean, variance = ops.normalize(x, dims, self.epsilon, gamma, beta)
  end
  move(self, self.moving_mean, mean)
  move(self, self.moving_variance, variance)
  return y
end

--- The layer's output; in training it moves the stored mean and variance.
---@param x Tensor
---@param options? table training, mask
---@return Tensor
function BatchNormalization:call(x, options)
  local dim = axes.dim(self, self.axis, inputs.tensor(self, x).shape)
  options = inputs.options(self, options)
  if not self.built then check.fail("%s: the layer is not built yet; likely fix: layer(x), which builds it", self:title()) end
  local shape = axes.broadcast_shape(x.shape, { dim })
  local function spread(v) return v and ops.reshape(v, shape) end
  local gamma, beta = spread(self.gamma), spread(self.beta)
  if not (options.training and self.trainable) then
    local scale = ops.rsqrt(spread(self.moving_variance) + self.epsilon)
    if gamma then scale = scale * gamma end
    local shift = spread(self.moving_mean) * scale
    return x * scale + (beta and beta - shift or -shift)
  end
  return in_training(self, x, options.mask, others(#x.shape, dim), gamma, beta)
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function BatchNormalization:compute_output_shape(shape)
  axes.dim(self, self.axis, self:checked_shape(shape))
  return shape
end

return BatchNormalization
