-- mg.debug.first_nan: where the first value that is not finite appeared, forward or backward.
-- While the function runs, every layer's call and every node of the graph is looked at (watch.lua). The innermost layer ends its
-- call first, and the first find is kept.
local autograd = require "moongate.autograd"
local check = require "moongate.check"
local find = require "moongate.debug_find"
local graph = require "moongate.graph"
local tensor = require "moongate.tensor"
local watch = require "moongate.watch"

local debug = {}

local Find = {}
Find.__index = Find

local function place_text(self)
  local words = {}
  if self.step then words[#words + 1] = ("step %d"):format(self.step) end
  if self.row then words[#words + 1] = ("row %d"):format(self.row) end
  return #words > 0 and ", " .. table.concat(words, ", ") or ""
end

local HINTS = {
  input = "it was there before the layer", weight = "it was there before the call",
  ["gradient of output"] = "it came from the loss or from what was computed after the layer",
  result = "no layer was called on the way, or all that layers gave was finite",
}

--- The find as a line of text.
function Find:__tostring()
  local where = self.layer and ("%s, call %d: "):format(self.layer:title(), self.call) or ""
  local what = self.name and ("%s %s"):format(self.kind, self.name) or self.kind
  local hint = HINTS[self.kind] and "; " .. HINTS[self.kind] or ""
  return ("%s%s is %s%s%s"):format(where, what, tostring(self.value), place_text(self), hint)
end

-- What is known while a function runs: the find, which layer (at which step) made which node, how often each layer was called.
local function new_search() return { owners = setmetatable({}, { __mode = "k" }), calls = {} } end

local function keep(search, found)
  if search.found then return end
  search.found = setmetatable(found, Find)
  found.call = found.layer and search.calls[found.layer] or nil
end

-- Layers ------------------------------------------------------------------------------------------------------------------------

local function each_tensor(value, visit)
  if tensor.is(value) then return visit(value) end
  if type(value) ~= "table" or getmetatable(value) then return end
  for i = 1, #value do each_tensor(value[i], visit) end
end

-- Why an output at (row, step) is not finite: a weight, what the layer was called on, or the layer itself.
local function blame(search, layer, x, place)
  for _, v in ipairs(layer.weights) do
    local value = find.first(v)
    if value then return keep(search, { kind = "weight", name = v.name, layer = layer, value = value.value }) end
  end
  each_tensor(x, function(t)
    local at = find.at(t, place, layer.time_major)
    if at then keep(search, { kind = "input", layer = layer, step = at.step, row = at.row, value = at.value }) end
  end)
  place.kind, place.layer = "output", layer
  return keep(search, place)
end

local function look_at_outputs(search, layer, x, results)
  each_tensor(results, function(t)
    local place = not search.found and find.first(t, { time_major = layer.time_major })
    if place then blame(search, layer, x, place) end
  end)
end

-- The nodes between outputs and inputs belong to a layer, unless a layer inside has them. owner: { layer =, step = }
local function claim(search, owner, node, stop)
  if not node or node.leaf or stop[node] or search.owners[node] or node.done then return end
  search.owners[node] = owner
  for _, t in ipairs(graph.inputs(node)) do claim(search, owner, t.node, stop) end
end

local function claim_between(search, owner, inputs, outputs)
  local stop = {}
  each_tensor(inputs, function(t) stop[t.node or false] = true end)
  each_tensor(outputs, function(t) claim(search, owner, t.node, stop) end)
end

local function step(search)
  return function(layer, t, inputs, outputs)
    if not search.found then claim_between(search, { layer = layer, step = t }, inputs, outputs) end
  end
end

-- Inputs that need no gradient get one while we look: a recurrent layer's tells the step.
local function with_gradient(x)
  if not autograd.is_recording() then return x end
  if tensor.is(x) then
    if x.node or (x.dtype ~= "float32" and x.dtype ~= "float64") then return x end
    local alias = x:detach():requires_grad_()
    alias.keras_mask = x.keras_mask
    return alias
  end
  if type(x) ~= "table" or getmetatable(x) then return x end
  local list = {}
  for i = 1, #x do list[i] = with_gradient(x[i]) end
  return list
end

-- A wrapper that calls its layer for all steps at once (TimeDistributed) knows which row and step the inner one's row is.
local function refine(found, layer, results)
  if rawget(layer, "layer") ~= found.layer or found.step or found.kind ~= "output" then return end
  each_tensor(results, function(t)
    local place = not found.step and find.first(t)
    if place and place.step then found.step, found.row = place.step, place.row end
  end)
end

local function layer_call(search)
  return function(f, layer, x, ...)
    if search.found then return f(layer, x, ...) end
    search.calls[layer] = (search.calls[layer] or 0) + 1
    x = with_gradient(x)
    local results = { f(layer, x, ...) }
    if search.found then
      refine(search.found, layer, results)
      return unpack(results, 1, table.maxn(results))
    end
    look_at_outputs(search, layer, x, results)
    claim_between(search, { layer = layer }, x, results)
    return unpack(results, 1, table.maxn(results))
  end
end

-- A recurrent layer whose last output or state is not finite runs again for all steps, with the same dropout masks.
local function sequence(search)
  return function(layer, x, states, mask, training, results)
    if search.found then return end
    local bad = false
    each_tensor({ results[1], results[2] }, function(t) bad = bad or find.first(t) ~= nil end)
    if not bad then return end
    local whole = setmetatable({ return_sequences = true, zero_output_for_mask = false },
      { __index = layer, class = getmetatable(layer).class })
    local output = autograd.no_grad(layer.run, whole, x, states, mask, training)
    local place = find.first(output, { time_major = layer.time_major, backwards = layer.go_backwards })
    if place then blame(search, layer, x, place) end
  end
end

-- Gradients -----------------------------------------------------------------------------------------------------------------------

local function weight_name(layer, t)
  for _, v in ipairs(layer.weights) do
    if rawequal(v, t) then return v.name end
  end
end

-- What a node's gradient to its input t shows: nil where it is finite, or no layer's business.
local function bad_gradient(search, owner, t)
  local g = t.node and t.node[t.slot]
  local origin = owner or (t.node and search.owners[t.node])
  if not g or not origin then return nil end
  local layer = origin.layer
  -- The last step of a sequence is the first on the way back.
  local place = find.first(g, { last = not layer.go_backwards, time_major = layer.time_major })
  if not place then return nil end
  local name = owner and weight_name(layer, t)
  local step_of = owner and owner.step or place.step
  if name then return { kind = "gradient of weight", name = name, layer = layer, step = step_of, value = place.value } end
  return { kind = owner and "gradient of input" or "gradient of output", layer = layer, row = place.row, step = step_of,
    value = place.value }
end

-- A node's gradients have reached its inputs: the one that names a row counts before a weight's.
local function node_ran(search)
  return function(node, inputs)
    if search.found then return end
    local first
    for _, t in ipairs(inputs) do
      local found = bad_gradient(search, search.owners[node], t)
      if found and (not first or first.name and not found.name) then first = found end
    end
    if first then keep(search, first) end
  end
end

local function finish(search, ok, ...)
  watch.call, watch.sequence, watch.step, watch.node = false, false, false, false
  if not ok then error((...), 0) end
  each_tensor({ ... }, function(t)
    local place = not search.found and find.first(t)
    if place then
      place.kind = "result"
      keep(search, place)
    end
  end)
  return search.found
end

--- Runs f and tells where the first value that is not finite appeared: { kind =, layer =, name =, call =, step =, row =, value = }
--- which prints as text; nil when all was finite. kind: "input", "weight", "output", "gradient of weight", "gradient of input" or
--- "gradient of output" of `layer`, or "result" of f; name is the weight's; call, step and row count from 1. Gradients are looked
--- at when f computes them.
---@param f function
---@param ... any what f is called with
---@return table|nil
---@example print(mg.debug.first_nan(function() model:fit(x, y, { epochs = 1, verbose = 0 }) end))
function debug.first_nan(f, ...)
  check.callable("debug.first_nan", "f", f)
  if watch.call then check.fail("debug.first_nan: it is running already") end
  local search = new_search()
  watch.call, watch.sequence, watch.step, watch.node = layer_call(search), sequence(search), step(search), node_ran(search)
  return finish(search, pcall(f, ...))
end

return debug
