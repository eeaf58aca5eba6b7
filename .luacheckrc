std = "luajit"
max_line_length = 132
exclude_files = { "build*", "lua/moongate/ffi/cdef.lua", ".luarocks-tree" }
files["lua/bin/moongate"] = { std = "luajit" }
files["tests/spec"] = { std = "+busted" }
