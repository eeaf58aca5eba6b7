-- JSON that keeps what the packaged libraries lose: the order of keys, [] against {}, every digit, and 1 against 1.0. Text is that
-- of Python's json.dumps. json.null is mg.null.
local bit = require "bit"
local check = require "moongate.check"
local null = require "moongate.null"

local json = { null = null }
local MAX_DEPTH = 200

-- Objects and arrays -----------------------------------------------------------------------------------------------------------

-- Values are plain fields of the table; the order of keys, and which numbers print as float, lie beside it.
local orders = setmetatable({}, { __mode = "k" })
local floats = setmetatable({}, { __mode = "k" })
local Object, Array = {}, {}

function Object.__newindex(self, key, value)
  if type(key) ~= "string" then check.fail("json.object: key is %s, expected a string", check.describe(key)) end
  local order = orders[self]
  local known = false
  for i = 1, #order do known = known or order[i] == key end
  if not known then order[#order + 1] = key end
  rawset(self, key, value)
end
function Object.__tostring(self) return json.encode(self) end
function Array.__tostring(self) return json.encode(self) end

-- Number `key` of a container prints as float.
function json.mark_float(container, key)
  floats[container] = floats[container] or {}
  floats[container][key] = true
end

--- An ordered object of { key, value } pairs; a third item true makes a number print as Python's float. Later `object.key = value`
--- appends.
---@param list? table[]
---@return table
function json.object(list)
  local self = setmetatable({}, Object)
  orders[self] = {}
  for _, pair in ipairs(list or {}) do
    self[pair[1]] = pair[2]
    if pair[3] and type(pair[2]) == "number" then json.mark_float(self, pair[1]) end
  end
  return self
end

--- A copy of a list that prints as [...] even when it is empty.
---@param list table
---@param as_float? boolean print its numbers as Python's floats
---@return table
function json.array(list, as_float)
  local self = {}
  for i = 1, #list do
    self[i] = list[i]
    if as_float and type(list[i]) == "number" then json.mark_float(self, i) end
  end
  return setmetatable(self, Array)
end

--- Whether a value is an ordered object.
function json.is_object(value) return getmetatable(value) == Object end

--- Iterates over keys and values: an ordered object's in order, a plain table's by sorted keys.
function json.pairs(object)
  local keys = orders[object]
  if not keys then
    keys = {}
    for key in pairs(object) do keys[#keys + 1] = key end
    table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  end
  local at = 0
  return function()
    repeat at = at + 1 until keys[at] == nil or object[keys[at]] ~= nil
    if keys[at] ~= nil then return keys[at], object[keys[at]] end
  end
end

-- Writing ----------------------------------------------------------------------------------------------------------------------

-- The fewest digits that read back as x, and the decimal exponent of the first.
local function shortest(x)
  for precision = math.abs(x) < 1e-300 and 0 or 14, 16 do
    local text = ("%." .. precision .. "e"):format(x)
    if tonumber(text) == x or precision == 16 then
      local sign, first, rest, exponent = text:match("^(-?)(%d)%.?(%d*)e([-+]%d+)$")
      local digits = (first .. rest):gsub("0+$", "")
      return sign, digits == "" and "0" or digits, tonumber(exponent)
    end
  end
end

-- Python's repr of a float.
local function float_text(x)
  local sign, digits, exponent = shortest(x)
  if exponent < -4 or exponent >= 16 then
    local rest = #digits > 1 and "." .. digits:sub(2) or ""
    return ("%s%s%se%s%02d"):format(sign, digits:sub(1, 1), rest, exponent < 0 and "-" or "+", math.abs(exponent))
  end
  if exponent < 0 then return sign .. "0." .. ("0"):rep(-exponent - 1) .. digits end
  if #digits <= exponent + 1 then return sign .. digits .. ("0"):rep(exponent + 1 - #digits) .. ".0" end
  return sign .. digits:sub(1, exponent + 1) .. "." .. digits:sub(exponent + 2)
end

local function number_text(x, as_float)
  if x ~= x then return "NaN" end
  if x == math.huge then return "Infinity" end
  if x == -math.huge then return "-Infinity" end
  if not as_float and x == math.floor(x) and math.abs(x) <= 2 ^ 53 then return ("%.0f"):format(x == 0 and 0 or x) end
  return float_text(x)
end

local SHORT = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\b"] = "\\b", ["\f"] = "\\f" }

local function unicode(code)
  if code < 0x10000 then return ("\\u%04x"):format(code) end
  code = code - 0x10000
  return ("\\u%04x\\u%04x"):format(0xD800 + bit.rshift(code, 10), 0xDC00 + bit.band(code, 0x3FF))
end

-- The code point of one UTF-8 sequence, or nil.
local function code_point(sequence)
  local first, n = sequence:byte(), #sequence
  local size = first >= 0xF0 and first <= 0xF4 and 4 or first >= 0xE0 and first < 0xF0 and 3 or first >= 0xC2 and first < 0xE0 and 2
  if n ~= size then return nil end
  local code = bit.band(first, size == 2 and 0x1F or size == 3 and 0x0F or 0x07)
  for i = 2, n do code = code * 64 + bit.band(sequence:byte(i), 0x3F) end
  return code
end

local function string_text(s)
  s = s:gsub('[%c"\\]', function(c)
    return SHORT[c] or ("\\u%04x"):format(c:byte())
  end)
  s = s:gsub("[\128-\255][\128-\191]*", function(sequence)
    local code = code_point(sequence)
    if not code then check.fail("json.encode: a string is not valid UTF-8") end
    return unicode(code)
  end)
  return '"' .. s .. '"'
end

local write

local function write_array(value, out, depth)
  out[#out + 1] = "["
  local marks = floats[value]
  for i = 1, #value do
    if i > 1 then out[#out + 1] = ", " end
    write(value[i], out, depth, marks and marks[i])
  end
  out[#out + 1] = "]"
end

local function write_object(value, out, depth)
  out[#out + 1] = "{"
  local marks, first = floats[value], true
  for key, item in json.pairs(value) do
    if type(key) ~= "string" then check.fail("json.encode: key is %s, expected a string", check.describe(key)) end
    if not first then out[#out + 1] = ", " end
    out[#out + 1] = string_text(key) .. ": "
    write(item, out, depth, marks and marks[key])
    first = false
  end
  out[#out + 1] = "}"
end

function write(value, out, depth, as_float)
  local kind = type(value)
  if value == null or value == nil then out[#out + 1] = "null"
  elseif kind == "boolean" then out[#out + 1] = tostring(value)
  elseif kind == "number" then out[#out + 1] = number_text(value, as_float)
  elseif kind == "string" then out[#out + 1] = string_text(value)
  elseif kind ~= "table" then check.fail("json.encode: value is a %s, expected a table, text, number, boolean or null", kind)
  elseif depth > MAX_DEPTH then check.fail("json.encode: more than %d levels; does a table hold itself?", MAX_DEPTH)
  elseif getmetatable(value) == Array or (value[1] ~= nil and getmetatable(value) ~= Object) then write_array(value, out, depth + 1)
  else write_object(value, out, depth + 1) end
end

--- The text of a value: ordered objects and arrays, plain tables (keys sorted; with a first element: an array), text, numbers,
--- booleans, null.
---@param value any
---@return string
function json.encode(value)
  local out = {}
  write(value, out, 0, false)
  return table.concat(out)
end

json.decode = require "moongate.json_decode" (json, Array)

return json
