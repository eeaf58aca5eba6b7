-- The parent of MaxPooling1D and AveragePooling1D. Source: keras.src.layers.pooling.base_pooling.
local class = require "moongate.class"
local fields = require "moongate.fields"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"
local windows = require "moongate.layers.windows"

local Pooling = class("Pooling", Layer)

-- The fields of a pooling layer; strides follow pool_size unless given.
local FIELDS = {
  { "pool_size", default = 2, codec = fields.tuple(1) },
  { "padding", default = "valid", codec = windows.word("valid", "same") },
  { "strides", codec = fields.tuple(1) },
  windows.data_format,
  order = { tf2 = { "name", "trainable", "dtype", "strides", "pool_size", "padding", "data_format" } },
}

--- A class of pooling layers.
---@param name string
---@param operation string its name in ops
---@return table
---@package
function Pooling.make(name, operation)
  local C = class(name, Pooling)
  Layer.declare(C, FIELDS, { "pool_size", "strides", "padding", "data_format" })
  C.operation = operation
  C.input_spec = { ndim = 3, what = "batch, steps, features" }
  return C
end

--- Sets the fields and what follows from them.
---@param options table
---@package
function Pooling:setup(options)
  Layer.setup(self, options)
  self.strides = self.strides or { self.pool_size[1] }
end

--- The layer's output.
---@param x Tensor
---@return Tensor
function Pooling:call(x)
  self:check_input(inputs.tensor(self, x).shape)
  windows.count(self, x.shape, self.pool_size[1], "pool_size")
  x = windows.steps_first(self, x)
  return windows.steps_first(self, ops[self.operation](x, windows.options(self, x.shape[2], self.pool_size[1])))
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function Pooling:compute_output_shape(shape)
  self:check_input(self:checked_shape(shape))
  local steps, features = windows.axes(self)
  local out = { shape[1] }
  out[steps], out[features] = windows.count(self, shape, self.pool_size[1], "pool_size"), shape[features]
  return out
end

return Pooling
