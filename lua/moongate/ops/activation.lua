-- Keras's elementwise activations, each one engine call forward and one backward.
local core = require "moongate.ffi.core"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local activation_struct = require "moongate.ops.activation_struct"
local convert = require "moongate.ops.convert"
local C = core.C

local M = {}

-- Those whose slope the engine computes from the output alone.
local FROM_OUTPUT = { linear = true, tanh = true, sigmoid = true, hard_sigmoid = true, selu = true, exponential = true,
  softsign = true }

local function backward(node, dy)
  local dx = tensors.alloc_like(dy, dy.dtype)
  local x = node.x and node.x.handle or nil
  if C.mg_activation_backward(dx.handle, dy.handle, x, node.y.handle, node.struct) ~= 0 then core.raise() end
  autograd.accumulate(node.a, dx)
end

--- An elementwise activation
---@param x Tensor (...)
---@param spec table { kind = "relu", a =, b =, c = }: parameters as in the engine's header
---@return Tensor
function M.activation(x, spec)
  x = convert.float("activation", "x", x)
  local struct = activation_struct("activation", spec)
  local y = tensors.alloc_like(x, x.dtype)
  if C.mg_activation_forward(y.handle, x.handle, struct) ~= 0 then core.raise() end
  if x.node and autograd.state.on then
    local node = autograd.record_output(y, backward, x)
    node.struct = struct
    if not (FROM_OUTPUT[spec.kind] or (spec.kind == "relu" and struct.a == 0 and struct.c == 0)
            or (spec.kind == "elu" and struct.a >= 0)) then
      node.x, node.va = x, tensors.version(x)
    end
  end
  return y
end

local function shorthand(kind)
  local spec = { kind = kind }
  return function(x) return M.activation(x, spec) end
end

--- Hyperbolic tangent
---@param x Tensor (...)
---@return Tensor
M.tanh = shorthand("tanh")
--- 1 / (1 + e^-x)
---@param x Tensor (...)
---@return Tensor
M.sigmoid = shorthand("sigmoid")

local RELU = { kind = "relu", a = 0, b = math.huge, c = 0 }

--- max(x, 0)
---@param x Tensor (...)
---@return Tensor
function M.relu(x) return M.activation(x, RELU) end

return M
