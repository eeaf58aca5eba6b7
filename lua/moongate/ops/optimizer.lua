-- One optimizer step over flat parameter memory, in place.
local core = require "moongate.ffi.core"
local ffi = require "ffi"
local check = require "moongate.check"
local tensors = require "moongate.tensor_core"
local C = core.C

local M = {}

local KINDS = { sgd = C.MG_OPTIMIZER_SGD, rmsprop = C.MG_OPTIMIZER_RMSPROP, adam = C.MG_OPTIMIZER_ADAM }
local KIND_NAMES = { "sgd", "rmsprop", "adam" }
local NUMBERS = { "learning_rate", "momentum", "rho", "beta_1", "beta_2", "epsilon", "weight_decay" }
local KNOWN = { "kind", "parameter", "gradient", "state", "step", "nesterov", "centered", "amsgrad", unpack(NUMBERS) }

local args = ffi.new("mg_optimizer_args")

local function handle(name, t)
  return tensors.expect("optimizer_update", name, t).handle
end

--- One update of `parameter` by `gradient` with Keras's formulas (SGD, RMSprop, Adam); numbers not given are 0
---@param o table { kind = "sgd"|"rmsprop"|"adam", parameter =, gradient =, state = { up to three }, step =, learning_rate =, ... }
function M.optimizer_update(o)
  check.options("optimizer_update", check.type("optimizer_update", "arguments", o, "table"), KNOWN)
  args.kind = KINDS[o.kind] or KINDS[check.one_of("optimizer_update", "kind", o.kind, KIND_NAMES)]
  args.flags = (o.nesterov and C.MG_OPTIMIZER_NESTEROV or 0) + (o.centered and C.MG_OPTIMIZER_CENTERED or 0)
    + (o.amsgrad and C.MG_OPTIMIZER_AMSGRAD or 0)
  args.step = check.integer("optimizer_update", "step", o.step or 1, 1, 2 ^ 53)
  for _, name in ipairs(NUMBERS) do
    args[name] = check.type("optimizer_update", name, o[name] or 0, "number")
  end
  args.parameter, args.gradient = handle("parameter", o.parameter), handle("gradient", o.gradient)
  for i = 1, 3 do
    local state = o.state and o.state[i]
    args.state[i - 1] = state and handle("state[" .. i .. "]", state) or nil
  end
  core.check(C.mg_optimizer_update(args))
end

return M
