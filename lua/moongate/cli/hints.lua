--- "did you mean": the names that were probably meant.
local names = require "moongate.cli.names"

local M = {}

--- "; did you mean 'x'?" for a name that `value` does not have, or "".
---@param value any
---@param name string
---@return string
function M.nearest(value, name)
  local known = {}
  for word in pairs(names.of(value)) do known[#known + 1] = word end
  local nearest = require("moongate.check").nearest(name, known)
  return nearest and ("; did you mean '%s'?"):format(nearest) or ""
end

local function of_path(path, name)
  local value = names.resolve(_G, path)
  return value ~= nil and M.nearest(value, name) or ""
end

--- What to add to a message about a field that is nil: `code` shows whose field it is.
---@param message string
---@param code string
---@return string
function M.of_error(message, code)
  local name = message:match("attempt to %a+ %a+ '([%w_]+)' %(a nil value%)$")
  local path = name and code:match("([%a_][%w_%.]*)[%.:]" .. name .. "%f[^%w_]")
  return path and of_path(path, name) or ""
end

--- The same for an expression like `mg.layers.Gru` that gave nil.
---@param code string
---@return string
function M.of_nil(code)
  local path, name = code:match("^%s*([%a_][%w_%.]*)%.([%a_][%w_]*)%s*$")
  return path and of_path(path, name) or ""
end

return M
