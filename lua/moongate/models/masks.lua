-- Where each mask goes: a list of { layer =, mask = } that prints as lines such as
--   embedding (Embedding)   mask (2, 3): 5 of 6 steps are used
--   gru (GRU)               no mask
local autograd = require "moongate.autograd"
local ops = require "moongate.ops"
local tensor = require "moongate.tensor"

local Masks = {}

local function mask_text(layer, mask)
  if not mask then return "no mask" end
  local used = ops.sum(ops.cast(mask, "int32")):item()
  return ("mask %s: %d of %d steps are used"):format(layer.shape_text(mask.shape), used, mask.count)
end

function Masks.__tostring(list)
  local names, width, lines = {}, 0, {}
  for i, entry in ipairs(list) do
    names[i] = ("%s (%s)"):format(entry.layer.name, getmetatable(entry.layer).class.name)
    width = math.max(width, #names[i])
  end
  for i, entry in ipairs(list) do
    lines[i] = names[i] .. (" "):rep(width - #names[i] + 3) .. mask_text(entry.layer, entry.mask)
  end
  return table.concat(lines, "\n")
end

local function each_layer(layer, visit)
  visit(layer)
  for _, inner in ipairs(layer:inner_layers()) do each_layer(inner, visit) end
end

-- Stored states of stateful layers, to be put back: looking changes nothing.
local function stored_states(model)
  local list = {}
  each_layer(model, function(layer)
    list[#list + 1] = { layer = layer, states = rawget(layer, "states"), batch = rawget(layer, "state_batch") }
  end)
  return list
end

local function walk(model, x)
  local list = setmetatable({}, Masks)
  for i, layer in ipairs(model.layers) do
    x = layer(x)
    list[i] = { layer = layer, mask = x.keras_mask }
  end
  return list
end

--- The masks of a model's layers for an input.
---@param model Sequential
---@param x Tensor|table (B, ...)
---@return table[] { layer =, mask = Tensor|nil } in order
return function(model, x)
  x = model:convert(x)
  tensor.expect(model:title() .. ": masks", "x", x)
  model:build_for(x)
  local before = stored_states(model)
  local ok, list = pcall(autograd.no_grad, walk, model, x)
  for _, entry in ipairs(before) do
    rawset(entry.layer, "states", entry.states)
    rawset(entry.layer, "state_batch", entry.batch)
  end
  if not ok then error(list, 0) end
  return list
end
