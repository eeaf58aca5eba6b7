-- Codecs of declared fields: { decode(value, where) -> what is kept, encode(kept, where) -> what a config shows, float = print 0 as
-- 0.0, plain = null is no value where the field has a default }.
-- Reached as fields.integer, fields.text, ...
local check = require "moongate.check"
local dialects = require "moongate.dialects"
local json = require "moongate.json"
local null = require "moongate.null"
local Registry = require "moongate.registry"

local codecs = {}

local function optional(value, test)
  if value == nil or value == null then return nil end
  return test(value)
end

local function codec(test, encode)
  return { decode = function(value, where) return optional(value, function(v) return test(v, where) end) end, encode = encode }
end

-- where is { op = "GRU", name = "units" }.
codecs.any = codec(function(v) return v end)
codecs.text = codec(function(v, where)
  return check.type(where.op, where.name, v, "string")
end)
codecs.boolean = codec(function(v, where)
  return check.type(where.op, where.name, v, "boolean")
end)
codecs.integer = codec(function(v, where)
  return check.integer(where.op, where.name, v)
end)
codecs.seed = codec(function(v, where)
  return check.integer(where.op, where.name, v, 0, 2 ^ 53)
end)
codecs.positive_integer = codec(function(v, where)
  return check.integer(where.op, where.name, v, 1)
end)
-- How many entries a list gets that is made at once.
codecs.count = codec(function(v, where)
  return check.integer(where.op, where.name, v, 1, 2 ^ 20)
end)
codecs.number = codec(function(v, where)
  return check.number(where.op, where.name, v)
end)
-- Numbers that Python keeps as float: 0 prints as 0.0.
codecs.float = codec(function(v, where)
  return check.number(where.op, where.name, v)
end)
codecs.float.float = true
-- A dropout rate: 0 keeps all, 1 drops all, anything outside is an error.
codecs.rate = codec(function(v, where)
  return check.number(where.op, where.name, v, 0, 1)
end)
codecs.rate.float = true

-- The same where Keras makes a float of an integer.
codecs.float_rate = codec(codecs.rate.decode)
codecs.float_rate.float, codecs.float_rate.coerced = true, true

for _, name in ipairs { "boolean", "integer", "positive_integer", "count", "number", "float", "rate", "float_rate" } do
  codecs[name].plain = true
end

local function sizes(v, where)
  if type(v) == "number" then v = { v } end
  check.type(where.op, where.name, v, "table")
  local list = {}
  for i = 1, #v do
    list[i] = v[i] == null and null or check.integer(where.op, ("%s[%d]"):format(where.name, i), v[i], -1)
  end
  return list
end
local function array(list) return json.array { unpack(list) } end
codecs.shape = codec(sizes, array)
-- One 0-based axis or a list of them, as Keras writes them.
codecs.axes = codec(function(v, where)
  if type(v) == "number" then return check.integer(where.op, where.name, v) end
  local list = check.type(where.op, where.name, v, "table")
  for i = 1, #list do check.integer(where.op, ("%s[%d]"):format(where.name, i), list[i]) end
  return list
end, function(v)
  return type(v) == "table" and array(v) or v
end)
codecs.axes.plain = true

--- Exactly n sizes of at least `least`; one number stands for n equal ones (kernel_size = 3 is { 3 }).
---@param n integer
---@param least? integer default 1
---@return table
function codecs.tuple(n, least)
  local c = codec(function(v, where)
    local list, given = {}, type(v) == "table"
    if given and #v ~= n then
      check.fail("%s: argument %s has %d numbers, expected %d, or one number", where.op, where.name, #v, n)
    end
    for i = 1, n do
      local name = given and ("%s[%d]"):format(where.name, i) or where.name
      if given then list[i] = v[i] else list[i] = v end
      check.integer(where.op, name, list[i], least or 1, 2 ^ 31)
    end
    return list
  end, array)
  c.plain = true
  return c
end

-- Options that Keras writes but that only have one value here.
codecs.unused = codec(function(v, where)
  check.fail("%s: argument %s is %s, and only null is offered", where.op, where.name, check.describe(v))
end)
codecs.off = codec(function(v, where)
  if v ~= false then check.fail("%s: argument %s is %s, and only false is offered", where.op, where.name, check.describe(v)) end
  return v
end)

--- One of the given words.
---@param ... any
---@return table
function codecs.choice(...)
  local words = { ... }
  return codec(function(v, where) return check.one_of(where.op, where.name, v, words) end)
end

-- A dtype, or the name of a policy of mixed precision, which configs keep though no layer can be built with it. Keras 3 writes an
-- object for any policy, older versions for mixed precision only.
local DTYPES = { "float32", "float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16" }
local POLICIES = { DTypePolicy = true, Policy = true }
codecs.dtype = codec(function(v, where)
  if type(v) == "table" then
    local config = POLICIES[v.class_name] and v.config
    if type(config) ~= "table" then
      check.fail("%s: argument %s is %s, expected a dtype or a DTypePolicy", where.op, where.name,
        check.describe(v.class_name or v))
    end
    v = config.name
  end
  return check.one_of(where.op, where.name, v, DTYPES)
end, function(v, where)
  if dialects.form(where and where.dialect) == "keras3" then
    return Registry.envelope("keras", "DTypePolicy", json.object { { "name", v } })
  end
  if not v:match("^mixed_") then return v end
  return Registry.envelope("keras.mixed_precision", "Policy", json.object { { "name", v } })
end)

--- x rounded to float32 (half to even): Keras makes float32 tensors of some constants, whatever the layer's dtype.
---@param x number
---@return number
function codecs.float32(x)
  if x == 0 or x ~= x or x - x ~= 0 then return x end
  local mantissa, exponent = math.frexp(x)
  local scaled = mantissa * 2 ^ 24
  local whole = math.floor(scaled)
  local rest = scaled - whole
  if rest > 0.5 or (rest == 0.5 and whole % 2 == 1) then whole = whole + 1 end
  return math.ldexp(whole, exponent - 24)
end

-- A number that configs show rounded to float32.
codecs.rounded = { decode = codecs.float.decode, encode = codecs.float32, float = true, plain = true, coerced = true }

return codecs
