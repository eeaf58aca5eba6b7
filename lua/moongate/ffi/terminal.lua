-- The terminal and the clock: whether a stream is a terminal, which characters it takes, and wall time.
local ffi = require "ffi"

ffi.cdef [[
typedef struct mg_timespec { long seconds, nanoseconds; } mg_timespec;
int mg_clock_gettime(int clock, mg_timespec *time) __asm__("clock_gettime");
int mg_isatty(int descriptor) __asm__("isatty");
]]

local terminal = {}

local MONOTONIC = 1
local time = ffi.new("mg_timespec")

--- Seconds since some moment in the past; never runs backwards.
---@return number
function terminal.now()
  ffi.C.mg_clock_gettime(MONOTONIC, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) * 1e-9
end

--- Whether standard output is a terminal that can move its cursor.
---@return boolean
function terminal.is_terminal()
  return ffi.C.mg_isatty(1) == 1 and os.getenv("TERM") ~= "dumb"
end

--- Whether the locale's characters are UTF-8.
---@return boolean
function terminal.is_utf8()
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = os.getenv(name)
    if value and value ~= "" then return value:lower():find("utf%-?8") ~= nil end
  end
  return false
end

--- Whether colours are welcome: a terminal, and NO_COLOR is not set.
---@return boolean
function terminal.has_colour()
  return terminal.is_terminal() and (os.getenv("NO_COLOR") or "") == ""
end

return terminal
