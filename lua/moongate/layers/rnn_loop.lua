-- The time loop for cells in Lua, on the tape. B batch, T time.
--   m = mask[:, t];  out = where(m, out, previous out);  state = where(m, new, state);  the previous out starts as zeros
local check = require "moongate.check"
local create = require "moongate.tensor_create"
local ops = require "moongate.ops"
local shapes = require "moongate.shape"
local states_of = require "moongate.layers.rnn_states"
local tensor = require "moongate.tensor"
local watch = require "moongate.watch"

-- Column t of a (B,T) mask as (B,1).
local function column(mask, t) return ops.slice(mask, 2, t, t) end

-- (B,1) with as many axes as t has.
local function aligned(m, t)
  for _ = 3, #t.shape do m = ops.expand_dims(m, -1) end
  return m
end

local function step_input(x, t, m)
  local input = ops.squeeze(ops.slice(x, 2, t, t), 2)
  -- What a masked step holds, NaN included, must reach nothing.
  return m and ops.where(aligned(m, input), input, 0) or input
end

local function choose(m, new, old)
  local out = {}
  for i = 1, #new do out[i] = ops.where(m, new[i], old[i]) end
  return out
end

local function wrong(layer, what, value, expected)
  check.fail("%s: cell:call returned %s as %s, expected %s; it returns output, list of new states", layer:title(),
    check.describe(value), what, expected)
end

-- A cell may return its states as a list or, when there is one, as a tensor.
local function call_cell(layer, input, states, options)
  local cell = layer.cell
  local output, new = cell:call(input, states_of.packed(cell.state_size, states), options)
  if not tensor.is(output) then wrong(layer, "output", output, "a tensor") end
  if type(new) ~= "table" then wrong(layer, "states", new, "a list of tensors") end
  new = states_of.flat(new)
  if #new ~= #states then wrong(layer, "states", ("%d states"):format(#new), tostring(#states)) end
  for i, old in ipairs(states) do
    local state = new[i]
    if not tensor.is(state) or not shapes.equal(state.shape, old.shape) then
      wrong(layer, ("state %d"):format(i), state, "a tensor " .. tostring(old.shape))
    end
  end
  return output, new
end

-- For no steps at all: one step that is masked throughout, so that the outputs are zeros, the states stay, and gradients are zeros.
local function one_masked_step(x)
  local shape = { x.shape[1], 1 }
  for i = 3, #x.shape do shape[i] = x.shape[i] end
  return create.zeros(shape, { dtype = x.dtype }), create.zeros({ x.shape[1], 1 }, { dtype = "uint8" })
end

--- Runs layer.cell over the steps of x (B,T,...) from a flat list of states. Returns the last valid output (B,U), the outputs
--- (B,T,U) in processing order (nil where the layer does not return sequences), and the new states.
---@param layer table
---@param x Tensor
---@param states Tensor[]
---@param mask Tensor|nil (B,T)
---@param training boolean
---@return Tensor, Tensor|nil, Tensor[]
return function(layer, x, states, mask, training)
  local T, options = x.shape[2], { training = training }
  local is_empty = T == 0
  if is_empty then
    x, mask = one_masked_step(x)
    T = 1
  end
  local outputs, previous = {}, nil
  for step = 1, T do
    local t = layer.go_backwards and T + 1 - step or step
    local m = mask and column(mask, t)
    local input = step_input(x, t, m)
    local output, new = call_cell(layer, input, states, options)
    if watch.step then watch.step(layer, t, { input, states }, { output, new }) end
    if m then
      local shown = ops.where(aligned(m, output), output, previous or 0)
      states, previous = choose(m, new, states), shown
      outputs[step] = layer.zero_output_for_mask and ops.where(aligned(m, output), output, 0) or shown
    else
      states, previous = new, output
      outputs[step] = output
    end
  end
  if not layer.return_sequences then return previous, nil, states end
  local sequence = ops.stack(outputs, 2)
  return previous, is_empty and ops.slice(sequence, 2, 1, 0) or sequence, states
end
