-- Embedding: rows of a table by id. Source: keras.layers.Embedding.
local check = require "moongate.check"
local class = require "moongate.class"
local constraints = require "moongate.constraints"
local create = require "moongate.tensor_create"
local fields = require "moongate.fields"
local initializers = require "moongate.initializers"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local older = require "moongate.layers.older"
local ops = require "moongate.ops"
local regularizers = require "moongate.regularizers"

-- tf.keras always says an input's shape here: rows of input_length ids.
local function input_shape(self, shape)
  local length = self.input_length
  if shape then return shape end
  return type(length) == "table" and { null, unpack(length) } or { null, length or null }
end

--- Turns ids 0..input_dim-1 into vectors: (...) -> (..., output_dim). With mask_zero id 0 means "no step".
--- Options: embeddings_initializer = "uniform", embeddings_regularizer, embeddings_constraint, mask_zero = false,
--- weights (the first ones: a tensor, or a list of one), activity_regularizer, name, dtype, trainable.
---@param input_dim integer number of ids
---@param output_dim integer size of a vector
---@param options? table
---@example local layer = mg.layers.Embedding(vocabulary.size, 64, { mask_zero = true })
local Embedding = class("Embedding", Layer)
Embedding.rows_apart = true
Layer.declare(Embedding, {
  { "input_dim", required = true, codec = fields.positive_integer },
  { "output_dim", required = true, codec = fields.positive_integer },
  { "embeddings_initializer", default = "uniform", codec = initializers.codec },
  { "embeddings_regularizer", codec = regularizers.codec },
  { "activity_regularizer", codec = regularizers.codec },
  { "embeddings_constraint", codec = constraints.codec },
  { "mask_zero", default = false, codec = fields.boolean },
  { "weights", codec = fields.any, hidden = true, once = true },
  { "quantization_config", codec = fields.unused, tf2 = { hidden = true } },
  { "input_length", codec = fields.any, hidden = true, tf2 = { hidden = false } },
  { "batch_input_shape", codec = fields.shape, hidden = true, tf2 = { hidden = false, show = input_shape } },
  order = { tf2 = { "name", "trainable", "dtype", "batch_input_shape", "input_dim", "output_dim", "embeddings_initializer",
    "embeddings_regularizer", "activity_regularizer", "embeddings_constraint", "mask_zero", "input_length" } },
  older = older.embedding,
}, { "input_dim", "output_dim" })

Embedding.keeps_integers = true
Embedding.makes_mask = true

--- Sets the fields and what follows from them.
---@param options table
---@package
function Embedding:setup(options)
  local own = {}
  for name, value in pairs(options) do own[name] = value end
  self.first_weights, own.weights = options.weights, nil
  Layer.setup(self, own)
  self.supports_masking = self.mask_zero
end

-- An initializer that gives the option `weights`: one array, or a list of it alone.
local function first_values(self)
  local weights = rawget(self, "first_weights")
  if weights == nil or weights == null then return nil end
  if type(weights) == "table" and getmetatable(weights) == nil and #weights == 1 then weights = weights[1] end
  return function(shape, dtype)
    local value = ops.cast(create.as_tensor(weights, dtype), dtype):detach():copy()
    if self.shape_text(value.shape) == self.shape_text(shape) then return value end
    return check.fail("%s: argument weights has shape %s, expected %s", self:title(), self.shape_text(value.shape),
      self.shape_text(shape))
  end
end

--- Makes the weights.
---@param shape integer[]
function Embedding:build(shape)
  self:checked_shape(shape)
  self.embeddings = self:add_weight { name = "embeddings", shape = { self.input_dim, self.output_dim },
    initializer = first_values(self) or self.embeddings_initializer, regularizer = self.embeddings_regularizer,
    constraint = self.embeddings_constraint }
  Layer.build(self, shape)
end

--- The layer's output.
---@param x Tensor
---@return Tensor
function Embedding:call(x) return ops.gather(self.embeddings, x) end

--- Vectors are of the layer's dtype, whatever the ids are.
---@package
function Embedding:output_dtype() return self.dtype end

--- The output's mask.
---@param x Tensor
---@return Tensor|nil
function Embedding:compute_mask(x) return self.mask_zero and ops.ne(x, 0) or nil end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function Embedding:compute_output_shape(shape)
  self:checked_shape(shape)
  local out = {}
  for i = 1, #shape do out[i] = shape[i] end
  out[#out + 1] = self.output_dim
  return out
end

return Embedding
