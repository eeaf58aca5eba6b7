-- moongate: the table `mg`. Everything behind a name is loaded when the name is first used, so that starting takes a few ms.
local mg = {}

-- Modules that are a name themselves.
local MODULES = {
  activations = "activations", autograd = "autograd", callbacks = "callbacks", check = "check", class = "class",
  compat = "compat", constraints = "constraints", data = "data", debug = "debug", initializers = "initializers", json = "json",
  layers = "layers", losses = "losses", memory = "memory", metrics = "metrics", models = "models", null = "null", ops = "ops",
  optimizers = "optimizers", plot = "plot", random = "random", registry = "registry", regularizers = "regularizers",
  utils = "utils", Variable = "variable",
}

-- Names out of a module.
local MEMBERS = {
  autograd = { "gradients", "no_grad", "enable_grad", "is_recording" },
  operation = { "operation", "gradcheck" },
  random = { "set_random_seed" },
  memory = { "scope" },
  ["ffi.runtime"] = { "set_threads", "get_threads", "set_matmul_precision", "get_matmul_precision", "set_floatx", "floatx",
    "runtime_info", "version", "synchronize" },
  tensor_create = { "tensor", "zeros", "ones", "full", "empty", "arange", "linspace", "eye", "zeros_like", "ones_like",
    "full_like" },
  ["models.sequential"] = { "Sequential" },
  models = { "load_model" },
  ["files.numpy"] = { "save", "load" },
  tensor_core = { is_tensor = "is" },
}

local sources, names = {}, {}
for name, module in pairs(MODULES) do
  sources[name], names[name] = { module }, true
end
for module, members in pairs(MEMBERS) do
  for key, member in pairs(members) do
    local name = type(key) == "string" and key or member
    sources[name], names[name] = { module, member }, true
  end
end
sources.Sequential = { "models.sequential" }
sources.Input, names.Input = { "layers.input_tensor" }, true
sources.Model, names.Model = { "models.functional" }, true

-- Those that work on tensors need them complete, with methods and operators.
local COMPLETE = { autograd = true, operation = true, tensor_create = true, ops = true, memory = true, tensor_core = true }

local function load(_, name)
  local source = sources[name]
  if not source then return nil end
  if COMPLETE[source[1]] then require "moongate.tensor" end
  local value = require("moongate." .. source[1])
  if source[2] then value = value[source[2]] end
  rawset(mg, name, value)
  return value
end

return setmetatable(mg, { __index = load, names = names })
