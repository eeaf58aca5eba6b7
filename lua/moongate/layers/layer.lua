-- The base of all layers: options, building, calling, masks. A layer of your own extends it and writes `build` and `call` only:
--
--   local Scale = mg.layers.Layer.extend("Scale", { { "power", default = 1 } })
--   function Scale:build(shape)
--     self.factor = self:add_weight { name = "factor", shape = { shape[#shape] }, initializer = "ones" }
--   end
--   function Scale:call(x) return (x * self.factor) ^ self.power end
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local names = require "moongate.names"
local null = require "moongate.null"
local older = require "moongate.layers.older"
local regularizers = require "moongate.regularizers"
local shapes = require "moongate.shape"
local tensor = require "moongate.tensor"
local Weighted = require "moongate.layers.weights"

--- The base of all layers; `extend` makes a class of your own, which writes build and call.
---@example local Scale = mg.layers.Layer.extend("Scale", { { "power", default = 1 } })
local Layer = class("Layer", Weighted)

local dtype_field = { decode = function(value, where)
  return fields.dtype.decode(value, where) or tensor.floatx
end, encode = fields.dtype.encode }

fields.declare(Layer, {
  { "name", codec = fields.text },
  { "trainable", default = true, codec = fields.boolean },
  { "dtype", codec = dtype_field },
  { "batch_input_shape", codec = fields.shape, hidden = true, tf2 = { hidden = false, when_set = true } },
  { "activity_regularizer", codec = regularizers.codec, when_set = true, tf2 = { hidden = true } },
  older = older.layer,
})

--- What a call takes besides its input.
Layer.call_options = { "mask", "training", "initial_state" }
--- Whether a mask goes through unchanged; a layer that says false drops it.
Layer.supports_masking = false
--- Whether integer inputs stay integers (ids) instead of being cast to the layer's dtype.
Layer.keeps_integers = false
--- Whether every row of a batch is treated by itself: true, "inner" (as the layers inside are), or a function(self, training).
--- TimeDistributed then calls the layer once for all steps. A class says it for itself alone, not for those that extend it.
Layer.rows_apart = false
--- Whether Keras 3 takes a layer for built when it is made, and writes no build_config; of the class alone, too.
Layer.built_at_once = false
--- What Keras 3 writes into a config of a call when nothing but one tensor was given: `training`, where the class's call() has it
--- as False, and the mask, where call() takes one. Source: the signatures of call() in keras/src/layers (3.15).
Layer.records_training, Layer.records_mask = false, false

--- Makes a layer from its options: leading positional values, then a table.
---@param ... any
function Layer:init(...)
  local C = getmetatable(self).class
  self:setup(fields.arguments(C, ...))
end

--- Sets the fields of an options table. Classes with inner objects extend it.
---@param options table
---@package
function Layer:setup(options)
  local C = getmetatable(self).class
  self.variables_list, self.loss_list, self.inbound_nodes, self.built = {}, {}, {}, false
  fields.assign(self, C, options)
  if not rawget(self, "name") then self.name = names.unique(C.name) end
end

--- What tostring gives.
---@package
function Layer:to_text()
  return ("<%s name=%s, built=%s>"):format(getmetatable(self).class.name, self.name, tostring(self.built))
end

--- `Dense "dense_1"`: how messages call a layer.
---@package
function Layer:title()
  return ('%s "%s"'):format(getmetatable(self).class.name, self.name)
end

-- Shapes ---------------------------------------------------------------------------------------------------------------------

Layer.shape_text = shapes.text

--- Checks an input's shape against input_spec: ndim, min_ndim, last (size of the last axis), what (the axes in words).
---@param shape integer[]
---@package
function Layer:check_input(shape)
  local spec = self.input_spec
  if not spec or shapes.is_list(shape) then return end
  local n, what = #shape, spec.what and (": " .. spec.what) or ""
  local wanted = spec.ndim or spec.min_ndim or n
  if n < wanted or (spec.ndim and n > wanted) then
    local fixes = { shape[1] ~= null and "x:expand_dims(1), a batch of one" or nil }
    if what:find("time", 1, true) then fixes[#fixes + 1] = "return_sequences = true in a recurrent layer before" end
    local fix = n == wanted - 1 and #fixes > 0 and "; likely fix: " .. table.concat(fixes, ", or ") or ""
    check.fail("%s: input %s has %d dimensions, expected %s%d%s%s", self:title(), self.shape_text(shape), n,
      spec.ndim and "" or "at least ", wanted, what, fix)
  end
  local last = shape[n]
  if spec.last and last ~= null and last ~= spec.last then
    check.fail("%s: input %s has %s features on its last axis, expected %d: the layer was built for %s", self:title(),
      self.shape_text(shape), tostring(last), spec.last, self.shape_text(self.build_shape))
  end
end

--- Half and mixed precision are kept in configs; a layer of such a dtype cannot be built or called.
---@package
function Layer:check_dtype()
  if self.dtype:match("float16$") then
    check.fail('%s: dtype is "%s", and half precision is not offered; likely fix: dtype = "float32"', self:title(), self.dtype)
  end
end

--- Checks that a value is a list of sizes, mg.null where unknown.
---@param shape integer[]
---@return integer[]
---@package
function Layer:checked_shape(shape)
  self:check_dtype()
  check.type(self:title(), "shape", shape, "table")
  if tensor.is(shape) then
    check.fail("%s: argument shape is %s, expected a list of sizes; likely fix: x.shape", self:title(), check.describe(shape))
  end
  for i = 1, #shape do
    if shape[i] ~= null then check.integer(self:title(), ("shape[%d]"):format(i), shape[i], 0, 2 ^ 53) end
  end
  return shape
end

--- The same for a shape without unknown sizes.
---@param shape integer[]
---@return integer[]
---@package
function Layer:known_shape(shape)
  for i, size in ipairs(self:checked_shape(shape)) do check.integer(self:title(), ("shape[%d]"):format(i), size, 0, 2 ^ 53) end
  return shape
end

--- The size of the last axis of a shape to build for; it has to be known.
---@param shape integer[]
---@return integer
---@package
function Layer:known_features(shape)
  self:checked_shape(shape)
  local last = shape[#shape]
  if type(last) ~= "number" then
    check.fail("%s: build for %s: the last axis has to be known; likely fix: a size instead of mg.null there", self:title(),
      self.shape_text(shape))
  end
  return last
end

-- A copy of a checked shape, or of a list of them.
local function own_shape(self, shape)
  local own, listed = {}, shapes.is_list(shape)
  if not listed then self:checked_shape(shape) end
  for i = 1, #shape do own[i] = listed and own_shape(self, shape[i]) or shape[i] end
  return own
end

--- Makes the weights for an input shape (mg.null: unknown), or a list of them where the layer takes a list of inputs. Classes with
--- weights extend it and end with this.
---@param shape integer[]
function Layer:build(shape)
  check.type(self:title(), "shape", shape, "table")
  self.build_shape, self.built = own_shape(self, shape), true
end

--- Builds once: does nothing on a built layer.
---@param shape integer[]
---@package
function Layer:ensure_built(shape)
  if self.built then return end
  self:check_input(shape)
  self:check_dtype()
  self:build(shape)
  if not self.built then Layer.build(self, shape) end
end

--- The output's shape for an input's.
---@param shape integer[]
---@return integer[]
function Layer.compute_output_shape(_, shape) return shape end

--- The mask of the output for the input's.
---@param mask Tensor|nil
---@return Tensor|nil
function Layer:compute_mask(_, mask) return self.supports_masking and mask or nil end

--- The layer's work; classes write this.
---@param x Tensor
---@return Tensor
function Layer.call(_, x) return x end

require "moongate.layers.call" (Layer)
require "moongate.layers.symbolic_call" (Layer)
require "moongate.layers.config" (Layer)

--- Gives a class of layers its own fields (see fields.lua); `positional` names those that may be given without a name.
---@param C table
---@param list? table[]
---@param positional? string[]
---@package
function Layer.declare(C, list, positional)
  fields.declare(C, list or {}, positional)
  --- A layer from a config (ordered object, plain table or JSON text), without weights.
  ---@param config table|string
  ---@param options? table dialect (else told from the config), custom_objects, path
  function C.from_config(config, options) return fields.from_config(C, config, options) end
end

--- A new class of layers with its own fields.
---@param name string
---@param list? table[]
---@param positional? string[]
---@param parent? table default Layer
---@return table
function Layer.extend(name, list, positional, parent)
  check.type("Layer.extend (with a dot)", "name", name, "string")
  check.type("Layer.extend", "list", list or {}, "table")
  local C = class(name, parent or Layer)
  Layer.declare(C, list, positional)
  return C
end

return Layer
