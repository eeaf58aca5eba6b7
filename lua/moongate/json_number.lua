-- Numbers as Python's json writes them: whole ones without a point; floats as repr does, the shortest text that reads back.
local M = {}

-- Digits and decimal exponent of the shortest round trip: 0.00012 gives "12", -4.
local function shortest(value)
  for precision = 0, 16 do
    local text = ("%." .. precision .. "e"):format(value)
    if tonumber(text) == value then
      local head, tail, exponent = text:match("^(%d)%.?(%d*)e([-+]%d+)$")
      return (head .. tail):gsub("0+$", ""), tonumber(exponent)
    end
  end
end

local function fixed(digits, exponent)
  if exponent < 0 then return "0." .. ("0"):rep(-exponent - 1) .. digits end
  if #digits <= exponent + 1 then return digits .. ("0"):rep(exponent + 1 - #digits) .. ".0" end
  return digits:sub(1, exponent + 1) .. "." .. digits:sub(exponent + 2)
end

--- A float as Python's repr: 1.0, 0.1, 1e-05, 1e+16
---@param value number
---@return string
function M.float(value)
  if value ~= value then return "NaN" end
  if value - value ~= 0 then return value > 0 and "Infinity" or "-Infinity" end
  local sign = (value < 0 or 1 / value < 0) and "-" or ""
  if value == 0 then return sign .. "0.0" end
  local digits, exponent = shortest(math.abs(value))
  if exponent >= -4 and exponent < 16 then return sign .. fixed(digits, exponent) end
  local mantissa = #digits > 1 and digits:sub(1, 1) .. "." .. digits:sub(2) or digits
  return ("%s%se%s%02d"):format(sign, mantissa, exponent < 0 and "-" or "+", math.abs(exponent))
end

--- A number of unknown kind: whole ones as integers
---@param value number
---@return string
function M.text(value)
  if value % 1 == 0 and (value ~= 0 or 1 / value > 0) then return ("%.0f"):format(value) end
  return M.float(value)
end

return M
