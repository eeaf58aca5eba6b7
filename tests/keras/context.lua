-- What a case module works with: the one place where golden tensors are read, values are compared and tolerances are chosen.
--
-- A case module (cases/*.lua) returns { name =, matches = function(case) -> boolean, run = function(case, t) }. `case` is the
-- decoded case; a module recognises its own by the fields, never by names. run raises to fail, calls t.skip(reason) for what is not
-- offered, and compares with t.close. Where case.deviates is set, the values are the library's and run has to assert our own rule
-- instead.
local configs = require "moongate.configs"
local dialects = require "moongate.dialects"
local json = require "moongate.json"
local mg = require "moongate"

local context = {}

-- Tolerances: |a - b| <= tolerance * max(1, |b|), by precision and by what is compared. A case's own `tolerance` wins.
local TOLERANCES = {
  float64 = { output = 1e-10, gradient = 1e-9, training = 1e-9 },
  float32 = { output = 1e-5, gradient = 1e-4, training = 1e-4 },
}

local SPECIAL = { nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge }

local function number(v)
  if type(v) == "string" then v = SPECIAL[v] end
  if v == true then return 1 elseif v == false then return 0 end
  return v
end

--- Whether a decoded value is a golden tensor.
function context.is_golden(value)
  return type(value) == "table" and value ~= json.null and value.data ~= nil and value.shape ~= nil
end

local function plain_list(list, convert)
  local out = {}
  for i = 1, #list do out[i] = convert and convert(list[i]) or list[i] end
  return out
end

--- A tensor of a golden one, in its dtype (bool: uint8) or another.
function context.tensor(golden, dtype)
  if golden == nil or golden == json.null then return nil end
  dtype = dtype or (golden.dtype == "bool" and "uint8") or (golden.dtype == "int64" and "int32") or golden.dtype
  local flat = mg.tensor(plain_list(golden.data, number), { dtype = dtype })
  return flat:reshape(plain_list(golden.shape))
end

-- A name of mg, nil when there is none.
local function part(name)
  local ok, value = pcall(function() return mg[name] end)
  return ok and value or nil
end

--- Ends the case as skipped.
function context.skip(reason) error({ skipped = reason }, 0) end

--- An object made of a case's arguments. Those of Python tell 1 from 1.0, and its config shows which it was; numbers of Lua do not.
function context.as_given(object, args, dialect)
  local class = (getmetatable(object) or {}).class
  if class and class.fields then configs.remember_numbers(object, class, args, dialects.form(dialect)) end
  return object
end

-- The object of a nested { class, args }: a layer, cell, regularizer, constraint, initializer, ...
local function object_of(name, args)
  if name == "Sequential" then return mg.Sequential(args.layers) end
  for _, module in ipairs { "layers", "regularizers", "constraints", "initializers", "optimizers" } do
    local C = part(module) and part(module)[name]
    if C then return C(args) end
  end
  local schedules = part "optimizers" and mg.optimizers.schedules
  local schedule = schedules and schedules[name]
  if schedule then return schedule(args) end
  return context.skip("no " .. name)
end

--- Decoded arguments as options: null stays mg.null, lists are plain, nested { class, args } become objects.
function context.options(value)
  if type(value) ~= "table" or value == json.null then return value end
  local name = value.args and (value.class or value.initializers or value.regularizers or value.constraints)
  if name then return context.as_given(object_of(name, context.options(value.args)), value.args) end
  if not json.is_object(value) then return plain_list(value, context.options) end
  local out = {}
  for key, item in json.pairs(value) do out[key] = context.options(item) end
  return out
end

--- nil for null.
function context.given(value)
  if value == json.null then return nil end
  return value
end

local function flat_values(actual)
  if type(actual) == "number" then return { actual } end
  return actual:to_flat_table()
end

local function shape_text(shape) return "(" .. table.concat(plain_list(shape, tostring), ", ") .. ")" end

local function check_shape(label, actual, expected)
  if type(actual) == "number" then return end
  local a, b = shape_text(actual.shape), shape_text(expected.shape)
  if a ~= b then error(("%s has shape %s, expected %s"):format(label, a, b), 0) end
end

local function apart(a, b, tolerance)
  if b ~= b then return a == a end
  if a == b then return false end
  return a ~= a or math.abs(a - b) > tolerance * math.max(1, math.abs(b))
end

-- Every value within tolerance of the wanted one, or the case fails.
local function compare(label, values, wanted, tolerance)
  if #values ~= #wanted then error(("%s has %d values, expected %d"):format(label, #values, #wanted), 0) end
  for i = 1, #wanted do
    if apart(values[i], wanted[i], tolerance) then
      error(("%s[%d] is %.17g, expected %.17g (tolerance %g)"):format(label, i, values[i], wanted[i], tolerance), 0)
    end
  end
end

--- Ends the case as failed unless `condition` holds.
function context.check(condition, message, ...)
  if not condition then error(select("#", ...) > 0 and message:format(...) or message, 0) end
end

--- The class `name` of a module of mg, or the case is skipped.
function context.class(module, name)
  local C = part(module) and part(module)[name]
  return C or context.skip("no " .. name)
end

--- A Sequential of a case's list of layers.
function context.sequential(list)
  local Sequential = part "Sequential" or context.skip "no Sequential"
  return Sequential(context.options(list))
end

--- Compares a tensor with a list of numbers that are themselves only good to `tolerance` (central differences).
function context.near(label, actual, wanted, tolerance) compare(label, flat_values(actual), wanted, tolerance) end

--- The context of one case: all of the above, and what depends on the case's own tolerance. `directory` has
--- the case's file.
function context.new(case, directory)
  local t = setmetatable({ json = json, mg = mg, directory = directory }, { __index = context })

  function t.tolerance(dtype, what)
    return t.given(case.tolerance) or (TOLERANCES[dtype] or TOLERANCES.float64)[what or "output"]
  end

  --- Compares a tensor or number with a golden tensor or number; what: "output", "gradient" or "training".
  function t.close(label, actual, expected, what)
    if actual == nil then error(label .. " is missing", 0) end
    local golden = context.is_golden(expected)
    if golden then check_shape(label, actual, expected) end
    local wanted = golden and plain_list(expected.data, number) or { number(expected) }
    compare(label, flat_values(actual), wanted, t.tolerance(golden and expected.dtype or "float64", what))
  end

  return t
end

return context
