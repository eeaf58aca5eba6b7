--- `moongate info`: versions, where things were loaded from, the processor and the kernels chosen for it.
local function first_line(command)
  local pipe = io.popen(command .. " 2>/dev/null")
  local line = pipe and pipe:read("*l")
  if pipe then pipe:close() end
  return line
end

-- Libraries this process has mapped, by a word of their file names.
local function mapped(word)
  local file = io.open("/proc/self/maps")
  if not file then return nil end
  local found
  for line in file:lines() do
    found = found or line:match("(/%S*" .. word .. "%S*)$")
  end
  file:close()
  return found
end

local function show(name, value)
  io.write(("%-12s %s\n"):format(name, value))
end

local function shim_line(name, files)
  local found, message = pcall(require, "moongate.ffi." .. name)
  local path = package.searchpath("moongate." .. name, package.cpath)
  if not path then return ("not built: %s files cannot be read or written"):format(files) end
  return found and path or ("%s (%s)"):format(path, tostring(message):match("^[^\n]*"))
end

--- Prints the report.
---@return integer exit status
return function()
  local mg = require "moongate"
  local runtime = mg.runtime_info()
  show("moongate", runtime.version)
  show("luajit", ("%s (%s)"):format(jit.version, jit.arch))
  show("modules", package.searchpath("moongate", package.path) or "?")
  show("library", runtime.library or mapped("moongate/core"))
  show("compiler", runtime.compiler)
  show("hdf5", shim_line("hdf5", "Keras"))
  show("zip", shim_line("zip", ".keras and .npz"))
  show("blas", ("%s (%s)"):format(runtime.blas, mapped("openblas") or mapped("blas") or "path unknown"))
  show("processor", ("%s, %d processors for this process"):format(runtime.cpu, runtime.processors))
  show("features", runtime.features)
  show("kernels", runtime.isa .. (runtime.isa ~= runtime.isa_best and (" (best here: %s)"):format(runtime.isa_best) or ""))
  show("threads", runtime.threads)
  show("system", first_line("uname -srm") or jit.os)
  return 0
end
