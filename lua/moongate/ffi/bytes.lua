-- Bytes between Lua strings and a tensor's memory.
local ffi = require "ffi"

local bytes = {}

local char_pointer = ffi.typeof("char *")
local long_pointer = ffi.typeof("const int64_t *")
local word_pointer = ffi.typeof("const int32_t *")
local rol, tobit, xor = bit.rol, bit.tobit, bit.bxor

--- Copies the bytes of `text` to `pointer` + `offset` bytes.
---@param pointer cdata
---@param offset integer
---@param text string
function bytes.write(pointer, offset, text)
  ffi.copy(ffi.cast(char_pointer, pointer) + offset, text, #text)
end

--- Copies `count` bytes from `source` to `pointer` + `offset` bytes.
---@param pointer cdata
---@param offset integer
---@param source cdata
---@param count integer
function bytes.copy(pointer, offset, source, count)
  ffi.copy(ffi.cast(char_pointer, pointer) + offset, source, count)
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

-- Odd, so that no step loses anything, and below 2^20: a product with 32 bits is exact in a double, which tobit takes modulo 2^32.
local FACTOR = 648053

--- Mixes the words at `pointer` into `hash`: any one word that changes changes it.
---@param hash integer
---@param pointer cdata
---@param count integer of bytes, a multiple of 4
---@return integer of 32 bits, signed
function bytes.hash(hash, pointer, count)
  local words = ffi.cast(word_pointer, pointer)
  for i = 0, count / 4 - 1 do hash = tobit(xor(rol(hash, 13), words[i]) * FACTOR) end
  return hash
end

return bytes
