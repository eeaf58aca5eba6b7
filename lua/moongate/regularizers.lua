-- Regularizers with Keras's names: called with a tensor, they return a scalar to add to the loss.
-- Source: keras.src.regularizers.regularizers (3.15).
local check = require "moongate.check"
local fields = require "moongate.fields"
local ops = require "moongate.ops"
local Registry = require "moongate.registry"

local registry = Registry("regularizer", "keras.regularizers")
local regularizers = { registry = registry }
local EPSILON = 1e-7

local function factor(v, where)
  if type(v) ~= "number" or v ~= v or v < 0 or v == math.huge then
    check.fail("%s: argument %s is %s, expected a number that is not negative", where.op, where.name, check.describe(v))
  end
  return v
end
local function factor_codec(encode)
  return { decode = function(v, where) return factor(v == nil and 0 or v, where) end, encode = encode, float = true,
    coerced = true }
end
local FLOAT, FLOAT32 = factor_codec(), factor_codec(fields.float32)
local OLDER = { codec = FLOAT32 }

local function define(name, list, positional, value, ...)
  local C = fields.class(name, list, positional)
  --- The scalar to add to the loss for the weight or output x.
  function C:__call(x) return value(self, x) end
  regularizers[name] = registry:add(C, ...)
end

local function l1(x, by) return ops.mul(ops.sum(ops.abs(x)), by) end
local function l2(x, by) return ops.mul(ops.sum(ops.square(x)), by) end

--- l1 times the sum of absolute values.
---@example mg.layers.Dense(4, { kernel_regularizer = mg.regularizers.L1(1e-4) })
define("L1", { { "l1", default = 0.01, codec = FLOAT32 } }, { "l1" }, function(self, x)
  return l1(x, self.l1)
end)
--- l2 times the sum of squares.
---@example mg.layers.Dense(4, { kernel_regularizer = "l2" })
define("L2", { { "l2", default = 0.01, codec = FLOAT, tf2 = OLDER } }, { "l2" }, function(self, x)
  return l2(x, self.l2)
end)
--- l1 times the sum of absolute values plus l2 times the sum of squares.
---@example mg.regularizers.L1L2 { l1 = 1e-5, l2 = 1e-4 }
define("L1L2", {
  { "l1", default = 0, codec = FLOAT, tf2 = OLDER }, { "l2", default = 0, codec = FLOAT, tf2 = OLDER },
}, { "l1", "l2" }, function(self, x)
  local first, second = fields.float32(self.l1), fields.float32(self.l2)
  if first ~= 0 and second ~= 0 then return ops.add(l1(x, first), l2(x, second)) end
  return first ~= 0 and l1(x, first) or l2(x, second)
end, "l1_l2")
-- tf.keras has other defaults for the word than for the class (keras/regularizers.py, deserialize).
registry.older.l1_l2 = regularizers.L1L2(0.01, 0.01)

local function orthogonal(self, x)
  if #x.shape ~= 2 then
    check.fail("OrthogonalRegularizer: weight has shape %s, expected 2 dimensions", tostring(x.shape))
  end
  local rows = self.mode == "rows"
  local axis = rows and 2 or 1
  local norm = ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis, true), EPSILON ^ 2))
  local unit = ops.div(x, norm)
  local other = ops.transpose(unit, 1, 2)
  local product = rows and ops.matmul(unit, other) or ops.matmul(other, unit)
  local size = x.shape[rows and 1 or 2]
  if size < 2 then return ops.mul(ops.sum(product), 0) end
  local off_diagonal = ops.sub(ops.sum(ops.abs(product)), ops.sum(ops.square(unit)))
  return ops.mul(off_diagonal, self.factor * 0.5 / (size * (size - 1) / 2))
end
--- factor/2 times the mean |cosine| between pairs of rows (or columns).
---@example mg.regularizers.OrthogonalRegularizer { factor = 0.01, mode = "columns" }
define("OrthogonalRegularizer", {
  { "factor", default = 0.01, codec = FLOAT32 }, { "mode", default = "rows", codec = fields.choice("rows", "columns") },
}, { "factor", "mode" }, orthogonal, "orthogonal")

--- The regularizer of a name, config, object or function f(x); nil and null give nil.
---@param identifier any
function regularizers.get(identifier) return registry:get(identifier) end

--- A regularizer's config in Keras's object form.
---@param object table|function
---@param dialect? string "keras3" (default), "tf2", "compat.v1"
---@return table|string
function regularizers.serialize(object, dialect) return registry:serialize(object, dialect) end

--- The regularizer of a config.
---@param config table|string
---@param options? table dialect (else told from the config), custom_objects, path
---@return any
function regularizers.deserialize(config, options) return registry:deserialize(config, options) end

--- Gives a function f(x) a name that configs carry.
---@param name string
---@param f function
function regularizers.register(name, f) return registry:register(name, f) end

registry:share(regularizers)
regularizers.codec = registry:codec()

return regularizers
