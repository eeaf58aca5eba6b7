-- Shapes: Lua arrays of sizes that print as {2, 3} and compare with ==. A tensor's shape may be shared and is not to be changed.
local check = require "moongate.check"
local null = require "moongate.null"

local shape = {}
local Shape = {}
local MAX_DIMS, MAX_SIZE = 8, 2 ^ 53

function Shape.__tostring(s)
  local words = {}
  for i = 1, #s do words[i] = tostring(s[i]) end
  return "{" .. table.concat(words, ", ") .. "}"
end

--- Whether two shapes have the same sizes.
---@return boolean
function shape.equal(a, b)
  if rawequal(a, b) then return true end
  local n = #a
  -- without a loop for the common case: an inner loop would cut a caller's trace
  if n ~= #b or a[1] ~= b[1] or a[2] ~= b[2] or a[3] ~= b[3] then return false end
  for i = 4, n do
    if a[i] ~= b[i] then return false end
  end
  return true
end
Shape.__eq = shape.equal

--- Makes a shape of a table that nobody else changes; no checks.
function shape.own(list)
  return setmetatable(list, Shape)
end

--- Checks sizes given by a user (a table, or numbers one after another) and makes a shape of a copy.
---@param op string
---@param sizes table|number
---@return integer[]
function shape.of(op, sizes, ...)
  if type(sizes) == "number" then sizes = { sizes, ... } end
  check.type(op, "shape", sizes, "table")
  local s = {}
  for i = 1, #sizes do s[i] = check.integer(op, "shape[" .. i .. "]", sizes[i], 0, MAX_SIZE) end
  if #s > MAX_DIMS then
    check.fail("%s: argument shape %s has %d dimensions, expected at most %d", op, Shape.__tostring(s), #s, MAX_DIMS)
  end
  return setmetatable(s, Shape)
end

--- Sizes as Keras prints them, unknown ones (mg.null) as None: (None, 10, 8).
---@param sizes integer[]
---@return string
function shape.text(sizes)
  local words = {}
  for i = 1, #sizes do words[i] = sizes[i] == null and "None" or tostring(sizes[i]) end
  return "(" .. table.concat(words, ", ") .. (#words == 1 and ",)" or ")")
end

--- Whether a value is a list of shapes, as a layer with several inputs has them.
---@param sizes table
---@return boolean
function shape.is_list(sizes) return type(sizes[1]) == "table" and sizes[1] ~= null end

--- Number of elements.
---@return number
function shape.count(s)
  local n = #s
  local count = (s[1] or 1) * (s[2] or 1) * (s[3] or 1)
  for i = 4, n do count = count * s[i] end
  return count
end

--- Dimension `dim` (1-based, negative from the end) of an n-dimensional tensor as 1..n; `extra` more are allowed at the end.
---@return integer
function shape.dim(op, dim, n, extra)
  local most = n + (extra or 0)
  local d = dim
  if type(d) == "number" and d < 0 then d = most + 1 + d end
  if type(d) ~= "number" or d < 1 or d > most or d % 1 ~= 0 then
    check.fail("%s: argument dim is %s, expected 1..%d or -%d..-1 for a tensor of %d dimensions", op, check.describe(dim), most,
      most, n)
  end
  return d
end

-- What would make two shapes broadcast: one of them turned, or aligned at the first dimension instead of the last.
local function broadcast_fix(a, b)
  local long, short = #a >= #b and a or b, #a >= #b and b or a
  local turned, leading = #a == #b and #a == 2 and a[1] == b[2] and a[2] == b[1], #short < #long
  for i = 1, #short do leading = leading and short[i] == long[i] end
  if turned then return "; likely fix: transpose one of them" end
  return leading and ("; likely fix: %s:expand_dims(-1)"):format(Shape.__tostring(short)) or ""
end

--- The shape that a and b broadcast to (sizes aligned at the end, 1 fits all); it may be a or b itself.
function shape.broadcast(op, a, b)
  local na, nb = #a, #b
  local n = na > nb and na or nb
  local out, is_a, is_b = {}, na == n, nb == n
  for i = 1, n do
    local sa, sb = a[i - n + na] or 1, b[i - n + nb] or 1
    if sa ~= sb and sa ~= 1 and sb ~= 1 then
      check.fail("%s: shapes %s and %s do not broadcast (%d against %d in dimension %d), expected equal sizes or 1%s", op,
        Shape.__tostring(a), Shape.__tostring(b), sa, sb, i, broadcast_fix(a, b))
    end
    local size = sa == 1 and sb or sa
    out[i] = size
    is_a, is_b = is_a and size == sa, is_b and size == sb
  end
  return is_a and a or is_b and b or setmetatable(out, Shape)
end

--- The shape with dimension `dim` replaced by `size`.
function shape.with(s, dim, size)
  local out = {}
  for i = 1, #s do out[i] = s[i] end
  out[dim] = size
  return setmetatable(out, Shape)
end

--- The shape without dimension `dim`.
function shape.without(s, dim)
  local out = {}
  for i = 1, #s do
    if i ~= dim then out[#out + 1] = s[i] end
  end
  return setmetatable(out, Shape)
end

return shape
