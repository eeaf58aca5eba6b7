-- Argument checks, and the one way in which moongate raises: at the line of the user's code that made the call.
local check = {}

local getinfo, floor = debug.getinfo, math.floor
local home = getinfo(1, "S").source:match("^@(.*)check%.lua$") or "@none"

local function is_ours(source)
  return source:sub(1, 1) == "@" and source:sub(2, #home + 1) == home
end

--- The frames outside moongate's own modules that led here, nearest first.
---@param most? integer
---@return table[] { place = "file:line", source =, name = }
function check.frames(most)
  local list, level = {}, 2
  while #list < (most or math.huge) do
    local info = getinfo(level, "Sln")
    if not info then break end
    if info.currentline > 0 and not is_ours(info.source) then
      list[#list + 1] = { place = ("%s:%d"):format(info.short_src, info.currentline), source = info.source, name = info.name }
    end
    level = level + 1
  end
  return list
end

--- The position "file:line: " of the nearest caller outside moongate's own modules, or "".
---@return string
function check.position()
  local frame = check.frames(1)[1]
  return frame and frame.place .. ": " or ""
end

--- Raises `message` (formatted when values follow) at the line outside moongate that led here.
---@param message string
function check.fail(message, ...)
  if select("#", ...) > 0 then message = message:format(...) end
  error(check.position() .. message, 0)
end

--- A value in a few words, for messages: `tensor {2, 3} float32`, `"abc"`, `nil`.
---@return string
function check.describe(value)
  local kind = type(value)
  if kind == "string" then return ("%q"):format(#value > 40 and value:sub(1, 40) .. "..." or value) end
  if kind == "number" or kind == "boolean" or kind == "nil" then return tostring(value) end
  if kind ~= "table" then return "a " .. kind end
  local meta = getmetatable(value)
  if meta and meta.is_symbolic then return tostring(value) .. ", which only layers take (mg.layers.Add, Multiply, Lambda, ...)" end
  if rawget(value, "shape") and rawget(value, "dtype") then
    return ("tensor %s %s"):format(tostring(value.shape), value.dtype)
  end
  if meta and meta.__tostring then
    local ok, text = pcall(tostring, value)
    if ok and #text <= 100 then return text end
  end
  return "a table"
end

-- Damerau-Levenshtein distance with adjacent swaps.
local function distance(a, b)
  local rows = {}
  for i = 0, #a do rows[i] = { [0] = i } end
  for j = 0, #b do rows[0][j] = j end
  for i = 1, #a do
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, rows[i - 2][j - 2] + 1)
      end
      rows[i][j] = best
    end
  end
  return rows[#a][#b]
end

--- The word of `words` most like `word`, or nil when none is near. Upper and lower case are alike, but of words equally near the
--- one in the same case is it.
---@param word string
---@param words string[]
---@return string|nil
function check.nearest(word, words)
  local best, least
  for _, candidate in ipairs(words) do
    local d = distance(word:lower(), candidate:lower())
    if not least or d < least or (d == least and distance(word, candidate) < distance(word, best)) then
      best, least = candidate, d
    end
  end
  if least and least <= math.max(1, floor(math.max(#word, #best) / 3)) then return best end
  return nil
end

--- `; did you mean "x"?` or "".
---@return string
function check.hint(word, words)
  local near = type(word) == "string" and check.nearest(word, words)
  return near and ('; did you mean "%s"?'):format(near) or ""
end

--- Whether a value reads as options: a plain table without array part.
---@return boolean
function check.is_options(value)
  return type(value) == "table" and getmetatable(value) == nil and value[1] == nil
end

local function has(list, value)
  for i = 1, #list do
    if list[i] == value then return true end
  end
  return false
end

--- Checks the option names of `given` against the list `known`; nil counts as an empty table. Returns the options.
---@param op string
---@param given table|nil
---@param known string[]
---@return table
function check.options(op, given, known)
  if given == nil then return {} end
  if type(given) ~= "table" then
    check.fail("%s: options are %s, expected a table { %s = ... }", op, check.describe(given), known[1] or "")
  end
  for name in pairs(given) do
    if not has(known, name) then
      local fix = require("moongate.foreign_names")[name]
      check.fail("%s: unknown option %s%s; known options: %s", op, check.describe(name),
        fix and "; likely fix: " .. fix or check.hint(name, known),
        #known > 0 and table.concat(known, ", ") or "none")
    end
  end
  return given
end

--- `value` must be one of `words`.
---@return string
function check.one_of(op, name, value, words)
  local texts = {}
  for i, word in ipairs(words) do
    if value == word then return value end
    texts[i] = tostring(word)
  end
  return check.fail("%s: argument %s is %s, expected one of %s%s", op, name, check.describe(value), table.concat(texts, ", "),
    check.hint(value, texts))
end

--- How much is printed: 0, 1 or 2; nil and false are 0, true is 1.
---@return integer
function check.verbosity(op, value)
  if type(value) == "boolean" then return value and 1 or 0 end
  return check.integer(op, "verbose", value == nil and 0 or value, 0, 2)
end

--- `value` must have the Lua type `expected`.
function check.type(op, name, value, expected)
  if type(value) ~= expected then
    check.fail("%s: argument %s is %s, expected a %s", op, name, check.describe(value), expected)
  end
  return value
end

--- `value` must be a function, or an object that can be called like one (a model, a layer).
function check.callable(op, name, value)
  local meta = type(value) == "table" and getmetatable(value)
  if meta and meta.__call then return value end
  return check.type(op, name, value, "function")
end

--- `value` must be a number in [least, most] (either may be nil); NaN never is.
---@return number
function check.number(op, name, value, least, most)
  if type(value) ~= "number" or value ~= value or (least and value < least) or (most and value > most) then
    local range = least and most and (" in [%g, %g]"):format(least, most) or least and (" >= %g"):format(least)
      or most and (" <= %g"):format(most) or ""
    check.fail("%s: argument %s is %s, expected a number%s", op, name, check.describe(value), range)
  end
  return value
end

--- `value` must be a whole number in [least, most] (either may be nil).
---@return integer
function check.integer(op, name, value, least, most)
  if type(value) ~= "number" or value ~= floor(value) or value - value ~= 0
    or (least and value < least) or (most and value > most) then
    local range = least and most and (" in %d..%d"):format(least, most) or least and (" >= %d"):format(least)
      or most and (" <= %d"):format(most) or ""
    check.fail("%s: argument %s is %s, expected a whole number%s", op, name, check.describe(value), range)
  end
  return value
end

return check
