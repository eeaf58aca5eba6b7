-- Finds and loads the engine's library, declares its functions and compares the ABI number.
local ffi = require "ffi"
local check = require "moongate.check"

ffi.cdef(require "moongate.ffi.cdef")

-- Where the library may be: MOONGATE_LIB alone when set, else beside the Lua modules on package.cpath, else the system's.
local function candidates(tried)
  local given = os.getenv("MOONGATE_LIB")
  if given and given ~= "" then return { given } end
  local path, missing = package.searchpath("moongate.core", package.cpath)
  if path then return { path } end
  tried[#tried + 1] = "package.cpath:" .. missing
  return { "libmoongate.so", "libmoongate.so.1" }
end

local function load()
  local tried = {}
  for _, path in ipairs(candidates(tried)) do
    local loaded, library = pcall(ffi.load, path)
    if loaded then return library, path end
    tried[#tried + 1] = path .. ": " .. library
  end
  error("moongate: the engine's library cannot be loaded; build it, or set MOONGATE_LIB to its path. Tried:\n  "
    .. table.concat(tried, "\n  "), 0)
end

local C, path = load()
if C.mg_abi() ~= C.MG_ABI then
  error(("moongate: %s has ABI %d, these Lua modules need %d; install both from one build"):format(path, C.mg_abi(), C.MG_ABI), 0)
end

-- Values of MOONGATE_ISA and MOONGATE_THREADS that the engine could not obey: nothing runs on other kernels than were asked for.
if (os.getenv "MOONGATE_ISA" or os.getenv "MOONGATE_THREADS") and C.mg_runtime(ffi.new "mg_runtime_info") ~= 0 then
  error(ffi.string(C.mg_error()), 0)
end

local core = { C = C, path = path }

--- Raises the engine's last message at the caller's line.
function core.raise()
  check.fail("%s", ffi.string(C.mg_error()))
end

--- Raises unless `status` is 0.
function core.check(status)
  if status ~= 0 then core.raise() end
end

return core
