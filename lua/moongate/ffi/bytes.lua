-- Bytes between Lua strings and a tensor's memory.
local ffi = require "ffi"

local bytes = {}

local char_pointer = ffi.typeof("char *")
local long_pointer = ffi.typeof("const int64_t *")

--- Copies the bytes of `text` to `pointer` + `offset` bytes.
---@param pointer cdata
---@param offset integer
---@param text string
function bytes.write(pointer, offset, text)
  ffi.copy(ffi.cast(char_pointer, pointer) + offset, text, #text)
end

--- The `count` bytes at `pointer` + `offset` bytes, as a string.
---@param pointer cdata
---@param offset integer
---@param count integer
---@return string
function bytes.read(pointer, offset, count)
  return ffi.string(ffi.cast(char_pointer, pointer) + offset, count)
end

--- Puts the 64-bit integers in `text` to the int32 array `pointer` from element `first` on.
---@param pointer cdata
---@param first integer
---@param text string
---@return boolean, string? false and the first number that does not fit
function bytes.narrow(pointer, first, text)
  local long = ffi.cast(long_pointer, text)
  for i = 0, #text / 8 - 1 do
    local value = long[i]
    if value < -2147483648LL or value > 2147483647LL then return false, (tostring(value):gsub("LL$", "")) end
    pointer[first + i] = value
  end
  return true
end

return bytes
