-- The parent of all metrics, and what their classes share: fields, names, totals in Lua's doubles.
local check = require "moongate.check"
local class = require "moongate.class"
local create = require "moongate.tensor_create"
local fields = require "moongate.fields"
local json = require "moongate.json"
local names = require "moongate.names"
local null = require "moongate.null"
local tensor = require "moongate.tensor"

local metric = {}

--- The parent of all metrics. Calling one adds a batch and gives the result so far.
---@example local m = mg.metrics.Precision(); m:update_state(y_true, y_pred); print(m:result())
local Metric = class("Metric")
metric.Metric = Metric

--- Adds a batch and gives the result so far.
---@param ... any what update_state takes
---@return number|Tensor
function Metric:call(...)
  self:update_state(...)
  return self:result()
end

metric.NAME = { "name", codec = fields.text }

--- The field dtype; null is the default.
---@package
function metric.dtype(default, defaults)
  local codec = { decode = function(value, where) return fields.text.decode(value, where) or default() end }
  return { "dtype", default = default, codec = codec, defaults = defaults }
end

metric.DTYPE = metric.dtype(function() return tensor.floatx end)

-- A list of numbers.
metric.NUMBERS = {
  decode = function(value, where)
    if value == nil or value == null then return nil end
    if tensor.is(value) then value = value:to_flat_table() end
    check.type(where.op, where.name, value, "table")
    for i = 1, #value do check.number(where.op, ("%s[%d]"):format(where.name, i), value[i]) end
    return value
  end,
  encode = function(list) return json.array { unpack(list) } end,
}

--- A class of metrics whose objects start at zero. `list`: its fields; a class without `default_name` numbers its objects as Keras
--- does: auc, auc_1.
---@param name string
---@param default_name string|nil
---@param list table[]
---@param parent? table
---@param positional? string[]
---@return table class
---@package
function metric.define(name, default_name, list, parent, positional)
  local C = fields.class(name, list, positional, parent or Metric)
  C.default_name = default_name
  local assign = C.init
  function C:init(...)
    assign(self, ...)
    if not rawget(self, "name") then self.name = names.unique(name) end
    if self.start then self:start() end
    self:reset_state()
  end
  function C:__call(...) return self:call(...) end
  return C
end

-- What tf_keras calls them where nothing is said.
local TF_KERAS_NAMES = { kl_divergence = "kullback_leibler_divergence" }

--- Fields in Keras's usual order: name, dtype, then `extra`.
---@return table[]
---@package
function metric.fields(default_name, extra)
  local name = { "name", default = default_name, codec = fields.text }
  local older = TF_KERAS_NAMES[default_name]
  if older then name.tf2 = { words = { [default_name] = older } } end
  local list = { name, metric.DTYPE }
  for _, field in ipairs(extra or {}) do list[#list + 1] = field end
  return list
end

--- Adds the values of a tensor to a list of totals, which may be empty.
---@return number[] totals
---@package
function metric.add(totals, values)
  for i, v in ipairs(type(values) == "table" and not values.to_flat_table and values or values:to_flat_table()) do
    totals[i] = (totals[i] or 0) + v
  end
  return totals
end

--- As many zeros as `totals` has, or one: a fresh start.
---@return number[]
---@package
function metric.zeros(totals)
  local list = { 0 }
  for i = 1, #(totals or list) do list[i] = 0 end
  return list
end

--- a / b, and 0 where b is 0.
---@return number
---@package
function metric.share(a, b) return b == 0 and 0 or a / b end

--- One number as it is, several as a tensor.
---@param list number[]
---@return number|Tensor
---@package
function metric.value(list)
  return #list == 1 and list[1] or create.tensor(list)
end

return metric
