--- TAB completion: nested names, and file names inside strings.
local names = require "moongate.cli.names"

local M = {}

local KEYWORDS = { "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not",
  "or", "repeat", "return", "then", "true", "until", "while" }

local function starting_with(set, prefix, before)
  local words = {}
  for name in pairs(set) do
    local hidden = name:sub(1, 1) == "_" and prefix:sub(1, 1) ~= "_"
    if name:sub(1, #prefix) == prefix and not hidden then words[#words + 1] = before .. name end
  end
  table.sort(words)
  return words
end

-- Where the string that is open at the end of `text` begins, or nil.
local function open_string(text)
  local quote, start, i = nil, nil, 1
  while i <= #text do
    local c = text:sub(i, i)
    if quote and c == "\\" then
      i = i + 1
    elseif c == quote then
      quote = nil
    elseif not quote and (c == '"' or c == "'") then
      quote, start = c, i + 1
    end
    i = i + 1
  end
  return quote and start
end

local function file_names(prefix)
  local folder, base = prefix:match("^(.*/)([^/]*)$")
  folder, base = folder or "", base or prefix
  local where = folder == "" and "." or folder:gsub("^~/", (os.getenv("HOME") or "~") .. "/")
  local pipe = io.popen("ls -Ap -- '" .. where:gsub("'", "'\\''") .. "' 2>/dev/null")
  local words = {}
  for name in pipe:lines() do
    local hidden = name:sub(1, 1) == "." and base:sub(1, 1) ~= "."
    if name:sub(1, #base) == base and not hidden then words[#words + 1] = folder .. name end
  end
  pipe:close()
  return words
end

local function only_functions(set, value)
  local functions = {}
  for name in pairs(set) do
    if type(names.get(value, name)) == "function" then functions[name] = true end
  end
  return functions
end

local function global_words(globals, prefix)
  local set = names.of(globals)
  for name in pairs(names.of(_G)) do set[name] = true end
  for _, word in ipairs(KEYWORDS) do set[word] = true end
  return starting_with(set, prefix, "")
end

--- The candidates for the word that ends at `cursor`.
---@param globals table what names are looked up in
---@param line string
---@param cursor integer bytes before the cursor
---@return integer start of the word in the line, string[] whole words
function M.candidates(globals, line, cursor)
  local text = line:sub(1, cursor)
  local start = open_string(text)
  if start then return start, file_names(text:sub(start)) end
  local word = text:match("[%a_][%w_%.:]*$") or ""
  start = cursor - #word + 1
  local path, separator, prefix = word:match("^(.*)([%.:])([%w_]*)$")
  if not path then return start, word == "" and {} or global_words(globals, word) end
  local value = names.resolve(globals, path)
  if value == nil then return start, {} end
  local set = names.of(value)
  if separator == ":" then set = only_functions(set, value) end
  return start, starting_with(set, prefix, path .. separator)
end

return M
