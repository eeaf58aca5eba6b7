-- Activations as the engine takes them: a kind and up to three parameters, as in its header.
local core = require "moongate.ffi.core"
local ffi = require "ffi"
local check = require "moongate.check"
local C = core.C

local NAMES = { "linear", "tanh", "sigmoid", "hard_sigmoid", "relu", "elu", "selu", "celu", "gelu", "gelu_tanh", "silu",
  "hard_silu", "hard_tanh", "softplus", "softsign", "exponential", "mish", "log_sigmoid", "hard_shrink", "soft_shrink",
  "tanh_shrink", "squareplus", "sparse_plus", "sparse_sigmoid", "threshold" }

local CODES = {}
for _, name in ipairs(NAMES) do CODES[name] = C["MG_ACT_" .. name:upper()] end

-- The engine's struct for each spec table that has been used.
local structs = setmetatable({}, { __mode = "k" })

--- The engine's struct for a spec { kind =, a =, b =, c = }, checked when the table is first seen.
return function(op, spec)
  local known = type(spec) == "table" and structs[spec]
  if known then return known end
  check.type(op, "activation", spec, "table")
  local code = CODES[spec.kind] or CODES[check.one_of(op, "activation.kind", spec.kind, NAMES)]
  for _, name in ipairs { "a", "b", "c" } do
    if spec[name] ~= nil then check.type(op, "activation." .. name, spec[name], "number") end
  end
  local struct = ffi.new("mg_activation", { kind = code, a = spec.a or 0, b = spec.b or 0, c = spec.c or 0 })
  structs[spec] = struct
  return struct
end
