-- The input of a model: shape and dtype of what it takes. Source: keras.layers.InputLayer.
local check = require "moongate.check"
local class = require "moongate.class"
local defaults = require "moongate.compat.defaults"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local names = require "moongate.names"
local null = require "moongate.null"
local symbolic = require "moongate.symbolic"
local tensor = require "moongate.tensor"

-- bool and int64 are what configs call them: tensors of such an input are uint8 and int32.
local DTYPES = { "float32", "float64", "int32", "uint8", "bool", "int64" }
local plain_dtype = { decode = function(value, where)
  if value == nil or value == null then return tensor.floatx end
  return check.one_of(where.op, where.name, value, DTYPES)
end }

-- Keras writes the name after the shape here, and no dtype policy.
local KEYS = { "batch_shape", "dtype", "sparse", "ragged", "name", "optional" }

--- The layer behind mg.Input: `shape` without the batch axis (mg.null: any size), or `batch_shape` with it. Its `output` is the
--- symbolic tensor.
---@param options table shape, batch_size, dtype, name, batch_shape
---@example local model = mg.Sequential { mg.layers.InputLayer { shape = { 28, 8 } }, mg.layers.GRU(4) }
local InputLayer = class("InputLayer", Layer)
InputLayer.rows_apart, InputLayer.built_at_once = true, true
Layer.declare(InputLayer, {
  { "shape", codec = fields.shape, hidden = true },
  { "batch_size", codec = fields.positive_integer, hidden = true },
  { "batch_shape", codec = fields.shape, tf2 = { key = "batch_input_shape" } },
  { "batch_input_shape", codec = fields.shape, hidden = true, tf2 = { key = "batch_shape" } },
  { "dtype", codec = plain_dtype },
  { "sparse", default = false, codec = fields.off },
  { "ragged", default = false, codec = fields.off },
  { "optional", default = false, codec = fields.boolean },
  order = { keras3 = KEYS, tf2 = KEYS },
}, { "shape" })

InputLayer.supports_masking = true
--- Tells it from all other layers.
InputLayer.is_input = true

-- input_layer, input_layer_1, ...; in TensorFlow 2 input_1, input_2, ...
local function automatic_name(given)
  if given ~= nil then return given end
  if defaults.version() == "keras3" then return names.unique "input_layer" end
  local name = names.unique "input"
  return name == "input" and names.unique "input" or name
end

--- Sets the fields and what follows from them.
---@param options table
function InputLayer:setup(options)
  local own = { name = automatic_name(options.name) }
  for key, value in pairs(options) do own[key] = value end
  Layer.setup(self, own)
  if not rawget(self, "batch_shape") then self.batch_shape = rawget(self, "batch_input_shape") end
  if not rawget(self, "batch_shape") then
    if not self.shape then check.fail("Input: argument shape is missing; Input { shape = { 10, 8 } }") end
    self.batch_shape = { self.batch_size or null }
    for i, size in ipairs(self.shape) do self.batch_shape[i + 1] = size end
  end
  Layer.build(self, self.batch_shape)
  symbolic.record(self, nil, nil, { symbolic.tensor(self.batch_shape, self.dtype, self.name) })
end

--- Checks an input's shape.
---@param shape integer[]
function InputLayer:check_input(shape)
  local fits = #shape == #self.batch_shape
  for i = 1, #shape do
    local wanted = self.batch_shape[i]
    fits = fits and (wanted == null or shape[i] == null or wanted == shape[i])
  end
  if not fits then
    check.fail("%s: input %s, expected %s", self:title(), self.shape_text(shape), self.shape_text(self.batch_shape))
  end
end

--- The output's shape for an input's.
---@return integer[]
function InputLayer:compute_output_shape() return self.batch_shape end

return InputLayer
