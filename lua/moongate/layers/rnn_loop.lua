-- The time loop for cells in Lua, on the tape. B batch, T time.
--   m = mask[:, t];  out = where(m, out, previous out);  state = where(m, new, state);  the previous out starts as zeros
local check = require "moongate.check"
local create = require "moongate.tensor_create"
local ops = require "moongate.ops"
local shapes = require "moongate.shape"
local tensor = require "moongate.tensor"

-- Column t of a (B,T) mask as (B,1).
local function column(mask, t) return ops.slice(mask, 2, t, t) end

local function step_input(x, t, m)
  local input = ops.squeeze(ops.slice(x, 2, t, t), 2)
  -- What a masked step holds, NaN included, must reach nothing.
  return m and ops.where(m, input, 0) or input
end

local function choose(m, new, old)
  local out = {}
  for i = 1, #new do out[i] = ops.where(m, new[i], old[i]) end
  return out
end

local function empty_output(layer, x, states)
  local units = layer.cell.output_size or states[1].shape[2]
  local B = x.shape[1]
  return create.zeros(layer.return_sequences and { B, 0, units } or { B, units }, { dtype = x.dtype })
end

local function wrong(layer, what, value, expected)
  check.fail("%s: cell:call returned %s as %s, expected %s; it returns output, list of new states", layer:title(),
    check.describe(value), what, expected)
end

-- A cell may return its states as a list or, when there is one, as a tensor.
local function call_cell(layer, input, states, options)
  local output, new = layer.cell:call(input, states, options)
  if not tensor.is(output) then wrong(layer, "output", output, "a tensor") end
  if tensor.is(new) then new = { new } end
  if type(new) ~= "table" then wrong(layer, "states", new, "a list of tensors") end
  for i, old in ipairs(states) do
    local state = new[i]
    if not tensor.is(state) or not shapes.equal(state.shape, old.shape) then
      wrong(layer, ("state %d"):format(i), state, "a tensor " .. tostring(old.shape))
    end
  end
  return output, new
end

--- Runs layer.cell over the steps of x (B,T,F). Returns (B,T,U) in processing order, or the last valid output (B,U), and the
--- states.
return function(layer, x, states, mask, training)
  local T, options = x.shape[2], { training = training }
  if T == 0 then return empty_output(layer, x, states), states end
  local outputs, previous = {}, nil
  for step = 1, T do
    local t = layer.go_backwards and T + 1 - step or step
    local m = mask and column(mask, t)
    local output, new = call_cell(layer, step_input(x, t, m), states, options)
    if m then
      local shown = ops.where(m, output, previous or 0)
      states, previous = choose(m, new, states), shown
      outputs[step] = layer.zero_output_for_mask and ops.where(m, output, 0) or shown
    else
      states, previous = new, output
      outputs[step] = output
    end
  end
  if layer.return_sequences then return ops.stack(outputs, 2), states end
  return previous, states
end
