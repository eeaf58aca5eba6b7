-- Constraints with Keras's names: called with a weight after each update, they return what it becomes.
-- Source: keras.src.constraints.constraints (3.15).
local fields = require "moongate.fields"
local ops = require "moongate.ops"
local Registry = require "moongate.registry"

local registry = Registry("constraint", "keras.constraints")
local constraints = { registry = registry }
local EPSILON = 1e-7

local function define(name, list, positional, value, ...)
  local C = fields.class(name, list, positional)
  --- The constrained weight.
  function C:__call(w) return value(self, w) end
  constraints[name] = registry:add(C, ...)
end

-- Euclidean norms along 0-based axes, keeping them as size 1.
local function norms(w, axes)
  local dims = {}
  for i, axis in ipairs(type(axes) == "table" and axes or { axes }) do dims[i] = axis < 0 and axis or axis + 1 end
  return ops.sqrt(ops.sum(ops.square(w), dims, true))
end

local function rescale(w, norm, desired)
  return ops.mul(w, ops.div(desired, ops.add(norm, EPSILON)))
end

local AXIS = { "axis", default = 0, codec = fields.axes }

--- Scales weights down whose norm along `axis` is larger than max_value.
---@example mg.layers.Dense(4, { kernel_constraint = mg.constraints.MaxNorm(2) })
define("MaxNorm", { { "max_value", default = 2, codec = fields.number }, AXIS }, { "max_value", "axis" }, function(self, w)
  local norm = norms(w, self.axis)
  return rescale(w, norm, ops.clip(norm, 0, self.max_value))
end)

--- Sets negative weights to 0.
---@example mg.layers.Dense(4, { kernel_constraint = "non_neg" })
define("NonNeg", {}, nil, function(_, w)
  return ops.mul(w, ops.cast(ops.ge(w, 0), w.dtype))
end)

--- Scales weights to norm 1 along `axis`.
---@example mg.constraints.UnitNorm { axis = 0 }
define("UnitNorm", { AXIS }, { "axis" }, function(self, w)
  return ops.div(w, ops.add(norms(w, self.axis), EPSILON))
end)

--- Brings the norm along `axis` into min_value..max_value, by the share `rate` of the way.
---@example mg.constraints.MinMaxNorm { min_value = 0.5, rate = 0.9 }
define("MinMaxNorm", {
  { "min_value", default = 0, codec = fields.float }, { "max_value", default = 1, codec = fields.float },
  { "rate", default = 1, codec = fields.float }, AXIS,
}, { "min_value", "max_value", "rate", "axis" }, function(self, w)
  local norm = norms(w, self.axis)
  local bounded = ops.clip(norm, self.min_value, self.max_value)
  return rescale(w, norm, ops.add(ops.mul(bounded, self.rate), ops.mul(norm, 1 - self.rate)))
end, "min_max_norm")

--- Every element within -c..c, as RNNoise trains its networks; Keras has none.
---@example mg.constraints.WeightClip(0.5)
define("WeightClip", {
  { "c", default = 2, codec = fields.float },
  -- its configs carry the class's name
  older = function(config) config.name = nil end,
}, { "c" }, function(self, w)
  return ops.clip(w, -self.c, self.c)
end, "clip")

--- The constraint of a name, config, object or function f(w); nil and null give nil.
---@param identifier any
function constraints.get(identifier) return registry:get(identifier) end

--- A constraint's config in Keras's object form.
---@param object table|function
---@param dialect? string "keras3" (default), "tf2", "compat.v1"
---@return table|string
function constraints.serialize(object, dialect) return registry:serialize(object, dialect) end

--- The constraint of a config.
---@param config table|string
---@param options? table dialect (else told from the config), custom_objects, path
---@return any
function constraints.deserialize(config, options) return registry:deserialize(config, options) end

--- Gives a function f(w) a name that configs carry.
---@param name string
---@param f function
function constraints.register(name, f) return registry:register(name, f) end

registry:share(constraints)
constraints.codec = registry:codec()

return constraints
