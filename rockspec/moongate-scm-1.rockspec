rockspec_format = "3.0"
package = "moongate"
version = "scm-1"
source = { url = "git+file://." }
description = {
  summary = "Gated recurrent networks for LuaJIT, with Keras's names and numbers",
  detailed = "A numerical runtime in C under LuaJIT: tensors, autograd, GRU layers, training, and Keras 3 weight files.",
  license = "MIT",
}
supported_platforms = { "unix" }
dependencies = { "lua == 5.1" } -- LuaJIT 2.1; LuaRocks does not see Debian's own Lua packages
external_dependencies = {
  OPENBLAS = { library = "openblas" }, -- its header sits in a multiarch folder: CMake looks for that
}
deploy = { wrap_bin_scripts = false } -- a wrapper would start lua5.1
build = {
  type = "cmake",
  variables = {
    CMAKE_BUILD_TYPE = "Release",
    CMAKE_INSTALL_PREFIX = "$(PREFIX)",
    MG_TESTS = "OFF",
    MG_LUA_DIR = "$(LUADIR)",
    MG_LIB_DIR = "$(LIBDIR)",
  },
  install = { bin = { moongate = "lua/bin/moongate" } },
}
test = { type = "command", script = "tests/run.lua", flags = { "build" } }
