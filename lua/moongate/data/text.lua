-- Text as numbers: UTF-8 code points, and a vocabulary of them. Id 0 stands for every character that is not in the vocabulary.
local check = require "moongate.check"
local class = require "moongate.class"
local shapes = require "moongate.shape"
local tensor = require "moongate.tensor"
local utf8 = require "moongate.utf8"

local text = {}

--- The code points of a UTF-8 string; bytes that are not UTF-8 give U+FFFD.
---@param s string
---@return integer[]
function text.code_points(s)
  return utf8.code_points(check.type("code_points", "s", s, "string"))
end

--- A code point as UTF-8.
---@param code integer
---@return string
function text.character(code)
  return utf8.character(check.integer("character", "code", code, 0, 0x10FFFF))
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
  self.unknown, self.codes, self.ids, self.characters = options.unknown or utf8.character(utf8.REPLACEMENT), {}, {}, {}
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
