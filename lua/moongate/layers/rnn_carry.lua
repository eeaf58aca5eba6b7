-- Truncated backpropagation through time: recurrent layers keep their states from one piece of a sequence to the next, without
-- their history. Around the pieces of a batch:
--   local layers = carry.layers(model)
--   carry.start(layers)                     every layer begins at zeros, stateful ones where the last batch ended
--   ... the model is called on each piece of T in turn, one update each ...
--   carry.stop(layers)                      layers that are not stateful forget; call it also when a piece has failed
local check = require "moongate.check"

local carry = {}

--- The recurrent layers in a model or layer, at any depth, each once; not those that run along an axis of their own, inside a step.
---@param layer table
---@return table[]
function carry.layers(layer)
  local list, seen = {}, {}
  local function visit(each)
    if seen[each] or each.applies_to_steps then return end
    seen[each] = true
    if each.carries_state then list[#list + 1] = each end
    -- A layer inside TimeDistributed begins anew at every step of the sequence that is cut.
    for _, inner in ipairs(each.restarts_inner and {} or each:inner_layers()) do visit(inner) end
  end
  visit(layer)
  return list
end

--- Has layers begin at zeros (stateful ones where they stand) and keep their final states from call to call.
---@param layers table[]
function carry.start(layers)
  for _, layer in ipairs(layers) do
    if layer.go_backwards then
      check.fail("%s: it reads time from the end, and a state carried from one piece of time to the next would come from the past; "
        .. "likely fix: fit without tbptt", layer:title())
    end
  end
  for _, layer in ipairs(layers) do
    if not layer.stateful then layer.states, layer.state_batch = nil, nil end
    layer.carrying = true
  end
end

--- Ends what start began.
---@param layers table[]
function carry.stop(layers)
  for _, layer in ipairs(layers) do
    layer.carrying = nil
    if not layer.stateful then layer.states, layer.state_batch = nil, nil end
  end
end

return carry
