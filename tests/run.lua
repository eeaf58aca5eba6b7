-- Runs the specs with busted inside this very LuaJIT:
--   luajit tests/run.lua BUILD [SPEC ...] [--long] [busted options]
-- BUILD is the folder that holds moongate/core.so. A SPEC is a file, or a name: `gru` is tests/spec/gru_spec.lua; without one, all
-- run; with --long property tests draw many more sets. The last line counts, and the exit status is 0 only when something passed
-- and nothing failed.
local lfs = require "lfs"

local function absolute(path)
  return path:sub(1, 1) == "/" and path or lfs.currentdir() .. "/" .. path
end

local function spec_file(name, tests)
  if lfs.attributes(name, "mode") then return name end
  local file = ("%s/spec/%s_spec.lua"):format(tests, name)
  if lfs.attributes(file, "mode") then return file end
  io.stderr:write("neither a file nor a spec: ", name, " (", file, ")\n")
  os.exit(2)
end

-- A sanitizer's runtime is for this process; shells and compilers that specs start do not stand it.
local function keep_preload()
  local ffi = require "ffi"
  ffi.cdef "int unsetenv(const char *);"
  local preload = os.getenv("LD_PRELOAD")
  ffi.C.unsetenv("LD_PRELOAD")
  return preload
end

-- Takes a switch out of the arguments; whether it was there.
local function take_switch(arguments, switch)
  for i, argument in ipairs(arguments) do
    if argument == switch then return table.remove(arguments, i) == switch end
  end
  return false
end

local function main(arguments)
  local long = take_switch(arguments, "--long")
  local tests = absolute(arguments[0]:match("^(.*)/[^/]*$") or "."):gsub("/%.$", "")
  local build = table.remove(arguments, 1)
  if not build or build:match("^%-") then
    io.stderr:write("usage: luajit tests/run.lua BUILD [SPEC ...] [--long] [busted options]\n")
    os.exit(2)
  end
  build = absolute(build):gsub("/+$", "")
  local root = tests:gsub("/[^/]*$", "")
  package.path = ("%s/lua/?.lua;%s/lua/?/init.lua;%s/spec/?.lua;%s/?.lua;"):format(root, root, tests, tests) .. package.path
  package.cpath = build .. "/?.so;" .. package.cpath
  package.loaded["where"] = { root = root, tests = tests, build = build, preload = keep_preload(), long = long }

  local names = 0
  for i = 1, #arguments do
    if not arguments[i]:match("^%-") then
      arguments[i], names = spec_file(arguments[i], tests), names + 1
    end
  end
  if names == 0 then arguments[#arguments + 1] = tests .. "/spec" end
  -- One set of modules for all files: LuaJIT's ffi types cannot be registered twice, and classes keep their identity.
  local options = { "--ignore-lua", "--no-auto-insulate", "--output=" .. tests .. "/report.lua",
    "--helper=" .. tests .. "/spec/helper.lua" }
  for i, option in ipairs(options) do table.insert(arguments, i, option) end
  require "busted.runner" { standalone = false }
end

main(arg)
