-- The base of all layers: options, building, calling, masks. A layer of your own extends it and writes `build` and `call` only:
--
--   local Scale = mg.layers.Layer.extend("Scale", { { "power", default = 1 } })
--   function Scale:build(shape)
--     self.factor = self:add_weight { name = "factor", shape = { shape[#shape] }, initializer = "ones" }
--   end
--   function Scale:call(x) return (x * self.factor) ^ self.power end
local check = require "moongate.check"
local class = require "moongate.class"
local create = require "moongate.tensor_create"
local fields = require "moongate.fields"
local json = require "moongate.json"
local names = require "moongate.layers.names"
local null = require "moongate.null"
local ops = require "moongate.ops"
local Registry = require "moongate.registry"
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
  { "activity_regularizer", codec = regularizers.codec, when_set = true },
})

--- What a call takes besides its input.
Layer.call_options = { "mask", "training", "initial_state" }
--- Whether a mask goes through unchanged; a layer that says false drops it.
Layer.supports_masking = false
--- Whether integer inputs stay integers (ids) instead of being cast to the layer's dtype.
Layer.keeps_integers = false

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
  self.variables_list, self.loss_list, self.built = {}, {}, false
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
  if not spec then return end
  local n, what = #shape, spec.what and (": " .. spec.what) or ""
  local wanted = spec.ndim or spec.min_ndim or n
  if n < wanted or (spec.ndim and n > wanted) then
    local fix = n == wanted - 1 and "; likely fix: x:expand_dims(1), a batch of one" or ""
    check.fail("%s: input %s has %d dimensions, expected %s%d%s%s", self:title(), self.shape_text(shape), n,
      spec.ndim and "" or "at least ", wanted, what, fix)
  end
  local last = shape[n]
  if spec.last and last ~= null and last ~= spec.last then
    check.fail("%s: input %s has %s features on its last axis, expected %d: the layer was built for %s", self:title(),
      self.shape_text(shape), tostring(last), spec.last, self.shape_text(self.build_shape))
  end
end

--- Checks that a value is a list of sizes, mg.null where unknown.
---@param shape integer[]
---@return integer[]
---@package
function Layer:checked_shape(shape)
  check.type(self:title(), "shape", shape, "table")
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

--- Makes the weights for an input shape (mg.null: unknown). Classes with weights extend it and end with this.
---@param shape integer[]
function Layer:build(shape)
  self:checked_shape(shape)
  local own = {}
  for i = 1, #shape do own[i] = shape[i] end
  self.build_shape, self.built = own, true
end

--- Builds once: does nothing on a built layer.
---@param shape integer[]
---@package
function Layer:ensure_built(shape)
  if self.built then return end
  self:check_input(shape)
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

-- Calling --------------------------------------------------------------------------------------------------------------------

--- A tensor of the layer's dtype from a tensor, a number or nested tables.
---@param x Tensor
---@return Tensor
---@package
function Layer:convert(x)
  if x == nil then check.fail("%s: input is nil, expected a tensor", self:title()) end
  if not tensor.is(x) then
    if type(x) ~= "table" and type(x) ~= "number" then
      check.fail("%s: input is %s, expected a tensor", self:title(), check.describe(x))
    end
    x = create.tensor(x, { dtype = self.keeps_integers and "int32" or self.dtype })
  end
  if x.dtype == self.dtype or (self.keeps_integers and (x.dtype == "int32" or x.dtype == "uint8")) then return x end
  local mask = x.keras_mask
  x = ops.cast(x, self.dtype)
  x.keras_mask = mask
  return x
end

--- A mask as a uint8 tensor of zeros and ones.
---@param mask Tensor|nil
---@return Tensor|nil
---@package
function Layer:convert_mask(mask)
  if type(mask) == "table" and not tensor.is(mask) then
    if tensor.is(mask[1]) or (mask[1] == nil) then mask = mask[1] else mask = create.tensor(mask, { dtype = "uint8" }) end
  end
  if mask == nil then return nil end
  if not tensor.is(mask) then check.fail("%s: mask is %s, expected a tensor", self:title(), check.describe(mask)) end
  return mask.dtype == "uint8" and mask or ops.ne(mask, 0)
end

local warned = setmetatable({}, { __mode = "k" })
local function warn_mask(self)
  if warned[self] then return end
  warned[self] = true
  io.stderr:write(("moongate: %s was given a mask and does not pass it on: layers behind it see every step\n"):format(self:title()))
end

-- Adds the activity regularizer's term for one output: its mean over the batch.
local function regularize(self, output)
  local batch = output.shape[1] or 1
  self:add_loss(ops.div(self.activity_regularizer(output), math.max(batch, 1)))
end

local function finish(self, x, mask, output, ...)
  if self.activity_regularizer then
    for _, each in ipairs { output, ... } do regularize(self, each) end
  end
  if mask or self.makes_mask then
    local own = self:compute_mask(x, mask)
    if own then output.keras_mask = own elseif mask and not self.supports_masking then warn_mask(self) end
  end
  return output, ...
end

--- Calls the layer: builds it for the first input, checks the shape, takes the mask that rides on the input unless one is given,
--- and puts the output's mask on the output.
---@param x Tensor
---@param options? table mask, training, initial_state
---@return Tensor
function Layer:__call(x, options)
  if options == nil then options = {} else check.options(self:title(), options, self.call_options) end
  x = self:convert(x)
  self:ensure_built(x.shape)
  self:check_input(x.shape)
  local mask = options.mask
  if mask == nil then mask = x.keras_mask end
  if mask == null then mask = nil end
  if mask ~= nil then mask = self:convert_mask(mask) end
  if #self.loss_list > 0 then self:clear_losses() end
  local call = { mask = mask, training = options.training == true, initial_state = options.initial_state }
  return finish(self, x, mask, self:call(x, call))
end

-- Configs --------------------------------------------------------------------------------------------------------------------

--- The options as an ordered object in Keras 3's form and order; it prints as JSON.
---@return table
function Layer:get_config() return fields.config(self, getmetatable(self).class) end

--- The layer as Keras writes it into a model's config: module, class, config, and the shape it was built for.
---@return table
---@package
function Layer:serialize()
  local C = getmetatable(self).class
  local object = Registry.envelope("keras.layers", C.name, self:get_config())
  if self.built and self.build_shape then
    object.build_config = json.object { { "input_shape", json.array { unpack(self.build_shape) } } }
  end
  return object
end

--- Gives a class of layers its own fields (see fields.lua); `positional` names those that may be given without a name.
---@param C table
---@param list? table[]
---@param positional? string[]
---@package
function Layer.declare(C, list, positional)
  fields.declare(C, list or {}, positional)
  --- A layer from a config (ordered object, plain table or JSON text), without weights.
  function C.from_config(config) return C(fields.options_of(C, config)) end
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
