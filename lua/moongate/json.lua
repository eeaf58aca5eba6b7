-- JSON that keeps what Python's json keeps: the order of keys, [] and {} apart, 1 and 1.0 apart, every digit. encode gives the very
-- text of json.dumps. Objects are plain tables to read and write; their key order and number kinds are remembered beside them.
local check = require "moongate.check"
local null = require "moongate.null"
local decode = require "moongate.json_decode"
local number = require "moongate.json_number"

local json = { null = null }

local DEPTH, SIZE = 512, 2 ^ 28

local orders = setmetatable({}, { __mode = "k" }) -- object -> list of keys, in order of arrival
local notes = setmetatable({}, { __mode = "k" }) -- container -> key -> "float" | the text of a large integer

local Object, Array = {}, {}

-- Called for keys that are absent: new ones, and those that come back after being set to nil.
function Object.__newindex(object, key, value)
  if value == nil then return end
  rawset(object, key, value)
  local order = orders[object]
  for _, known in ipairs(order) do
    if known == key then return end
  end
  order[#order + 1] = key
end

local function note(container, key, kind)
  notes[container] = notes[container] or {}
  notes[container][key] = { kind = kind, value = container[key] }
end

local function sorted_pairs(content)
  local list = {}
  for key, value in pairs(content) do list[#list + 1] = { check.type("json.object", "key", key, "string"), value } end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

--- An object that keeps the order of its keys: of a list of pairs, or of a table (its keys sorted), or empty
---@param content? table { { "key", value }, ... } or { key = value }
---@return table
---@example local config = mg.json.object{ { "name", "gru" }, { "units", 4 } }
function json.object(content)
  local object = {}
  orders[object] = {}
  setmetatable(object, Object)
  if content == nil then return object end
  check.type("json.object", "content", content, "table")
  local list = content
  if getmetatable(content) == Object then
    list = json.pairs_list(content)
  elseif content[1] == nil then
    list = sorted_pairs(content)
  end
  for _, pair in ipairs(list) do
    check.type("json.object", "entry", pair, "table")
    object[check.type("json.object", "key", pair[1], "string")] = pair[2]
  end
  return object
end

--- A list that is an array also when empty
---@param list? table
---@return table
function json.array(list)
  return setmetatable(check.type("json.array", "list", list or {}, "table"), Array)
end

--- Whether `value` is an object made here or decoded
---@return boolean
function json.is_object(value) return getmetatable(value) == Object end

--- Whether `value` is an object or an array made here or decoded
---@return boolean
function json.is_container(value)
  local meta = getmetatable(value)
  return meta == Object or meta == Array
end

--- Marks entry `key` of a container as a float, so that 1 is written 1.0; gives back the container
---@param container table
---@param key string|integer
---@return table
function json.float(container, key)
  check.type("json.float", "container", container, "table")
  if key == nil then check.fail("json.float: argument key is nil, expected a key of the container") end
  note(container, key, "float")
  return container
end

--- How a whole number of a decoded container was written: "float" (1.0) or "integer" (1); nil for anything else
---@param container table
---@param key string|integer
---@return string|nil
function json.kind_of(container, key)
  local value = container[key]
  if type(value) ~= "number" or value % 1 ~= 0 then return nil end
  local known = notes[container] and notes[container][key]
  return known and known.kind == "float" and known.value == value and "float" or "integer"
end

--- Key and value pairs of an object in order, as a list
---@return table[] { { key, value }, ... }
function json.pairs_list(object)
  local list = {}
  for _, key in ipairs(orders[object] or {}) do
    local value = rawget(object, key)
    if value ~= nil then list[#list + 1] = { key, value } end
  end
  return list
end

--- Iterates over an object's keys and values in order
function json.pairs(object)
  local list, i = json.pairs_list(object), 0
  return function()
    i = i + 1
    if list[i] then return list[i][1], list[i][2] end
  end
end

--- Reads a JSON text. Objects keep the order of keys, null is mg.null
---@param text string
---@param options? table { depth = 512, size = 268435456 (bytes) }
---@return any
function json.decode(text, options)
  check.type("json.decode", "text", text, "string")
  options = check.options("json.decode", options, { "depth", "size" })
  if #text > (options.size or SIZE) then
    check.fail("json.decode: the text has %d bytes, expected at most %d", #text, options.size or SIZE)
  end
  return decode(text, { object = json.object, array = json.array, note = note }, options.depth or DEPTH)
end

local SHORT = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape_code(code)
  if code < 0x10000 then return ("\\u%04x"):format(code) end
  code = code - 0x10000
  return ("\\u%04x\\u%04x"):format(0xD800 + math.floor(code / 0x400), 0xDC00 + code % 0x400)
end

-- One UTF-8 sequence as its escape; nil where it is not one.
local function escape_sequence(bytes)
  local first = bytes:byte()
  local length = first >= 0xF0 and 4 or first >= 0xE0 and 3 or 2
  if first < 0xC2 or first > 0xF4 or #bytes ~= length then return nil end
  local code = first % 2 ^ (7 - length)
  for i = 2, length do code = code * 64 + bytes:byte(i) - 0x80 end
  local least = length == 2 and 0x80 or length == 3 and 0x800 or 0x10000
  return code >= least and code <= 0x10FFFF and escape_code(code) or nil
end

local function quote(text)
  local escaped = text:gsub('[%c"\\]', function(c)
    return SHORT[c] or escape_code(c:byte())
  end)
  if not escaped:find("[\128-\255]") then return '"' .. escaped .. '"' end
  local broken = escaped:gsub("[\194-\244][\128-\191]+", ""):find("[\128-\255]")
  escaped = escaped:gsub("[\194-\244][\128-\191]+", function(bytes)
    local text_of = escape_sequence(bytes)
    broken = broken or not text_of
    return text_of
  end)
  if broken then check.fail("json.encode: the string %s is not valid UTF-8", check.describe(text)) end
  return '"' .. escaped .. '"'
end

local function number_text(container, key, value)
  local known = container and notes[container] and notes[container][key]
  if known and known.kind == "float" then return number.float(value) end
  if known and known.value == value then return known.kind end
  return number.text(value)
end

local encode_value

local function encode_array(list, depth)
  local parts = {}
  for i = 1, #list do parts[i] = encode_value(list[i], list, i, depth + 1) end
  return "[" .. table.concat(parts, ", ") .. "]"
end

local function encode_object(object, depth)
  local parts = {}
  for key, value in json.pairs(getmetatable(object) == Object and object or json.object(object)) do
    parts[#parts + 1] = quote(key) .. ": " .. encode_value(value, object, key, depth + 1)
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

function encode_value(value, container, key, depth)
  local kind = type(value)
  if value == null then return "null" end
  if kind == "string" then return quote(value) end
  if kind == "number" then return number_text(container, key, value) end
  if kind == "boolean" then return tostring(value) end
  local meta = getmetatable(value)
  if kind ~= "table" or (meta and meta ~= Object and meta ~= Array and not (meta.__tostring and value[1])) then
    check.fail("json.encode: %s at %s cannot be written", check.describe(value), tostring(key))
  end
  if depth > DEPTH then check.fail("json.encode: more than %d levels of nesting (a table that holds itself?)", DEPTH) end
  if meta == Object or (meta ~= Array and next(value) ~= nil and value[1] == nil) then return encode_object(value, depth) end
  return encode_array(value, depth)
end

--- The text of a value, as Python's json.dumps writes it. A plain table with [1], or an empty one, is an array
---@param value any
---@return string
---@example mg.json.encode{ 1, 2.5, "a" }
function json.encode(value)
  return encode_value(value, nil, "top level", 1)
end

Object.__tostring = json.encode
Array.__tostring = json.encode

return json
