-- Runs lua/bin/moongate of this checkout with the library of this build.
local where = require "where"

local M = {}

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end
M.quote = quote

M.path = where.root .. "/lua/bin/moongate"

--- Shell text that starts `moongate` with the library of this build, and the sanitizer that it needs.
M.moongate = ("MOONGATE_LIB=%s LD_PRELOAD=%s luajit %s"):format(quote(where.build .. "/moongate/core.so"),
  quote(where.preload or ""), quote(M.path))

--- Runs a shell command; its output (both streams), its exit status.
function M.shell(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1; echo \"\nstatus $?\""))
  local output = pipe:read("*a")
  pipe:close()
  local text, status = output:match("^(.*)\nstatus (%d+)\n$")
  return text, tonumber(status)
end

--- Runs `moongate` with the given shell text as its arguments.
function M.run(arguments, input)
  local feed = input and ("printf '%%s' %s | "):format(quote(input)) or ""
  return M.shell(feed .. M.moongate .. " " .. arguments .. (input and "" or " </dev/null"))
end

--- Whether script(1) can make a terminal here.
function M.has_terminal()
  return select(2, M.shell("script -qec true /dev/null >/dev/null")) == 0
end

--- Writes a file that is gone after the test.
function M.file(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

return M
