-- Text as numbers: UTF-8 code points, and a vocabulary of them. Id 0 stands for every character that is not in the vocabulary.
local check = require "moongate.check"
local class = require "moongate.class"
local shapes = require "moongate.shape"
local tensor = require "moongate.tensor"

local text = {}

local REPLACEMENT = 0xFFFD -- for bytes that are not UTF-8

local byte, char, floor = string.byte, string.char, math.floor

-- Bytes that follow a first byte, and the least code point of that length (shorter forms are not UTF-8).
local function lead(b)
  if b >= 0xC2 and b < 0xE0 then return 1, b - 0xC0, 0x80 end
  if b >= 0xE0 and b < 0xF0 then return 2, b - 0xE0, 0x800 end
  if b >= 0xF0 and b < 0xF5 then return 3, b - 0xF0, 0x10000 end
end

-- The code point at position i and the position behind it.
local function decode_at(s, i)
  local b = byte(s, i)
  if b < 0x80 then return b, i + 1 end
  local more, code, least = lead(b)
  if not more then return REPLACEMENT, i + 1 end
  for k = 1, more do
    local c = byte(s, i + k)
    if not c or c < 0x80 or c >= 0xC0 then return REPLACEMENT, i + 1 end
    code = code * 64 + (c - 0x80)
  end
  if code < least or code > 0x10FFFF or (code >= 0xD800 and code < 0xE000) then return REPLACEMENT, i + 1 end
  return code, i + more + 1
end

--- The code points of a UTF-8 string; bytes that are not UTF-8 give U+FFFD.
---@param s string
---@return integer[]
function text.code_points(s)
  check.type("code_points", "s", s, "string")
  local list, n, i, length = {}, 0, 1, #s
  while i <= length do
    n = n + 1
    list[n], i = decode_at(s, i)
  end
  return list
end

--- A code point as UTF-8.
---@param code integer
---@return string
function text.character(code)
  check.integer("character", "code", code, 0, 0x10FFFF)
  if code < 0x80 then return char(code) end
  if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
  local last, middle = 0x80 + code % 64, 0x80 + floor(code / 64) % 64
  if code < 0x10000 then return char(0xE0 + floor(code / 4096), middle, last) end
  return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, middle, last)
end

--- A whole file as a string, or nil and a message.
---@param path string
---@return string|nil, string|nil
function text.read(path)
  check.type("read_text", "path", path, "string")
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  local contents = file:read("*a")
  file:close()
  return contents, contents == nil and path .. " cannot be read" or nil
end

--- The characters of a text, those seen at least `min_count` times, in the order of their code points: ids 1, 2, ...; 0 is unknown.
---@param source string the text
---@param options? table { min_count = 1, unknown = "\239\191\189" (what id 0 decodes to) }
---@example local vocabulary = mg.data.Vocabulary(text, { min_count = 10 }); local ids = vocabulary:encode(text)
local Vocabulary = class("Vocabulary")
text.Vocabulary = Vocabulary

local function counted(source)
  local counts = {}
  for _, code in ipairs(text.code_points(source)) do counts[code] = (counts[code] or 0) + 1 end
  return counts
end

function Vocabulary:init(source, options)
  options = check.options("Vocabulary", options, { "min_count", "unknown" })
  check.type("Vocabulary", "source", source, "string")
  local least = check.integer("Vocabulary", "min_count", options.min_count or 1, 1)
  self.unknown, self.codes, self.ids, self.characters = options.unknown or text.character(REPLACEMENT), {}, {}, {}
  for code, count in pairs(counted(source)) do
    if count >= least then self.codes[#self.codes + 1] = code end
  end
  table.sort(self.codes)
  for id, code in ipairs(self.codes) do self.ids[code], self.characters[id] = id, text.character(code) end
  self.characters[0] = self.unknown
  --- Number of ids, the unknown one included.
  self.size = #self.codes + 1
end

--- Ids of a text.
---@param s string
---@return Tensor int32 (N)
function Vocabulary:encode(s)
  local list, ids = text.code_points(s), self.ids
  for i = 1, #list do list[i] = ids[list[i]] or 0 end
  return tensor.from_list(list, shapes.own { #list }, "int32")
end

--- The text of ids.
---@param ids Tensor|integer[] (N)
---@return string
function Vocabulary:decode(ids)
  if tensor.is(ids) then ids = ids:to_table() end
  local parts = {}
  for i, id in ipairs(ids) do
    parts[i] = self.characters[id]
    if not parts[i] then check.fail("Vocabulary: decode: ids[%d] is %s, expected 0..%d", i, tostring(id), self.size - 1) end
  end
  return table.concat(parts)
end

return text
