-- Activations with Keras's names. An elementwise one carries a spec { kind, a, b, c } that the kernels know; softmax, log_softmax,
-- sparsemax and glu work along an axis and are functions; any Lua function of a tensor is an activation too.
-- Source: keras.src.activations (3.15).
local check = require "moongate.check"
local class = require "moongate.class"
local create = require "moongate.tensor_create"
local defaults = require "moongate.compat.defaults"
local json = require "moongate.json"
local null = require "moongate.null"
local ops = require "moongate.ops"
local Registry = require "moongate.registry"

local registry = Registry("activation", "keras.activations")
local activations = { registry = registry }

local Activation = class "Activation"

--- rule: options (list of { name, default }), and spec(options) or apply(x, options).
---@param name string
---@param rule table
---@param options table
function Activation:init(name, rule, options)
  self.name, self.rule = name, rule
  self.given = options
  self.options = {}
  for _, option in ipairs(rule.options) do
    local value = options and options[option[1]]
    if value == nil then value = option[2] end
    if value ~= null then self.options[option[1]] = value end
  end
  self.spec = rule.spec and rule.spec(self.options)
end

--- The same activation with other options: `mg.activations.relu:with { negative_slope = 0.1 }`.
---@param options table
function Activation:with(options)
  local known = {}
  for i, option in ipairs(self.rule.options) do known[i] = option[1] end
  check.options(self.name, options, known)
  for name, value in pairs(options) do
    if value ~= null and type(value) ~= "boolean" then check.number(self.name, name, value) end
  end
  return Activation(self.name, self.rule, options)
end

--- Applies it to a tensor, of any shape; options as in Keras.
---@param x Tensor
---@param options? table
---@return Tensor
function Activation:__call(x, options)
  if options then return self:with(options)(x) end
  if self.name == "linear" then return x end
  if self.spec then return ops.activation(x, self.spec) end
  return self.rule.apply(x, self.options)
end

--- What tostring gives.
function Activation:to_text() return "<activation " .. self.name .. ">" end

