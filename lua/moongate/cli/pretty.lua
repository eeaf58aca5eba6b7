--- Values as the prompt shows them: strings quoted, tables as Lua text with their depth and length limited, the rest as tostring.
local MAX_DEPTH, MAX_ITEMS, WIDTH = 4, 40, 100

local ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\\"] = "\\\\", ['"'] = '\\"' }

local function quote(text)
  return '"' .. text:gsub('[\n\r\t\\"]', ESCAPES):gsub("%c", function(c) return ("\\%d"):format(c:byte()) end) .. '"'
end

local function number(value)
  if value ~= value then return "nan" end
  if math.abs(value) == math.huge then return value > 0 and "inf" or "-inf" end
  local short = ("%.14g"):format(value)
  return tonumber(short) == value and short or ("%.17g"):format(value)
end

local function key_order(a, b)
  if type(a) ~= type(b) then return type(a) == "number" or (type(b) ~= "number" and type(a) < type(b)) end
  if type(a) == "number" or type(a) == "string" then return a < b end
  return tostring(a) < tostring(b)
end

local function sorted_keys(value, length)
  local keys = {}
  for key in next, value do
    local in_sequence = type(key) == "number" and key >= 1 and key <= length and key % 1 == 0
    if not in_sequence then keys[#keys + 1] = key end
  end
  table.sort(keys, key_order)
  return keys
end

local show

local function show_key(key)
  if type(key) == "string" and key:match("^[%a_][%w_]*$") then return key .. " = " end
  return "[" .. show(key, 1, {}) .. "] = "
end

local function items_of(value, depth, seen)
  local items, length = {}, #value
  for i = 1, math.min(length, MAX_ITEMS) do items[i] = show(value[i], depth + 1, seen) end
  if length > MAX_ITEMS then items[#items + 1] = ("... %d more"):format(length - MAX_ITEMS) end
  for i, key in ipairs(sorted_keys(value, length)) do
    if i > MAX_ITEMS then
      items[#items + 1] = "..."
      break
    end
    items[#items + 1] = show_key(key) .. show(rawget(value, key), depth + 1, seen)
  end
  return items
end

local function show_table(value, depth, seen)
  if seen[value] then return "<the table above>" end
  if next(value) == nil then return "{}" end
  if depth > MAX_DEPTH then return "{...}" end
  seen[value] = true
  local items = items_of(value, depth, seen)
  seen[value] = nil
  local line = "{ " .. table.concat(items, ", ") .. " }"
  if #line + 2 * depth <= WIDTH and not line:find("\n", 1, true) then return line end
  local indent = "\n" .. ("  "):rep(depth)
  return "{" .. indent .. table.concat(items, "," .. indent) .. "\n" .. ("  "):rep(depth - 1) .. "}"
end

local function show_function(value)
  local info = debug.getinfo(value, "S")
  if info.what == "C" then return "function (built in)" end
  return ("function (%s:%d)"):format(info.short_src, info.linedefined)
end

function show(value, depth, seen)
  local kind, meta = type(value), debug.getmetatable(value)
  if kind == "string" then return quote(value) end
  if kind == "number" then return number(value) end
  if kind == "function" then return show_function(value) end
  if kind == "table" and not (meta and meta.__tostring) then return show_table(value, depth, seen) end
  return tostring(value)
end

--- The text the prompt prints for a value.
---@param value any
---@return string
return function(value)
  return show(value, 1, {})
end
