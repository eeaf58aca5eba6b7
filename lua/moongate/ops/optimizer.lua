-- One optimizer step over flat parameter memory, in place.
local core = require "moongate.ffi.core"
local ffi = require "ffi"
local check = require "moongate.check"
local raw = require "moongate.ops.raw"
local tensors = require "moongate.tensor_core"
local C = core.C

local M = {}

local KINDS = {
  sgd = C.MG_OPTIMIZER_SGD, rmsprop = C.MG_OPTIMIZER_RMSPROP, adam = C.MG_OPTIMIZER_ADAM, adagrad = C.MG_OPTIMIZER_ADAGRAD,
  adadelta = C.MG_OPTIMIZER_ADADELTA, adamax = C.MG_OPTIMIZER_ADAMAX, nadam = C.MG_OPTIMIZER_NADAM, lion = C.MG_OPTIMIZER_LION,
  average = C.MG_OPTIMIZER_AVERAGE,
}
local KIND_NAMES = { "sgd", "rmsprop", "adam", "adagrad", "adadelta", "adamax", "nadam", "lion", "average" }
local NUMBERS = { "learning_rate", "momentum", "rho", "beta_1", "beta_2", "epsilon", "weight_decay" }
local KNOWN = { "kind", "parameter", "gradient", "state", "step", "nesterov", "centered", "amsgrad", "gradient_scale",
  "gradient_limit", unpack(NUMBERS) }

local args = ffi.new("mg_optimizer_args")

local function handle(name, t)
  return tensors.expect("optimizer_update", name, t).handle
end

local function set_numbers(o)
  args.kind = KINDS[o.kind] or KINDS[check.one_of("optimizer_update", "kind", o.kind, KIND_NAMES)]
  args.flags = (o.nesterov and C.MG_OPTIMIZER_NESTEROV or 0) + (o.centered and C.MG_OPTIMIZER_CENTERED or 0)
    + (o.amsgrad and C.MG_OPTIMIZER_AMSGRAD or 0)
  args.step = check.integer("optimizer_update", "step", o.step or 1, 1, 2 ^ 53)
  for i = 1, #NUMBERS do
    local name = NUMBERS[i]
    args[name] = check.type("optimizer_update", name, o[name] or 0, "number")
  end
end

-- What is done to the gradient on its way: times `scale`, then within -limit..limit; false: not.
local function set_gradient(scale, limit)
  local flags = args.flags
  if scale then
    args.gradient_scale = check.type("optimizer_update", "gradient_scale", scale, "number")
    flags = flags + C.MG_OPTIMIZER_SCALED
  end
  if limit then
    args.gradient_limit = check.type("optimizer_update", "gradient_limit", limit, "number")
    flags = flags + C.MG_OPTIMIZER_CLIPPED
  end
  args.flags = flags
end

local function run(parameter, gradient, state)
  args.parameter, args.gradient = handle("parameter", parameter), handle("gradient", gradient)
  for i = 1, 3 do
    local one = state and state[i]
    args.state[i - 1] = one and handle("state[" .. i .. "]", one) or nil
  end
  core.check(C.mg_optimizer_update(args))
end

--- One update of `parameter` by `gradient` with Keras's formulas; numbers not given are 0. The gradient counts times
--- gradient_scale and then within -gradient_limit..gradient_limit, where these are given. "average" makes of the parameter
--- momentum * parameter + (1 - momentum) * gradient.
--- Kinds: "sgd", "rmsprop", "adam", "adagrad", "adadelta", "adamax", "nadam", "lion", "average".
---@param o table { kind =, parameter =, gradient =, state = { up to three }, step =, learning_rate =, ... }
function M.optimizer_update(o)
  check.options("optimizer_update", check.type("optimizer_update", "arguments", o, "table"), KNOWN)
  set_numbers(o)
  set_gradient(o.gradient_scale, o.gradient_limit)
  run(o.parameter, o.gradient, o.state)
end

--- The same update of many parameters: `o` has what they share, a target its parameter, gradient, state, decays (else without
--- weight_decay) and scale (false: the gradient as it is).
---@param o table numbers and kind
---@param targets table[]
---@package
function M.optimizer_update_all(o, targets)
  set_numbers(check.type("optimizer_update_all", "arguments", o, "table"))
  check.type("optimizer_update_all", "targets", targets, "table")
  local flags, decay = args.flags, args.weight_decay
  for i = 1, #targets do
    local target = check.type("optimizer_update_all", "target", targets[i], "table")
    args.flags, args.weight_decay = flags, target.decays and decay or 0
    set_gradient(target.scale, o.gradient_limit)
    run(target.parameter, target.gradient, target.state)
  end
end

--- The sum of the squares of all elements, a number.
---@param x Tensor
---@return number
---@package
function M.optimizer_squares(x)
  tensors.expect("optimizer_squares", "x", x)
  return raw.reduce(C.MG_REDUCE_SUM_OF_SQUARES, x, 2 ^ #x.shape - 1):item()
end

local function lies_in(memory, at)
  local first = ffi.cast("const char *", C.mg_tensor_read(tensors.expect("optimizer_reads", "memory", memory).handle))
  return at >= first and at < first + memory:nbytes()
end

--- Whether a gradient can be read where it lies: packed, of the parameter's dtype, outside all memory that updates write.
---@param gradient Tensor
---@param parameter Tensor
---@param written Tensor[] that memory
---@return boolean
---@package
function M.optimizer_reads(gradient, parameter, written)
  tensors.expect("optimizer_reads", "gradient", gradient)
  tensors.expect("optimizer_reads", "parameter", parameter)
  check.type("optimizer_reads", "written", written, "table")
  if gradient.dtype ~= parameter.dtype or not raw.is_contiguous(gradient) then return false end
  local at = ffi.cast("const char *", C.mg_tensor_read(gradient.handle))
  for i = 1, #written do
    if lies_in(written[i], at) then return false end
  end
  return true
end

return M
