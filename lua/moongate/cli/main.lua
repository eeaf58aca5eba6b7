--- The command line: `moongate script.lua args`, `-e code`, `info`, `help`, the prompt.
local USAGE = [[
usage: moongate                      the prompt
       moongate SCRIPT [ARGUMENT...] runs a script (- reads it from standard input)
       moongate -e CODE [ARGUMENT...]
       moongate info                 version, libraries, processor, kernels, threads
       moongate help [NAME]          what a name is: moongate help layers.GRU
       moongate --help | --version
]]

local FRAMES = 10

local function describe(message, code)
  if type(message) == "table" and getmetatable(message) and getmetatable(message).__tostring then message = tostring(message) end
  if type(message) ~= "string" then message = ("(error object is a %s value)"):format(type(message)) end
  local hints = require "moongate.cli.hints"
  message = hints.of_dot(message)
  message = message .. hints.of_error(message, code)
  local frames = require("moongate.check").frames(FRAMES)
  if #frames < 2 then return message end
  for i, frame in ipairs(frames) do frames[i] = "\n  " .. frame.place .. (frame.name and " in " .. frame.name or "") end
  return message .. "\ncalled from" .. table.concat(frames)
end

local function fail(message)
  io.stdout:flush()
  io.stderr:write("moongate: ", message, "\n")
  return 1
end

-- Runs a chunk with its arguments, as luajit would; the exit status. `code` is the text of a chunk without a file.
local function run(chunk, message, arguments, code)
  if not chunk then return fail(message) end
  local ok, trace = xpcall(function() chunk(unpack(arguments, 1, #arguments)) end, function(raised)
    return describe(raised, code)
  end)
  return ok and 0 or fail(trace)
end

-- `arg` of the script: [0] its name, then its arguments; what stood before keeps negative indices.
local function shift(arguments, count)
  local shifted = {}
  for i = -1, #arguments do shifted[i - count] = arguments[i] end
  shifted[-count] = arguments[0]
  return shifted
end

-- `mg` and `help`, as at the prompt, loaded when they are asked for.
local OFFERED = {
  mg = function() return require "moongate" end,
  help = function() return require("moongate.cli.help").show end,
}

local function offer_names()
  setmetatable(_G, { __index = function(globals, name)
    local load = OFFERED[name]
    if not load then return nil end
    rawset(globals, name, load())
    return globals[name]
  end })
end

local function execute(arguments)
  local code = arguments[2]
  if not code then return fail("-e needs code; see moongate --help") end
  arg = shift(arguments, 2) -- luacheck: ignore
  offer_names()
  local chunk, message = loadstring(code, "=(-e)")
  return run(chunk, message, arg, code)
end

local function script(arguments)
  local path = arguments[1]
  arg = shift(arguments, 1) -- luacheck: ignore
  local chunk, message = loadfile(path ~= "-" and path or nil)
  return run(chunk, message, arg)
end

-- Runs what cannot do without the engine, or says in a line why there is none.
local function with_engine(command, ...)
  local ok, message = pcall(function() return require("moongate").version end)
  if not ok then return fail((message:gsub("^moongate: ", ""))) end
  return command(...)
end

local COMMANDS = {
  ["-e"] = execute,
  ["--help"] = function() io.write(USAGE) return 0 end,
  ["--version"] = function()
    return with_engine(function() io.write("moongate ", require("moongate").version, "\n") return 0 end)
  end,
  info = function() return with_engine(require "moongate.cli.info") end,
  help = function(arguments) return with_engine(require("moongate.cli.help").command, arguments) end,
}
COMMANDS["-h"] = COMMANDS["--help"]
COMMANDS["-v"] = COMMANDS["--version"]

local function dispatch(arguments)
  local first = arguments[1]
  if not first then return with_engine(require "moongate.cli.prompt") end
  if COMMANDS[first] then return COMMANDS[first](arguments) end
  if first:sub(1, 1) == "-" and first ~= "-" then return fail("unknown option " .. first .. "\n" .. USAGE) end
  return script(arguments)
end

return function(arguments)
  os.exit(dispatch(arguments))
end
