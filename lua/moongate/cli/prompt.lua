--- The prompt: reads a statement, runs it, prints what it returns.
local check = require "moongate.check"
local complete = require "moongate.cli.complete"
local edit = require "moongate.ffi.edit"
local hints = require "moongate.cli.hints"
local pretty = require "moongate.cli.pretty"

local FIRST, MORE = "> ", ">> "
local FRAMES = 6

-- ---- Names --------------------------------------------------------------------------------------------------------------

-- Unknown names are errors that say what was probably meant; assignments go to the globals.
local function strict_globals()
  local function unknown(_, name)
    local value = rawget(_G, name)
    if value ~= nil then return value end
    error(("unknown name '%s'%s"):format(name, hints.nearest(_G, tostring(name))), 2)
  end
  local function assign(_, name, value) rawset(_G, name, value) end
  return setmetatable({ __pass = function(...) return ... end }, { __index = unknown, __newindex = assign })
end

-- ---- One statement ------------------------------------------------------------------------------------------------------

-- A local of one line would be gone on the next: at the prompt it becomes a global.
local function without_local(code)
  local open = code:gsub("^%s*local%s+function%f[%s]", "function"):gsub("^%s*local%s+([%a_][%w_,%s]*=)", "%1")
  return loadstring(open, "=(prompt)") and open or code
end

local function is_unfinished(message) return message and message:match("near '<eof>'$") ~= nil end

--- Compiles what was typed so far, as an expression where it is one.
---@param code string
---@return function|nil chunk, string|nil message, boolean unfinished
local function compile(code)
  code = code:gsub("^%s*=", "")
  local chunk, as_value = loadstring("return " .. code, "=(prompt)")
  -- not as a tail call: messages are to find the line of this chunk
  if chunk then return loadstring("return __pass(" .. code .. "\n)", "=(prompt)") or chunk, nil, false end
  local message
  chunk, message = loadstring(without_local(code), "=(prompt)")
  return chunk, message, is_unfinished(message) or is_unfinished(as_value)
end

-- The position in what was typed says nothing when that is one line.
local function without_position(message, code)
  local place = code:find("\n", 1, true) and "line %1: " or ""
  return (message:gsub("^%(prompt%):1: ", ""):gsub("^%(prompt%):(%d+): ", place))
end

-- The frames of the user's files that led to the message: neither moongate's nor C nor the prompt itself.
local function frames_above(message)
  local lines = {}
  for _, frame in ipairs(check.frames()) do
    local said = #lines == 0 and message:sub(1, #frame.place) == frame.place
    if frame.source ~= "=(prompt)" and not said and #lines < FRAMES then lines[#lines + 1] = "\n  at " .. frame.place end
  end
  return table.concat(lines)
end

local function tracer(code)
  return function(message)
    if type(message) ~= "string" then message = pretty(message) end
    return without_position(message, code) .. hints.of_error(message, code) .. frames_above(message)
  end
end

local function print_results(code, count, ...)
  for i = 1, count do
    local text = pretty((select(i, ...)))
    io.write(text, text == "nil" and count == 1 and hints.of_nil(code) or "", "\n")
  end
  if count > 0 then _G._ = (...) end
end

-- Runs a chunk and prints its results; false after an error, which has been shown.
local function run(chunk, code)
  local trace = tracer(code)
  local function show(ok, ...)
    local message = ...
    if ok then ok, message = xpcall(print_results, trace, code, select("#", ...), ...) end
    io.stdout:flush()
    if not ok then io.stderr:write(message, "\n") end
    return ok
  end
  return show(xpcall(chunk, trace))
end

-- ---- The loop -----------------------------------------------------------------------------------------------------------

local function nothing() end

-- Feeds lines to `read` until a statement is whole; its chunk and text, or nil at the end of the input.
local function read_statement(read)
  local code
  while true do
    local line = read(code and MORE or FIRST)
    if line == nil then return nil end
    if line == false then return nothing, "" end -- Ctrl-C
    code = code and code .. "\n" .. line or line
    local chunk, message, unfinished = compile(code)
    if chunk then return chunk, code end
    if not unfinished then return function() error(message, 0) end, code end
  end
end

local function history_path()
  local state, home = os.getenv("XDG_STATE_HOME"), os.getenv("HOME")
  if state and state ~= "" then return state .. "/moongate_history" end
  return home and home .. "/.moongate_history"
end

local function plain_reader(person)
  return function(prompt)
    if person then
      io.write(prompt)
      io.flush()
    end
    return io.read("*l")
  end
end

local function loop(read, globals, before)
  local status = 0
  while true do
    local chunk, code = read_statement(read)
    if not chunk then return status end
    jit.off(chunk) -- a compiled loop does not see Ctrl-C; functions it calls are compiled all the same
    before()
    if not run(setfenv(chunk, globals), code) then status = 1 end
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
  if not edit.interactive() then return loop(plain_reader(false), globals, nothing) end
  local editor, message = edit.open {
    name = "moongate",
    history = history_path(),
    complete = function(line, cursor) return complete.candidates(_G, line, cursor) end,
  }
  greet(editor, message)
  if not editor then
    loop(plain_reader(true), globals, nothing)
    return 0
  end
  loop(function(prompt) return editor:read(prompt) end, globals, function() editor:rearm_interrupt() end)
  editor:close()
  io.write("\n")
  return 0
end
