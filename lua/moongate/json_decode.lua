-- Reading JSON: see json.lua. Texts nest at most 200 deep.
local bit = require "bit"
local check = require "moongate.check"
local null = require "moongate.null"

local MAX_DEPTH = 200
local json, Array

local function fail(text, at, what)
  local _, lines = text:sub(1, at):gsub("\n", "")
  check.fail("json.decode: line %d, byte %d: %s", lines + 1, at, what)
end

local function skip(text, at) return text:find("[^ \t\r\n]", at) or #text + 1 end

local function tail(code, shift) return 0x80 + bit.band(bit.rshift(code, shift), 63) end

local function utf8(code)
  if code < 0x80 then return string.char(code) end
  if code < 0x800 then return string.char(0xC0 + bit.rshift(code, 6), tail(code, 0)) end
  if code < 0x10000 then
    return string.char(0xE0 + bit.rshift(code, 12), tail(code, 6), tail(code, 0))
  end
  return string.char(0xF0 + bit.rshift(code, 18), tail(code, 12), tail(code, 6), tail(code, 0))
end

local ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

-- One escape at `at` (behind the backslash): its text and the position behind it. A lone half of a pair becomes U+FFFD.
local function escape(text, at)
  local c = text:sub(at, at)
  if ESCAPES[c] then return ESCAPES[c], at + 1 end
  local hex = c == "u" and text:match("^%x%x%x%x", at + 1)
  if not hex then fail(text, at, "unknown escape") end
  local code = tonumber(hex, 16)
  local low = code >= 0xD800 and code < 0xDC00 and text:match("^\\u([dD][c-fC-F]%x%x)", at + 5)
  if low then return utf8(0x10000 + (code - 0xD800) * 1024 + tonumber(low, 16) - 0xDC00), at + 11 end
  if code >= 0xD800 and code < 0xE000 then code = 0xFFFD end
  return utf8(code), at + 5
end

local function read_string(text, at)
  local parts, from = {}, at + 1
  while true do
    local stop = text:find('["\\%c]', from)
    if not stop then fail(text, at, "a string without end") end
    parts[#parts + 1] = text:sub(from, stop - 1)
    local c = text:sub(stop, stop)
    if c == '"' then return table.concat(parts), stop + 1 end
    if c == "\127" then
      parts[#parts + 1], from = c, stop + 1
    elseif c == "\\" then
      parts[#parts + 1], from = escape(text, stop + 1)
    else
      fail(text, stop, "a control character in a string")
    end
  end
end

local WORDS = { ["true"] = true, ["false"] = false, null = null, NaN = 0 / 0, Infinity = math.huge, ["-Infinity"] = -math.huge }

-- A number or word: its value, the position behind it, and whether it was written as a float.
local function read_scalar(text, at)
  local word = text:match("^-?%a+", at)
  if word and WORDS[word] ~= nil then return WORDS[word], at + #word end
  local digits = text:match("^-?%d+%.?%d*[eE]?[-+]?%d*", at)
  local odd = digits and (digits:match("^-?0%d") or digits:match("%.$") or digits:match("%.[eE]"))
  local number = digits and not odd and tonumber(digits)
  if not number then fail(text, at, "expected a value") end
  return number, at + #digits, digits:find("[.eE]") ~= nil
end

local read

local function read_array(text, at, depth)
  local list, n = setmetatable({}, Array), 0
  at = skip(text, at + 1)
  if text:byte(at) == 93 then return list, at + 1 end
  while true do
    local value, behind, as_float = read(text, at, depth)
    n = n + 1
    list[n] = value
    if as_float and value == math.floor(value) then json.mark_float(list, n) end
    at = skip(text, behind)
    local c = text:byte(at)
    if c == 93 then return list, at + 1 end
    if c ~= 44 then fail(text, at, "expected , or ] in an array") end
    at = skip(text, at + 1)
  end
end

local function read_object(text, at, depth)
  local object = json.object()
  at = skip(text, at + 1)
  if text:byte(at) == 125 then return object, at + 1 end
  while true do
    if text:byte(at) ~= 34 then fail(text, at, "expected a key in quotes") end
    local key, value, as_float
    key, at = read_string(text, at)
    at = skip(text, at)
    if text:byte(at) ~= 58 then fail(text, at, "expected : behind a key") end
    value, at, as_float = read(text, skip(text, at + 1), depth)
    object[key] = value
    if as_float and value == math.floor(value) then json.mark_float(object, key) end
    at = skip(text, at)
    local c = text:byte(at)
    if c == 125 then return object, at + 1 end
    if c ~= 44 then fail(text, at, "expected , or } in an object") end
    at = skip(text, at + 1)
  end
end

function read(text, at, depth)
  local c = text:byte(at)
  if depth > MAX_DEPTH then fail(text, at, "more than " .. MAX_DEPTH .. " levels") end
  if c == 123 then return read_object(text, at, depth + 1) end
  if c == 91 then return read_array(text, at, depth + 1) end
  if c == 34 then return read_string(text, at) end
  return read_scalar(text, at)
end

--- The value of a JSON text; objects keep the order of their keys, null is mg.null. Bad text raises with its line.
---@param text string
---@return any
local function decode(text)
  check.type("json.decode", "text", text, "string")
  local value, behind = read(text, skip(text, 1), 0)
  behind = skip(text, behind)
  if behind <= #text then fail(text, behind, "more behind the value") end
  return value
end

return function(module, array_meta)
  json, Array = module, array_meta
  return decode
end
