--- help(): what a value or a name is, from the annotations in the source.
local lookup = require "moongate.cli.lookup"
local names = require "moongate.cli.names"
local pretty = require "moongate.cli.pretty"
local terminal = require "moongate.terminal"

local M = {}

local MOST = 100 -- columns

local function width() return math.max(30, math.min(MOST, terminal.columns() or MOST)) end

local function put(lines, ...) lines[#lines + 1] = table.concat { ... } end

-- One line as several no wider than `most`, broken between words but not around "=".
local function put_folded(out, line, most)
  local indent = line:match("^%s*"):sub(1, 4)
  line = line:gsub(" = ", "\1=\1")
  while #line > most do
    local head = line:sub(1, most + 1):match("^(%s*%S.*) ")
    if not head or #head <= 2 * #indent then break end
    put(out, (head:gsub("%s+$", ""):gsub("\1", " ")))
    line = indent .. indent .. line:sub(#head + 1):gsub("^%s+", "")
  end
  put(out, (line:gsub("\1", " ")))
end

local function folded(lines)
  local out, most = {}, width()
  for _, line in ipairs(lines) do put_folded(out, line, most) end
  return out
end

-- The lines of a description as paragraphs: one ends where a line ends a sentence, or where an indented line follows.
local function put_text(lines, text)
  local paragraph
  for _, line in ipairs(text) do
    if paragraph and not paragraph:find("[.:]$") and not line:find("^%s") and line ~= "" then
      paragraph = paragraph .. " " .. line
    else
      if paragraph then put(lines, paragraph) end
      paragraph = line
    end
  end
  if paragraph then put(lines, paragraph) end
end

-- Words in lines no wider than the terminal.
local function wrap(lines, words, indent)
  local line, most = indent, width()
  for i, word in ipairs(words) do
    if #line + #word + 2 > most and line ~= indent then
      put(lines, (line:gsub("%s+$", "")))
      line = indent
    end
    line = line .. word .. (i < #words and ", " or "")
  end
  if line ~= indent then put(lines, line) end
end

local function put_entry(lines, entry)
  if not entry then return end
  put_text(lines, entry.text)
  for _, param in ipairs(entry.params) do
    put(lines, ("  %-20s %s%s"):format(param.name, param.type, param.text ~= "" and "  " .. param.text or ""))
  end
  for _, text in ipairs(entry.returns) do put(lines, "  returns ", text) end
end

local function put_example(lines, entry)
  if not entry or #entry.example == 0 then return end
  put(lines, "Example")
  for _, line in ipairs(entry.example) do put(lines, "  ", line) end
end

local function option_text(field)
  if field.required then return field[1] .. " (required)" end
  local default = field.default
  if default == nil then default = field[2] end
  if type(default) == "function" then default = default() end
  return default == nil and field[1] or field[1] .. " = " .. pretty(default)
end

-- The options a class declares, where its description does not list them.
local function put_options(lines, class, entry)
  local options = {}
  for _, field in ipairs(class.fields or class.extra or {}) do options[#options + 1] = option_text(field) end
  if #options == 0 or (entry and table.concat(entry.text, "\n"):find("Options:", 1, true)) then return end
  put(lines, "Options")
  wrap(lines, options, "  ")
end

local function public_names(value, keep)
  local list = {}
  for name in pairs(names.of(value)) do
    if name:sub(1, 1) ~= "_" and (not keep or keep(name)) then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

-- Whether a method is one that a user may want: described, and not marked as internal in this class or where it comes from.
local function is_offered(class, name)
  if name == "init" or name == "is" or not lookup.of_function(names.get(class, name)) then return false end
  while class do
    local member = rawget(class, name)
    local entry = type(member) == "function" and lookup.of_function(member)
    if entry and entry.internal then return false end
    class = rawget(class, "parent")
  end
  return true
end

local function class_signature(class, entry)
  if entry and entry.arguments then return class.name .. entry.arguments end
  local first = class.positional and class.positional[1]
  return ("%s(%s{ options })"):format(class.name, first and first .. ", " or "")
end

local function describe_class(class)
  local lines, entry = {}, lookup.of_class(class)
  put(lines, class_signature(class, entry))
  put_entry(lines, entry)
  put_options(lines, class, entry)
  put_example(lines, entry)
  put(lines, "Methods")
  wrap(lines, public_names(class, function(name)
    return type(names.get(class, name)) == "function" and is_offered(class, name)
  end), "  ")
  if class.parent then put(lines, "A kind of ", class.parent.name, ".") end
  return lines
end

local function describe_function(f)
  local lines, entry = {}, lookup.of_function(f)
  if not entry then return { pretty(f) .. ": no description" } end
  put(lines, entry.name == "return" and "" or entry.name:gsub("^M%.", ""), entry.arguments or "")
  put_entry(lines, entry)
  put_example(lines, entry)
  return lines
end

-- What a list of names says about each.
local function first_sentence(value)
  local entry
  if lookup.is_class(value) then
    entry = lookup.of_class(value)
  elseif type(value) == "function" then
    entry = lookup.of_function(value)
  elseif type(value) == "table" then
    entry = { text = lookup.of_module(value) or {} }
  end
  local text = entry and table.concat(entry.text, " ") or ""
  text = text:match("^(.-%.)%s") or text
  local most = width() - 25
  return #text > most and text:sub(1, most - 3) .. "..." or text
end

local function describe_table(value)
  local lines = {}
  put_text(lines, lookup.of_module(value) or {})
  for _, name in ipairs(public_names(value)) do
    put(lines, (("  %-22s %s"):format(name, first_sentence(names.get(value, name))):gsub("%s+$", "")))
  end
  return #lines > 0 and lines or { pretty(value) }
end

local function describe_tensor(value)
  local lines = { "A tensor has the fields shape, dtype, device, requires_grad and grad, and these methods:" }
  for _, name in ipairs(public_names(value)) do
    local member = names.get(value, name)
    if type(member) == "function" then put(lines, ("  %-22s %s"):format(name, first_sentence(member))) end
  end
  return lines
end

--- The lines help() prints for a value.
---@param value any
---@return string[]
function M.describe(value)
  local meta = debug.getmetatable(value)
  if lookup.is_class(value) then return describe_class(value) end
  if type(value) == "function" then return describe_function(value) end
  if type(value) == "table" and meta and meta.class then return describe_class(meta.class) end
  if lookup.is_tensor(value) then return describe_tensor(value) end
  if type(value) == "table" and (not (meta and meta.__tostring) or rawget(meta, "names")) then return describe_table(value) end
  local text = type(value) == "table" and lookup.of_module(value)
  if not text then return { ("a %s: %s"):format(type(value), pretty(value)) } end
  local lines = {}
  put_text(lines, text)
  return lines
end

--- The lines help() prints for a name.
---@param word string
---@return string[]
function M.describe_word(word)
  local found = lookup.find(word)
  if found ~= nil then return M.describe(found) end
  return { ("nothing is called %s%s"):format(word, lookup.hint(word)) }
end

--- Describes a value, or the name in a string; without argument, what moongate offers.
---@param ... any
---@example help(mg.layers.GRU)
function M.show(...)
  local value = ...
  local describe = type(value) == "string" and M.describe_word or M.describe
  if select("#", ...) == 0 then value = require "moongate" end
  local lines = value == nil and { "nil: there is nothing of that name; help() lists what there is" } or describe(value)
  print(table.concat(folded(lines), "\n"))
end

--- `moongate help [NAME | --reference]`; the exit status.
---@param arguments string[]
---@return integer
function M.command(arguments)
  local name = arguments[2]
  if name == "--reference" then
    io.write(require("moongate.cli.reference")())
  elseif name then
    M.show(name)
  else
    M.show()
  end
  return 0
end

return M
