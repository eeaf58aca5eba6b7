-- Activations with Keras's names. An elementwise one carries a spec { kind, a, b, c } that the kernels know; softmax, log_softmax,
-- sparsemax and glu work along an axis and are functions; any Lua function of a tensor is an activation too.
-- Source: keras.src.activations (3.15).
local check = require "moongate.check"
local class = require "moongate.class"
local create = require "moongate.tensor_create"
local defaults = require "moongate.compat.defaults"
local dialects = require "moongate.dialects"
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
-- Keras 1 and 2 and tf.keras mean this one by the name hard_sigmoid.
activations.keras2_hard_sigmoid = registry:register("keras2_hard_sigmoid", Activation("hard_sigmoid", { options = {},
  spec = function() return { kind = "hard_sigmoid", a = 0.2, b = 0.5 } end }))
registry.older.hard_sigmoid = activations.keras2_hard_sigmoid
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

--- The activation of a name, config, object or function; nil and null are linear. Which hard_sigmoid the name means, a config's
--- dialect says, and without one mg.compat.use.
---@param identifier any
---@param where? table of a reader of configs
function activations.get(identifier, where)
  if type(where) ~= "table" or where.dialect == nil then
    where = { dialect = defaults.get "hard_sigmoid" == "keras2" and "tf2" or "keras3" }
  end
  return registry:get(identifier, where) or NONE
end

-- What the forms call an activation otherwise.
local NAMES = { keras3 = {}, tf2 = { silu = "swish" } }
-- Activations whose name means another formula in the form, and the way out.
local REFUSED = {
  keras3 = { [activations.keras2_hard_sigmoid] = 'as = "tf2", or get_config("tf2")' },
  tf2 = { [activations.hard_sigmoid] = 'get_config("keras3"), or mg.activations.keras2_hard_sigmoid for the older formula' },
}

-- The name of an activation in a form; whichever formula would become the other is an error.
local function name_in(activation, where)
  local form = dialects.form(where.dialect)
  local way_out = REFUSED[form][activation]
  if way_out then
    local ours, theirs = "Keras 2's hard_sigmoid, clip(0.2 x + 0.5, 0, 1)", "Keras 3 reads the name as clip(x / 6 + 0.5, 0, 1)"
    if form == "tf2" then
      ours, theirs = "Keras 3's hard_sigmoid, clip(x / 6 + 0.5, 0, 1)", "tf.keras reads the name as clip(0.2 x + 0.5, 0, 1)"
    end
    check.fail("%s: %s is %s; %s, which gives other numbers; likely fix: %s", where.op or "activation",
      where.name or "the activation", ours, theirs, way_out)
  end
  return NAMES[form][activation.name] or activation.name
end

local function encode(activation, where)
  if type(activation) == "function" then return registry:function_name(activation) end
  if type(activation) ~= "table" or not activation.is or not activation:is(Activation) then
    check.fail("activation: %s cannot be written into a config; give it a name with mg.activations.register(name, f)",
      check.describe(activation))
  end
  local name = name_in(activation, where)
  if not activation.given then return name end
  return registry.envelope(registry.module, name, activation:get_config())
end

--- An activation as configs carry it: its name, or an object when it has options of its own.
---@param activation table|function
---@param dialect? string "keras3" (default), "tf2", "compat.v1"
---@return table|string
function activations.serialize(activation, dialect)
  return encode(activation, { dialect = dialects.checked("activations.serialize", dialect) })
end

local function with_options(config, where)
  local path = dialects.at(where, "config")
  local given, options = config.config, {}
  if given == nil or given == null then given = options end
  check.type("activation", path.name, given, "table")
  for name, value in pairs(given) do options[name] = value end
  local found = registry:named(check.type("activation", where.name, config.class_name, "string"), where)
  if next(options) == nil then return found end
  if type(found) ~= "table" or not found.with then
    check.fail("activation: %s has options, and %s takes none", path.name, config.class_name)
  end
  return found:with(options)
end

--- The activation of a name or config.
---@param config table|string
---@param options? table dialect (else told from the config), custom_objects, path
---@return any
function activations.deserialize(config, options)
  local where = dialects.where("activation", config, options)
  if type(config) == "table" and config ~= null and not config.is and config.class_name and config.class_name ~= "function" then
    return with_options(config, where)
  end
  return activations.get(config, where)
end

--- Gives a Lua function f(x) a name that configs carry.
---@param name string
---@param f function
function activations.register(name, f) return registry:register(name, f) end

activations.codec = { decode = function(value, where)
  if type(value) == "table" and value ~= null and not value.is and value.class_name then
    return activations.deserialize(value, where and where.path and where or nil)
  end
  return activations.get(value, where)
end, encode = encode }

return activations
