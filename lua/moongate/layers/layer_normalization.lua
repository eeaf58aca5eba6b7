-- LayerNormalization: every example by its own mean and variance.
-- Source: Ba, Kiros and Hinton 2016; keras.layers.LayerNormalization.
local axes = require "moongate.layers.axes"
local class = require "moongate.class"
local constraints = require "moongate.constraints"
local fields = require "moongate.fields"
local initializers = require "moongate.initializers"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"
local regularizers = require "moongate.regularizers"

--- Mean 0 and variance 1 over `axis` of each example, times gamma, plus beta; any shape.
--- Options: axis = -1 (or a list), epsilon = 0.001, center = true (beta), scale = true (gamma), beta_initializer = "zeros",
--- gamma_initializer = "ones", beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint, name, dtype, trainable.
---@param options? table
---@example local layer = mg.layers.LayerNormalization { epsilon = 1e-5 }
local LayerNormalization = class("LayerNormalization", Layer)
LayerNormalization.rows_apart = true
Layer.declare(LayerNormalization, {
  { "axis", default = -1, codec = fields.axes, tf2 = { show = axes.shown } },
  { "epsilon", default = 1e-3, codec = fields.float },
  { "center", default = true, codec = fields.boolean },
  { "scale", default = true, codec = fields.boolean },
  { "rms_scaling", default = false, codec = fields.boolean, tf2 = { hidden = true } },
  { "beta_initializer", default = "zeros", codec = initializers.codec },
  { "gamma_initializer", default = "ones", codec = initializers.codec },
  { "beta_regularizer", codec = regularizers.codec },
  { "gamma_regularizer", codec = regularizers.codec },
  { "beta_constraint", codec = constraints.codec },
  { "gamma_constraint", codec = constraints.codec },
}, { "axis", "epsilon", "center", "scale", "beta_initializer", "gamma_initializer" })

LayerNormalization.supports_masking = true

--- Makes the weights. From here on axis is a list, as Keras keeps it.
---@param shape integer[]
function LayerNormalization:build(shape)
  self:checked_shape(shape)
  local list = type(self.axis) == "table" and { unpack(self.axis) } or { self.axis }
  table.sort(list)
  local sizes = {}
  for i, dim in ipairs(axes.dims(self, list, shape)) do sizes[i] = axes.size(self, shape, dim) end
  self.given_axis, self.axis = self.axis, list
  local function weight(name)
    return self:add_weight { name = name, shape = sizes, initializer = self[name .. "_initializer"],
      regularizer = self[name .. "_regularizer"], constraint = self[name .. "_constraint"] }
  end
  if self.scale or self.rms_scaling then self.gamma = weight "gamma" end
  if self.center and not self.rms_scaling then self.beta = weight "beta" end
  Layer.build(self, shape)
end

-- Whether dims, in their order, are the last ones of n.
local function are_last(dims, n)
  for i, dim in ipairs(dims) do
    if dim ~= n - #dims + i then return false end
  end
  return true
end

--- The layer's output.
---@param x Tensor
---@return Tensor
function LayerNormalization:call(x)
  local dims = axes.dims(self, self.axis, inputs.tensor(self, x).shape)
  if not self.rms_scaling and are_last(dims, #x.shape) then return ops.layer_norm(x, #dims, self.epsilon, self.gamma, self.beta) end
  local shape = axes.broadcast_shape(x.shape, dims)
  local gamma, beta = self.gamma and ops.reshape(self.gamma, shape), self.beta and ops.reshape(self.beta, shape)
  if not self.rms_scaling then return (ops.normalize(x, dims, self.epsilon, gamma, beta)) end
  local variance = ops.mean(ops.square(x - ops.mean(x, dims, true)), dims, true)
  return x * ops.rsqrt(variance + self.epsilon) * gamma
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function LayerNormalization:compute_output_shape(shape)
  axes.dims(self, self.axis, self:checked_shape(shape))
  return shape
end

return LayerNormalization
