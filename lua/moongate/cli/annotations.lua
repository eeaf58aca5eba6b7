--- Reads the annotations above functions and classes: what help() shows and the reference manual is made of.
local M = {}

---@class Entry
---@field name string as written in the source: "Tensor:sum", "GRU"
---@field line integer of the code below the comment
---@field kind string "function", "class" or "value"
---@field arguments string|nil "(a, b)"
---@field text string[] prose
---@field params table[] {name, type, text}
---@field returns string[]
---@field example string[]

local TAGS = {}

function TAGS.param(entry, rest)
  local name, kind, text = rest:match("^(%S+)%s+(%S+)%s*(.*)$")
  -- a type may hold spaces inside brackets: table<string, boolean>, fun(a, b): c
  while kind and text ~= "" and select(2, kind:gsub("[<%({]", "")) > select(2, kind:gsub("[>%)}]", "")) do
    local word, more = text:match("^(%S+)%s*(.*)$")
    kind, text = kind .. " " .. word, more
  end
  entry.params[#entry.params + 1] = { name = name or rest, type = kind or "any", text = text or "" }
end

TAGS["return"] = function(entry, rest) entry.returns[#entry.returns + 1] = rest end
function TAGS.example(entry, rest)
  entry.in_example = true
  if rest ~= "" then entry.example[#entry.example + 1] = rest end
end

local function add_comment(entry, line)
  local tag, rest = line:match("^%-%-%-%s?@(%a+)%s*(.*)$")
  if tag then
    entry.in_example = false
    if TAGS[tag] then TAGS[tag](entry, rest) end
    return
  end
  local text = line:match("^%-%-%-? ?(.*)$")
  local into = entry.in_example and entry.example or entry.text
  into[#into + 1] = text
end

local FORMS = {
  { "^function%s+([%w_%.:]+)%s*(%b())", "function" },
  { "^local%s+function%s+([%w_]+)%s*(%b())", "function" },
  { "^([%w_%.]+)%s*=%s*function%s*(%b())", "function" },
  { '^([%w_%.]+)%s*=%s*class%s*%(?%s*"[^"]+"', "class" },
  { '^local%s+([%w_]+)%s*=%s*class%s*%(?%s*"[^"]+"', "class" },
  { "^return%s+function%s*(%b())", "module" },
  { "^([%w_%.]+)%s*=", "value" },
}

-- Fills the entry from the line of code below it; nil for code that names nothing.
local function add_code(entry, line, number)
  for _, form in ipairs(FORMS) do
    local name, arguments = line:match(form[1])
    if name then
      if form[2] == "module" then name, arguments = nil, name end
      entry.name, entry.arguments, entry.line = name, arguments, number
      entry.kind = form[2] == "module" and "function" or form[2]
      return entry
    end
  end
end

local function new_entry()
  return { text = {}, params = {}, returns = {}, example = {} }
end

--- The annotated functions and classes of a source text, in order; the comment at its top is `header`.
---@param source string
---@return Entry[] entries, string[] header
function M.parse(source)
  local entries, header, entry, number = {}, nil, nil, 0
  for line in (source .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    if line:match("^%-%-%-") or (entry and line:match("^%-%-")) or (number == 1 and line:match("^%-%-")) then
      entry = entry or new_entry()
      add_comment(entry, line)
    elseif entry then
      local named = add_code(entry, line, number)
      if named then entries[#entries + 1] = named elseif not header then header = entry.text end
      entry = nil
    end
  end
  return entries, header or {}
end

local cache = {}

--- The same for a file, read once.
---@param path string
---@return Entry[] entries, string[] header
function M.of_file(path)
  if not cache[path] then
    local file = io.open(path)
    local entries, header = M.parse(file and file:read("*a") or "")
    if file then file:close() end
    cache[path] = { entries, header }
  end
  return cache[path][1], cache[path][2]
end

return M
