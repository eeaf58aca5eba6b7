-- The terminal: whether output goes to one, which characters it takes, whether colours are welcome; and the clock.
local posix = require "moongate.ffi.posix"

local terminal = { now = posix.now }

--- Whether standard output is a terminal that can move its cursor.
---@return boolean
function terminal.is_terminal() return posix.isatty(1) and os.getenv("TERM") ~= "dumb" end

--- Columns of the terminal on standard output; nil when it is none.
---@return integer|nil
terminal.columns = posix.columns

--- Whether the locale's characters are UTF-8.
---@return boolean
function terminal.is_utf8()
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = os.getenv(name)
    if value and value ~= "" then return value:lower():find("utf%-?8") ~= nil end
  end
  return false
end

--- Whether colours are welcome: on a terminal, unless NO_COLOR is set.
---@return boolean
function terminal.has_colour() return terminal.is_terminal() and (os.getenv("NO_COLOR") or "") == "" end

return terminal
