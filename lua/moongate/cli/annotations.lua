--- Reads the annotations above functions and classes: what help() shows and the reference manual is made of.
local M = {}

-- An entry is { name = "Tensor:sum", class = "GRU" (of classes), kind = "function" | "class", arguments = "(a, b)", text = lines,
-- params = { { name, type, text } }, returns = lines, example = lines, line = number of the code's line }.

local TAGS = {}

-- The type may hold spaces inside brackets: table<string, boolean>, fun(a, b): c.
function TAGS.param(entry, rest)
  local name, kind, text = rest:match("^(%S+)%s+(%S+)%s*(.*)$")
  while kind and text ~= "" and select(2, kind:gsub("[<%({]", "")) > select(2, kind:gsub("[>%)}]", "")) do
    local word, more = text:match("^(%S+)%s*(.*)$")
    kind, text = kind .. " " .. word, more
  end
  entry.params[#entry.params + 1] = { name = name or rest, type = kind or "any", text = text or "" }
end

TAGS["return"] = function(entry, rest) entry.returns[#entry.returns + 1] = rest end

-- Of use to moongate's own files only: help() on a class leaves it out.
function TAGS.package(entry) entry.internal = true end

function TAGS.example(entry, rest)
  entry.in_example = true
  if rest ~= "" then entry.example[#entry.example + 1] = rest end
end

local function add_comment(entry, line)
  local tag, rest = line:match("^%-%-%-?%s?@(%a+)%s*(.*)$")
  if tag then
    entry.in_example = false
    if TAGS[tag] then TAGS[tag](entry, rest) end
    return
  end
  local into = entry.in_example and entry.example or entry.text
  into[#into + 1] = line:match("^%-%-%-? ?(.*)$")
end

local FUNCTIONS = {
  "^function%s+([%w_%.:]+)%s*(%b())", "^local%s+function%s+([%w_]+)%s*(%b())", "^([%w_%.]+)%s*=%s*function%s*(%b())",
  "^local%s+([%w_]+)%s*=%s*function%s*(%b())", "^(return)%s+function%s*(%b())",
}
-- NAME = maker("Class", ...); and without a name, maker("Class", ...) or return maker("Class", ...).
local CLASSES = { '^local%s+([%w_]+)%s*=%s*[%w_%.:]+%s*%(?%s*"(%u%w*)"', '^([%w_%.]+)%s*=%s*[%w_%.:]+%s*%(?%s*"(%u%w*)"' }
local UNNAMED_CLASSES = { '^define[%w_]*%s*%(%s*"(%u%w*)"', '^return%s.-define%s*%(%s*"(%u%w*)"' }

-- Gives the entry the name and the line of the code below it; nil for code that names nothing.
local function add_code(entry, line, number)
  entry.line = number
  for _, form in ipairs(FUNCTIONS) do
    entry.name, entry.arguments = line:match(form)
    if entry.name then
      entry.kind = "function"
      return entry
    end
  end
  for _, form in ipairs(CLASSES) do
    entry.name, entry.class = line:match(form)
    if entry.name then
      entry.kind = "class"
      return entry
    end
  end
  for _, form in ipairs(UNNAMED_CLASSES) do
    entry.class = line:match(form)
    if entry.class then
      entry.kind, entry.name = "class", entry.class
      return entry
    end
  end
  entry.name = line:match("^([%w_]+%.[%w_]+)%s*=") -- a function made by another one
  if not entry.name then return nil end
  local names = {}
  for i, param in ipairs(entry.params) do names[i] = param.name end
  entry.kind, entry.arguments = "function", "(" .. table.concat(names, ", ") .. ")"
  return entry
end

local function new_entry()
  return { text = {}, params = {}, returns = {}, example = {} }
end

--- The annotated functions and classes of a source text, in order, and the comment at its top.
---@param source string
---@return table[] entries, string[] header
function M.parse(source)
  local entries, header, entry, number = {}, {}, nil, 0
  for line in (source .. "\n"):gmatch("(.-)\r?\n") do
    number, line = number + 1, line:match("^%s*(.*)$")
    if line:match("^%-%-%-") or (line:match("^%-%-") and (entry or number == 1)) then
      entry = entry or new_entry()
      entry.first = entry.first or number
      add_comment(entry, line)
    elseif entry then
      entries[#entries + 1] = add_code(entry, line, number)
      if entry.first == 1 then header = entry.text end
      entry = nil
    end
  end
  return entries, header
end

local cache = {}

--- The same for a file, which is read once.
---@param path string
---@return table[] entries, string[] header
function M.of_file(path)
  if not cache[path] then
    local file = io.open(path)
    cache[path] = { M.parse(file and file:read("*a") or "") }
    if file then file:close() end
  end
  return cache[path][1], cache[path][2]
end

return M
