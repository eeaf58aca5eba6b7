-- Ctrl-C while training: the first SIGINT sets a flag, a second one ends the process. Between begin and finish only.
local core = require "moongate.ffi.core"
local C = core.C

local signal = {}

--- Starts to catch SIGINT.
function signal.begin() core.check(C.mg_interrupt_begin()) end

--- Whether SIGINT has come since `begin`.
---@return boolean
function signal.pending() return C.mg_interrupt_pending() ~= 0 end

--- Gives SIGINT back to whoever had it.
function signal.finish() C.mg_interrupt_end() end

return signal
