-- GRU:gates: the update gate z, the reset gate r and the candidate of every step. B batch, T time, F features, U units.
local autograd = require "moongate.autograd"
local create = require "moongate.tensor_create"
local loop = require "moongate.layers.rnn_loop"
local ops = require "moongate.ops"

-- For activations that the fused kernel does not know: the time loop with a cell whose output is (B,3U), the gates beside each
-- other, zeros at masked steps as the kernel has them.
local function by_steps(layer, x, states, mask, training)
  local cell = layer.cell
  local input_masks, recurrent_masks = cell:step_masks(layer:batch_of(x.shape), x.shape[3], x.dtype, training)
  local proxy = { state_size = cell.units }
  function proxy.call(_, input, inner)
    local h, z, r, candidate = cell:plain_step(input, inner[1], input_masks, recurrent_masks)
    return ops.concat({ z, r, candidate }, -1), { h }
  end
  local view = { cell = proxy, return_sequences = true, zero_output_for_mask = true, go_backwards = layer.go_backwards }
  function view.title() return layer:title() end
  function view.output_size() return 3 * cell.units end
  states = states or { create.zeros({ layer:batch_of(x.shape), cell.units }, { dtype = x.dtype }) }
  if layer.time_major then x, mask = ops.transpose(x, 1, 2), mask and ops.transpose(mask, 1, 2) end
  local _, gates = loop(view, x, states, mask, training)
  return layer.time_major and ops.transpose(gates, 1, 2) or gates
end

local function fused(layer, x, states, mask, training)
  local arguments = layer:operation(x, states, mask, training)
  arguments.gates, arguments.return_sequences = true, false
  local _, _, gates = ops.gru(arguments)
  return gates
end

--- z, r and the candidate, each (B,T,U), in processing order; nothing is recorded for gradients.
return function(layer, x, states, mask, training)
  return autograd.no_grad(function()
    local gates = (layer.cell:is_fused() and fused or by_steps)(layer, x, states, mask, training)
    local U = layer.cell.units
    local function block(g) return ops.contiguous(ops.slice(gates, 3, (g - 1) * U + 1, g * U)) end
    return block(1), block(2), block(3)
  end)
end
