--- The prompt: reads a statement, runs it, prints what it returns.
local complete = require "moongate.cli.complete"
local edit = require "moongate.ffi.edit"
local names = require "moongate.cli.names"
local pretty = require "moongate.cli.pretty"

local FIRST, MORE = "> ", ">> "
local FRAMES = 6

-- ---- Names --------------------------------------------------------------------------------------------------------------

-- Unknown names are errors that say what was probably meant; assignments go to the globals.
local function strict_globals()
  local function unknown(_, name)
    local value = rawget(_G, name)
    if value ~= nil then return value end
    local known = {}
    for word in pairs(names.of(_G)) do known[#known + 1] = word end
    local nearest = require("moongate.check").nearest(tostring(name), known)
    error(("unknown name '%s'%s"):format(name, nearest and ("; did you mean '%s'?"):format(nearest) or ""), 2)
  end
  return setmetatable({}, { __index = unknown, __newindex = function(_, name, value) rawset(_G, name, value) end })
end

-- ---- One statement ------------------------------------------------------------------------------------------------------

-- A local of one line would be gone on the next: at the prompt it becomes a global.
local function without_local(code)
  local open = code:gsub("^%s*local%s+function%f[%s]", "function"):gsub("^%s*local%s+([%a_][%w_,%s]*=)", "%1")
  return loadstring(open, "=(prompt)") and open or code
end

--- Compiles what was typed so far, as an expression where it is one.
---@param code string
---@return function|nil chunk, string|nil message, boolean unfinished
local function compile(code)
  code = code:gsub("^%s*=", "return ")
  local chunk = loadstring("return " .. code, "=(prompt)")
  if chunk then return chunk, nil, false end
  local message
  chunk, message = loadstring(without_local(code), "=(prompt)")
  return chunk, message, not chunk and message:match("near '<eof>'$") ~= nil
end

-- The user's own frames above the message: those of files that are neither moongate's nor C.
local function trace(message)
  local here = debug.getinfo(1, "S").source:match("^(@.*)cli/prompt%.lua$")
  local lines = {}
  for level = 3, 60 do
    local info = debug.getinfo(level, "Sl")
    if not info or #lines == FRAMES then break end
    local ours = info.source:sub(1, #here) == here or info.source == "=(prompt)" or info.source:match("/bin/moongate$")
    if info.currentline > 0 and not ours then lines[#lines + 1] = ("  at %s:%d"):format(info.short_src, info.currentline) end
  end
  local text = type(message) == "string" and message:gsub("^%(prompt%):1: ", "") or pretty(message)
  return #lines > 1 and text .. "\n" .. table.concat(lines, "\n") or text
end

local function print_results(count, ...)
  for i = 1, count do io.write(pretty((select(i, ...))), "\n") end
  if count > 0 then _G._ = (...) end
end

-- Runs a chunk and prints its results; false after an error, which has been shown.
local function run(chunk)
  local function show(ok, ...)
    local printed, message = ok, ...
    if ok then printed, message = xpcall(function(...) print_results(select("#", ...), ...) end, trace, ...) end
    io.stdout:flush()
    if not printed then io.stderr:write(message, "\n") end
    return printed
  end
  return show(xpcall(chunk, trace))
end

-- ---- The loop -----------------------------------------------------------------------------------------------------------

-- Feeds lines to `read` until a statement is whole; its chunk, or nil at the end of the input.
local function read_statement(read)
  local code
  while true do
    local line = read(code and MORE or FIRST)
    if line == nil then return nil end
    if line == false then return function() end end -- Ctrl-C
    code = code and code .. "\n" .. line or line
    local chunk, message, unfinished = compile(code)
    if chunk then return chunk end
    if not unfinished then return function() error((message:gsub("^%(prompt%):", "line "):gsub("^line 1: ", "")), 0) end end
  end
end

local function history_path()
  local state, home = os.getenv("XDG_STATE_HOME"), os.getenv("HOME")
  if state and state ~= "" then return state .. "/moongate_history" end
  return home and home .. "/.moongate_history"
end

local function plain_reader(person)
  return function(prompt)
    if person then io.write(prompt) io.flush() end
    return io.read("*l")
  end
end

local function loop(read, globals, before)
  local status = 0
  while true do
    local chunk = read_statement(read)
    if not chunk then return status end
    jit.off(chunk) -- a compiled loop does not see Ctrl-C; functions it calls are compiled all the same
    before()
    if not run(setfenv(chunk, globals)) then status = 1 end
  end
end

local function greet(editing, message)
  io.write("moongate ", require("moongate").version, " on ", jit.version, ". help() lists what there is, Ctrl-D ends.\n")
  if not editing then io.write("(plain input: ", message or "no libedit", ")\n") end
end

--- Runs the prompt on standard input. Line editing, history and TAB need a terminal and libedit.
---@return integer status 0, or 1 when a piped statement failed
return function()
  rawset(_G, "mg", require "moongate")
  rawset(_G, "help", require("moongate.cli.help").show)
  local globals = strict_globals()
  if not edit.interactive() then return loop(plain_reader(false), globals, function() end) end
  local editor, message = edit.open {
    name = "moongate",
    history = history_path(),
    complete = function(line, cursor) return complete.candidates(_G, line, cursor) end,
  }
  greet(editor, message)
  if not editor then loop(plain_reader(true), globals, function() end) return 0 end
  loop(function(prompt) return editor:read(prompt) end, globals, function() editor:rearm_interrupt() end)
  editor:close()
  io.write("\n")
  return 0
end
