-- The message of the error that f(...) must raise.
local assert = require "luassert"

return function(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return message
end
