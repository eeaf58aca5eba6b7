-- UTF-8: code points and bytes. Bytes that are not UTF-8 stand for U+FFFD.
local byte, char, floor = string.byte, string.char, math.floor

local utf8 = { REPLACEMENT = 0xFFFD }

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
  if not more then return utf8.REPLACEMENT, i + 1 end
  for k = 1, more do
    local c = byte(s, i + k)
    if not c or c < 0x80 or c >= 0xC0 then return utf8.REPLACEMENT, i + 1 end
    code = code * 64 + (c - 0x80)
  end
  if code < least or code > 0x10FFFF or (code >= 0xD800 and code < 0xE000) then return utf8.REPLACEMENT, i + 1 end
  return code, i + more + 1
end

--- The code points of a string.
---@param s string
---@return integer[]
function utf8.code_points(s)
  local list, n, i, length = {}, 0, 1, #s
  while i <= length do
    n = n + 1
    list[n], i = decode_at(s, i)
  end
  return list
end

--- The bytes of a code point.
---@param code integer 0..0x10FFFF
---@return string
function utf8.character(code)
  if code < 0x80 then return char(code) end
  if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
  local last, middle = 0x80 + code % 64, 0x80 + floor(code / 64) % 64
  if code < 0x10000 then return char(0xE0 + floor(code / 4096), middle, last) end
  return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, middle, last)
end

return utf8
