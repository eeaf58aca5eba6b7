-- A strict JSON parser (RFC 8259 with NaN and Infinity, as Python's json), with limits on depth and size.
local check = require "moongate.check"
local null = require "moongate.null"
local utf8 = require "moongate.utf8"

local ESCAPES = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }
local WORDS = { { "true", true }, { "false", false }, { "null", null }, { "NaN", 0 / 0 }, { "Infinity", math.huge },
  { "-Infinity", -math.huge } }

local function fail(s, at, expected)
  local _, line = s.text:sub(1, at - 1):gsub("\n", "")
  local before = s.text:sub(1, at - 1):match("([^\n]*)$")
  check.fail("json: line %d, column %d: expected %s, found %s", line + 1, #before + 1, expected,
    at > #s.text and "the end" or ("%q"):format(s.text:sub(at, at + 9)))
end

-- \uXXXX at `at` (the u), or a pair of surrogates; returns the bytes and the position behind.
local function unicode(s, at)
  local hex = s.text:match("^%x%x%x%x", at + 1)
  if not hex then fail(s, at, "four hexadecimal digits after \\u") end
  local code = tonumber(hex, 16)
  if code >= 0xD800 and code < 0xDC00 then
    local low = s.text:match("^\\u([Dd][C-Fc-f]%x%x)", at + 5)
    if low then return utf8.character(0x10000 + (code - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00), at + 11 end
  end
  return utf8.character(code), at + 5
end

local function parse_string(s, at)
  local parts, first = {}, at + 1
  while true do
    local stop = s.text:find('["\\%c]', first)
    if not stop then fail(s, #s.text + 1, "a closing quote") end
    parts[#parts + 1] = s.text:sub(first, stop - 1)
    local byte = s.text:sub(stop, stop)
    if byte == '"' then return table.concat(parts), stop + 1 end
    if byte == "\127" then
      parts[#parts + 1], first = byte, stop + 1
    elseif byte ~= "\\" then
      fail(s, stop, "no control character inside a string")
    else
      local escape = s.text:sub(stop + 1, stop + 1)
      if escape == "u" then
        parts[#parts + 1], first = unicode(s, stop + 1)
      elseif ESCAPES[escape] then
        parts[#parts + 1], first = ESCAPES[escape], stop + 2
      else
        fail(s, stop + 1, "an escape out of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u")
      end
    end
  end
end

-- Returns value, position behind, and the text where the number alone would not say it: floats that are whole, large integers.
local function parse_number(s, at)
  local whole = s.text:match("^-?[1-9]%d*", at) or s.text:match("^-?0", at)
  if not whole then fail(s, at, "a value") end
  local fraction = s.text:match("^%.%d+", at + #whole) or ""
  local exponent = s.text:match("^[eE][-+]?%d+", at + #whole + #fraction) or ""
  local text = whole .. fraction .. exponent
  local value = tonumber(text)
  local is_float = text ~= whole
  local note = is_float and value % 1 == 0 and "float" or (not is_float and math.abs(value) > 2 ^ 53 and text) or nil
  return value, at + #text, note
end

local parse_value

local function skip(s, at)
  return s.text:match("^[ \t\r\n]*()", at)
end

local function next_item(s, at, close)
  at = skip(s, at)
  local byte = s.text:sub(at, at)
  if byte == "," then return skip(s, at + 1), false end
  if byte == close then return at + 1, true end
  fail(s, at, ("',' or '%s'"):format(close))
end

local function parse_array(s, at, depth)
  local array = s.array()
  at = skip(s, at + 1)
  if s.text:sub(at, at) == "]" then return array, at + 1 end
  local done, note
  for i = 1, math.huge do
    array[i], at, note = parse_value(s, at, depth + 1)
    if note then s.note(array, i, note) end
    at, done = next_item(s, at, "]")
    if done then return array, at end
  end
end

local function parse_object(s, at, depth)
  local object = s.object()
  at = skip(s, at + 1)
  if s.text:sub(at, at) == "}" then return object, at + 1 end
  local done, note, key
  while true do
    if s.text:sub(at, at) ~= '"' then fail(s, at, "a key in quotes") end
    key, at = parse_string(s, at)
    at = skip(s, at)
    if s.text:sub(at, at) ~= ":" then fail(s, at, "':'") end
    object[key], at, note = parse_value(s, skip(s, at + 1), depth + 1)
    if note then s.note(object, key, note) end
    at, done = next_item(s, at, "}")
    if done then return object, at end
  end
end

function parse_value(s, at, depth)
  if depth > s.depth then fail(s, at, "at most " .. s.depth .. " levels of nesting") end
  local byte = s.text:sub(at, at)
  if byte == '"' then return parse_string(s, at) end
  if byte == "{" then return parse_object(s, at, depth) end
  if byte == "[" then return parse_array(s, at, depth) end
  for _, word in ipairs(WORDS) do
    if s.text:sub(at, at + #word[1] - 1) == word[1] then return word[2], at + #word[1] end
  end
  return parse_number(s, at)
end

--- Parses a whole text; `makers` = { array =, object =, note = } make containers and take notes on numbers.
return function(text, makers, depth)
  local s = { text = text, depth = depth, array = makers.array, object = makers.object, note = makers.note }
  local value, at = parse_value(s, skip(s, 1), 1)
  at = skip(s, at)
  if at <= #text then fail(s, at, "the end of the text") end
  return value
end
