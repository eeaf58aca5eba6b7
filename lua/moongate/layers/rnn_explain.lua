-- GRU:explain and LSTM:explain: the requirements that Keras's page lists for cuDNN, and the kernel that a call takes here; of
-- SimpleRNN, for which Keras knows no cuDNN, the kernel alone.
local check = require "moongate.check"
local ops = require "moongate.ops"

local Explanation = {}
Explanation.__index = Explanation

local function counted(n, what) return ("%d %s%s"):format(n, what, n == 1 and "" or "s") end

local function split_text(plan)
  if plan.split == "units" then return ("hidden units, on %s"):format(counted(plan.threads, "thread")) end
  local blocks = plan.split == "rows" and ("rows of the batch in blocks of %d"):format(plan.block_rows)
    or counted(plan.block_rows, "row") .. " in one block"
  return ("%s, on %s"):format(blocks, counted(plan.threads, "thread"))
end

local function time_text(plan)
  local text = ("%.3g ms for inference"):format(plan.milliseconds)
  if not plan.training_milliseconds then return text end
  return ("%s, %.3g ms for a training step (forward and backward)"):format(text, plan.training_milliseconds)
end

--- The text.
function Explanation:__tostring()
  local lines = { self.requirements[1] and "cuDNN's requirements:" }
  for _, item in ipairs(self.requirements) do lines[#lines + 1] = ("  [%s] %s"):format(item.met and "x" or " ", item.text) end
  if self.missing then lines[#lines + 1] = "cuDNN kernel: not taken; missing: " .. table.concat(self.missing, "; ") end
  lines[#lines + 1] = "kernel: " .. self.kernel
  if self.reason then
    lines[#lines + 1] = ("  faster is %s; not taken: %s"):format(self.faster or "the fused kernel", self.reason)
  end
  if self.milliseconds then
    lines[#lines + 1] = "split: " .. split_text(self)
    lines[#lines + 1] = ("input products: of %s"):format(counted(self.chunk_steps, "step") .. " at once")
    lines[#lines + 1] = "estimated: " .. time_text(self)
  end
  return table.concat(lines, "\n")
end

local function name_of(activation)
  return type(activation) == "table" and not activation.given and activation.name or "?"
end

-- Every row of a (B,T) mask, with time_major (T,B), is ones and then zeros.
local function right_padded(mask, time_major)
  if time_major then mask = ops.transpose(mask, 1, 2) end
  local T = mask.shape[2]
  if T < 2 then return true end
  local used = ops.ne(mask, 0)
  local rises = ops.lt(ops.slice(used, 2, 1, T - 1), ops.slice(used, 2, 2, T))
  return ops.max(rises):item() == 0
end

local function requirements(layer, mask)
  if layer.recurrent_activation == nil then return {} end
  local list = {
    { text = "activation == tanh", met = name_of(layer.activation) == "tanh" },
    { text = "recurrent_activation == sigmoid", met = name_of(layer.recurrent_activation) == "sigmoid" },
    { text = "dropout == 0 and recurrent_dropout == 0", met = layer.dropout == 0 and layer.recurrent_dropout == 0 },
    { text = "unroll is false", met = not layer.unroll },
    { text = "use_bias is true", met = layer.use_bias },
    { text = "reset_after is true", met = layer.reset_after },
    { text = "inputs, if masked, are strictly right-padded", met = mask == nil or right_padded(mask, layer.time_major) },
    { text = "eager execution", met = true },
  }
  if layer.reset_after == nil then table.remove(list, 6) end
  return list
end

-- What keeps a call from cuDNN's kernel: the requirements that are not met, and the device.
local function missing(list, device)
  local words = {}
  for _, item in ipairs(list) do
    if not item.met then words[#words + 1] = item.text end
  end
  words[#words + 1] = ("a cuDNN kernel for the %s, where the input is"):format(device)
  return words
end

-- What explain of ops tells beside the texts.
local FACTS = { "kernel", "faster", "reason", "milliseconds", "split", "threads", "block_rows", "chunk_steps" }

local function plan(layer, x, mask, training, result, explain)
  if not layer.cell:is_fused() then
    result.kernel, result.faster = "the cell, step by step on the tape", "the fused kernel"
    result.reason = "an activation that is not elementwise (softmax, a Lua function) is computed in Lua"
  elseif x then
    layer:ensure_built(x.shape)
    local operation = layer:operation(layer:convert(x), nil, mask, false)
    local inference = explain(operation)
    local chosen = training and explain(operation, true) or inference
    for _, name in ipairs(FACTS) do result[name] = chosen[name] end
    result.milliseconds, result.training_milliseconds = inference.milliseconds, training and chosen.milliseconds or nil
  else
    result.kernel = "fused; give an input to see which variant"
  end
end

local explain = {}

--- How a call would be computed: { requirements = { { text =, met = } }, missing = what keeps it from cuDNN's kernel, kernel =,
--- faster =, reason =, milliseconds =, training_milliseconds =, split =, threads =, block_rows =, chunk_steps = }; faster is the
--- kernel that it cannot take and reason why not; the times are estimates, as if there were no dropout. Prints as text.
---@param layer table
---@param x Tensor|nil
---@param mask Tensor|nil
---@param training boolean whether a training step's time is wanted
---@param plan_of function of ops
---@return table
function explain.call(layer, x, mask, training, plan_of)
  if mask == nil and x then mask = x.keras_mask end
  if mask then mask = layer:time_mask(layer:convert_mask(mask), x and x.shape) end
  local result = setmetatable({ requirements = requirements(layer, mask) }, Explanation)
  if result.requirements[1] then result.missing = missing(result.requirements, x and x.device or "cpu") end
  plan(layer, x, mask, training, result, plan_of)
  return result
end

--- Raises where use_cudnn = true: there is no other kernel to take in its place without a word.
---@param layer table
---@param x Tensor
---@param mask Tensor|nil
function explain.refuse_cudnn(layer, x, mask)
  if layer.use_cudnn ~= true then return end
  check.fail('%s: use_cudnn = true cannot be kept; missing: %s; likely fix: use_cudnn = "auto"', layer:title(),
    table.concat(missing(requirements(layer, mask), x.device), "; "))
end

return explain
