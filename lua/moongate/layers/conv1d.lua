-- Conv1D: a window that slides along the steps, and a dense layer over what it sees. Source: keras.layers.Conv1D.
local activations = require "moongate.activations"
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
local windows = require "moongate.layers.windows"

--- Convolution along the steps: (B, T, F) -> (B, T', filters). With padding = "causal" output t sees no step after t.
--- Options: strides = 1, padding = "valid" | "same" | "causal", data_format = "channels_last", dilation_rate = 1, groups = 1,
--- activation, use_bias = true, kernel_initializer = "glorot_uniform", bias_initializer = "zeros", kernel_regularizer,
--- bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, name, dtype, trainable.
---@param filters integer size of the output
---@param kernel_size integer steps of the window
---@param options? table
---@example local layer = mg.layers.Conv1D(32, 5, { padding = "causal", activation = "relu" })
local Conv1D = class("Conv1D", Layer)
Conv1D.rows_apart = true
Layer.declare(Conv1D, {
  { "filters", required = true, codec = fields.positive_integer },
  { "kernel_size", required = true, codec = fields.tuple(1) },
  { "strides", default = 1, codec = fields.tuple(1) },
  { "padding", default = "valid", codec = windows.word("valid", "same", "causal") },
  windows.data_format,
  { "dilation_rate", default = 1, codec = fields.tuple(1) },
  { "groups", default = 1, codec = fields.positive_integer },
  { "activation", codec = activations.codec },
  { "use_bias", default = true, codec = fields.boolean },
  { "kernel_initializer", default = "glorot_uniform", codec = initializers.codec },
  { "bias_initializer", default = "zeros", codec = initializers.codec },
  { "kernel_regularizer", codec = regularizers.codec },
  { "bias_regularizer", codec = regularizers.codec },
  { "activity_regularizer", codec = regularizers.codec },
  { "kernel_constraint", codec = constraints.codec },
  { "bias_constraint", codec = constraints.codec },
}, { "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "activation", "use_bias" })

Conv1D.input_spec = { ndim = 3, what = "batch, steps, features" }

--- Sets the fields and checks what they say together.
---@param options table
---@package
function Conv1D:setup(options)
  Layer.setup(self, options)
  if self.filters % self.groups ~= 0 then
    check.fail("Conv1D: argument filters is %d, which groups = %d does not divide; likely fix: filters = %d", self.filters,
      self.groups, math.ceil(self.filters / self.groups) * self.groups)
  end
  if self.strides[1] > 1 and self.dilation_rate[1] > 1 then
    check.fail("Conv1D: arguments strides = %d and dilation_rate = %d are both above 1, expected at most one of them",
      self.strides[1], self.dilation_rate[1])
  end
end

-- The number of features; it has to be known, and the groups divide it.
local function features_of(self, shape)
  local _, axis = windows.axes(self)
  local features = shape[axis]
  if type(features) ~= "number" then
    check.fail("%s: build for %s: axis %d has to be known; likely fix: a size instead of mg.null there", self:title(),
      self.shape_text(shape), axis - 1)
  end
  if features % self.groups ~= 0 then
    check.fail("%s: input %s has %d features, which groups = %d does not divide", self:title(), self.shape_text(shape), features,
      self.groups)
  end
  return features
end

--- Makes the weights.
---@param shape integer[]
function Conv1D:build(shape)
  self:check_input(self:checked_shape(shape))
  local features = features_of(self, shape)
  windows.count(self, shape, self.kernel_size[1], "kernel_size")
  self.kernel = self:add_weight { name = "kernel", shape = { self.kernel_size[1], features / self.groups, self.filters },
    initializer = self.kernel_initializer, regularizer = self.kernel_regularizer, constraint = self.kernel_constraint }
  if self.use_bias then
    self.bias = self:add_weight { name = "bias", shape = { self.filters }, initializer = self.bias_initializer,
      regularizer = self.bias_regularizer, constraint = self.bias_constraint }
  end
  self.features = features
  Layer.build(self, shape)
end

--- Checks an input's shape: three axes, as many features as the layer was built for, and a window fits.
---@param shape integer[]
---@package
function Conv1D:check_input(shape)
  Layer.check_input(self, shape)
  local _, axis = windows.axes(self)
  if self.features and shape[axis] ~= null and shape[axis] ~= self.features then
    check.fail("%s: input %s has %d features on axis %d, expected %d: the layer was built for %s", self:title(),
      self.shape_text(shape), shape[axis], axis - 1, self.features, self.shape_text(self.build_shape))
  end
end

--- The layer's output.
---@param x Tensor
---@return Tensor
function Conv1D:call(x)
  self:check_input(inputs.tensor(self, x).shape)
  windows.count(self, x.shape, self.kernel_size[1], "kernel_size")
  x = windows.steps_first(self, x)
  local o = windows.options(self, x.shape[2], self.kernel_size[1])
  local y = ops.conv1d(x, self.kernel, self.bias, { stride = o.stride, dilation = o.dilation, before = o.before, after = o.after,
    groups = self.groups })
  return self.activation(windows.steps_first(self, y))
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function Conv1D:compute_output_shape(shape)
  self:check_input(self:checked_shape(shape))
  local steps, features = windows.axes(self)
  local out = { shape[1] }
  out[steps], out[features] = windows.count(self, shape, self.kernel_size[1], "kernel_size"), self.filters
  return out
end

return Conv1D