--- The options that were given, in Keras's order.
function Activation:get_config()
  local list = {}
  for _, option in ipairs(self.rule.options) do
    local value = self.given and self.given[option[1]]
    if value ~= nil then list[#list + 1] = { option[1], value } end
  end
  return json.object(list)
end

local function define(name, rule, ...)
  rule.options = rule.options or {}
  activations[name] = registry:register(name, Activation(name, rule))
  for _, alias in ipairs { ... } do
    activations[alias] = registry:register(alias, activations[name])
  end
end

local function elementwise(name, kind, options, spec, ...)
  define(name, { options = options, spec = spec or function() return { kind = kind } end }, ...)
end

for _, name in ipairs { "linear", "selu", "softplus", "softsign", "tanh", "tanh_shrink", "sigmoid", "sparse_plus", "sparse_sigmoid",
  "exponential", "hard_tanh", "mish", "log_sigmoid" } do elementwise(name, name) end
elementwise("silu", "silu", nil, nil, "swish")
elementwise("hard_silu", "hard_silu", nil, nil, "hard_swish")

local function relu(o)
  return { kind = "relu", a = o.negative_slope or 0, b = o.max_value or math.huge, c = o.threshold or 0 }
end
elementwise("relu", "relu", { { "negative_slope", 0 }, { "max_value", null }, { "threshold", 0 } }, relu)
elementwise("relu6", "relu", nil, function() return relu { max_value = 6 } end)
elementwise("leaky_relu", "relu", { { "negative_slope", 0.2 } }, relu)
elementwise("elu", "elu", { { "alpha", 1 } }, function(o) return { kind = "elu", a = o.alpha } end)
elementwise("celu", "celu", { { "alpha", 1 } }, function(o) return { kind = "celu", a = o.alpha } end)
elementwise("gelu", "gelu", { { "approximate", false } }, function(o)
  return { kind = o.approximate and "gelu_tanh" or "gelu" }
end)
elementwise("hard_sigmoid", "hard_sigmoid", nil, function() return { kind = "hard_sigmoid", a = 1 / 6, b = 0.5 } end)
-- Keras 1 and 2 call this one hard_sigmoid: clip(0.2 x + 0.5, 0, 1). Configs and files of those versions mean it.
activations.keras2_hard_sigmoid = registry:register("keras2_hard_sigmoid", Activation("hard_sigmoid", { options = {},
  spec = function() return { kind = "hard_sigmoid", a = 0.2, b = 0.5 } end }))
for _, name in ipairs { "hard_shrink", "soft_shrink" } do
  elementwise(name, name, { { "threshold", 0.5 } }, function(o) return { kind = name, a = o.threshold } end)
end
elementwise("squareplus", "squareplus", { { "b", 4 } }, function(o) return { kind = "squareplus", a = o.b } end)
elementwise("threshold", "threshold", { { "threshold", 0 }, { "default_value", 0 } }, function(o)
  return { kind = "threshold", a = o.threshold, b = o.default_value }
end)

-- Keras's axis counts from 0, an operation's dimension from 1.
local function dim_of(axis) return axis < 0 and axis or axis + 1 end
local AXIS = { { "axis", -1 } }

define("softmax", { options = AXIS, apply = function(x, o) return ops.softmax(x, dim_of(o.axis)) end })
define("log_softmax", { options = AXIS, apply = function(x, o) return ops.log_softmax(x, dim_of(o.axis)) end })

-- The first half of the axis times the sigmoid of the second.
define("glu", { options = AXIS, apply = function(x, o)
  local dim = dim_of(o.axis)
  local size = x.shape[dim < 0 and #x.shape + 1 + dim or dim]
  if not size or size % 2 == 1 then
    check.fail("glu: argument x %s has an odd size on axis %d, expected an even one", tostring(x.shape), o.axis)
  end
  local halves = ops.split(x, size / 2, dim)
  return ops.mul(halves[1], ops.activation(halves[2], { kind = "sigmoid" }))
end })

-- max(x - tau, 0) with Keras's tau: the cumulative sums of the sorted support, all added, less 1, over its size. (Martins and
-- Astudillo 2016 take the last cumulative sum alone, and their result adds up to 1.)
local function sparsemax_last(x)
  local n = x.shape[#x.shape]
  local sorted = ops.top_k(x, n)
  local sums = ops.cumsum(sorted, -1)
  local rank = create.arange(1, n + 1, { dtype = x.dtype })
  local support = ops.cast(ops.gt(ops.sub(sorted, ops.div(ops.sub(sums, 1), rank)), 0), x.dtype)
  local total = ops.sum(ops.mul(sums, support), -1, true)
  local tau = ops.div(ops.sub(total, 1), ops.sum(support, -1, true))
  return ops.maximum(ops.sub(x, tau), 0)
end

local function sparsemax(x, o)
  local dim = dim_of(o.axis)
  if dim == -1 or dim == #x.shape then return sparsemax_last(x) end
  return ops.transpose(sparsemax_last(ops.transpose(x, dim, -1)), dim, -1)
end
define("sparsemax", { options = AXIS, apply = sparsemax })

local NONE = activations.linear

--- The activation of a name, config, object or function; nil and null are linear. dialect: that of the config which has the name;
--- without one, mg.compat.use says what hard_sigmoid is.
---@param identifier any
---@param dialect? string "keras3", "tf2" or "compat.v1"
function activations.get(identifier, dialect)
  if identifier == "hard_sigmoid" then
    local old = dialect and dialect ~= "keras3" or not dialect and defaults.get("hard_sigmoid") == "keras2"
    return old and activations.keras2_hard_sigmoid or activations.hard_sigmoid
  end
  return registry:get(identifier) or NONE
end

--- An activation as configs carry it: its name, or an object when it has options of its own.
---@param activation table|function
---@return table|string
function activations.serialize(activation)
  if type(activation) == "function" then return registry:function_name(activation) end
  if type(activation) ~= "table" or not activation.is or not activation:is(Activation) then
    check.fail("activation: %s cannot be written into a config; give it a name with mg.activations.register(name, f)",
      check.describe(activation))
  end
  if not activation.given then return activation.name end
  return registry.envelope(registry.module, activation.name, activation:get_config())
end

--- The activation of a name or config.
---@param config table|string
---@return any
function activations.deserialize(config)
  if type(config) == "table" and config ~= null and config.class_name and config.class_name ~= "function" then
    local options = {}
    check.type("activation: " .. tostring(config.class_name), "config", config.config or options, "table")
    for name, value in pairs(config.config or {}) do options[name] = value end
    return registry:named(config.class_name):with(options)
  end
  return activations.get(config)
end

--- Gives a Lua function f(x) a name that configs carry.
---@param name string
---@param f function
function activations.register(name, f) return registry:register(name, f) end

activations.codec = { decode = function(value, where)
  if type(value) == "table" and value ~= null and not value.is and value.class_name then return activations.deserialize(value) end
  return activations.get(value, where and where.dialect)
end, encode = activations.serialize }

return activations
