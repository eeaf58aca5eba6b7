-- Loaded by the runner before the first spec: moongate once, so that its ffi types are registered once.
local where = require "where"
local found, message = pcall(require, "moongate")
if not found then io.stderr:write("cannot load moongate from ", where.build, ": ", tostring(message), "\n") end
