-- Names that match a regular expression as Python's re.search has it: words, ., classes, * + ?, ^ $, \d \w \s and alternatives.
local check = require "moongate.check"

local names = {}

local ESCAPES = { d = "%d", w = "[%w_]", s = "%s", D = "%D", W = "[^%w_]", S = "%S" }

-- One alternative as a Lua pattern.
local function pattern_of(op, text)
  local out, i, class = {}, 1, false
  while i <= #text do
    local c = text:sub(i, i)
    if c == "\\" then
      i = i + 1
      local escaped = text:sub(i, i)
      out[#out + 1] = ESCAPES[escaped] or "%" .. escaped
    elseif c == "%" or (c == "-" and not class) then
      out[#out + 1] = "%" .. c
    elseif not class and c:match("[%(%){}]") then
      check.fail("%s: var_names holds %q, and groups and counts in patterns are not offered; likely fix: one name for each "
        .. "alternative", op, text)
    else
      if c == "[" then class = true elseif c == "]" then class = false end
      out[#out + 1] = c
    end
    i = i + 1
  end
  return table.concat(out)
end

--- A test of names: whether any of the expressions matches anywhere in them; nil without expressions.
---@param op string
---@param expressions string[]
---@return function|nil
---@package
function names.matcher(op, expressions)
  local patterns = {}
  for i, expression in ipairs(check.type(op, "var_names", expressions, "table")) do
    check.type(op, ("var_names[%d]"):format(i), expression, "string")
    for alternative in (expression .. "|"):gmatch("(.-)|") do patterns[#patterns + 1] = pattern_of(op, alternative) end
  end
  if #patterns == 0 then return nil end
  return function(name)
    for _, pattern in ipairs(patterns) do
      if name:find(pattern) then return true end
    end
    return false
  end
end

return names
