-- The graph behind autograd, and how it is walked. Each recorded operation leaves a node { false, backward =, a, b, c or list = its
-- inputs, what it saved }; a tensor's `node` and `slot` say which node made it and as which of its outputs. node[slot] is the
-- gradient that has arrived there; node.waiting counts the uses that have not answered. A leaf's node has `leaf` = the tensor.
local check = require "moongate.check"
local raw = require "moongate.ops.raw"
local tensors = require "moongate.tensor_core"
local watch = require "moongate.watch"
local version = tensors.version

local graph = {}

--- Adds `g` to the gradient of tensor `t`; nothing where `t` requires none. Backward functions call this for each input.
function graph.accumulate(t, g)
  local node = t.node
  if not node then return end
  local slot = t.slot
  local old = node[slot]
  if not old then
    node[slot] = g
  elseif node.own == old then
    raw.add_into(old, old, g)
  else
    local sum = raw.add_into(tensors.alloc_like(old, old.dtype), old, g)
    node[slot], node.own = sum, sum
  end
end

local function changed(t)
  check.fail("backward: a tensor %s that the gradient needs was changed in place after it was used; "
    .. "use the form without _ (add instead of add_), or work on a copy()", tostring(t.shape))
end

local function check_saved(node)
  if node.va and node.va ~= version(node.a) then changed(node.a) end
  if node.vb and node.vb ~= version(node.b) then changed(node.b) end
  if node.vy and node.vy ~= version(node.y) then changed(node.y) end
  local list = node.saved
  if list then
    for i = 1, #list, 2 do
      if list[i + 1] ~= version(list[i]) then changed(list[i]) end
    end
  end
end

local function visit(t, nodes, n)
  local node = type(t) == "table" and t.node
  if not node then return n end
  local count = node.waiting
  node.waiting = count + 1
  if count > 0 then return n end
  if node.done then
    check.fail("backward: this part of the graph has been used already; pass { retain_graph = true } to the first backward")
  end
  nodes[n + 1] = node
  return n + 1
end

-- All nodes that nodes[1] leads to, appended in order of discovery; counts the uses of each.
local function discover(nodes)
  local n, i = 1, 1
  while i <= n do
    local node = nodes[i]
    n = visit(node.a, nodes, n)
    n = visit(node.b, nodes, n)
    n = visit(node.c, nodes, n)
    local list = node.list
    if list then
      for k = 1, #list do n = visit(list[k], nodes, n) end
    end
    i = i + 1
  end
end

local function answer(t, ready, n)
  local node = type(t) == "table" and t.node
  if not node then return n end
  local left = node.waiting - 1
  node.waiting = left
  if left > 0 then return n end
  ready[n + 1] = node
  return n + 1
end

--- The tensors that a node was made of.
---@param node table
---@return Tensor[]
function graph.inputs(node)
  local list = {}
  for _, t in ipairs { node.a or false, node.b or false, node.c or false } do
    if type(t) == "table" then list[#list + 1] = t end
  end
  for _, t in ipairs(node.list or {}) do list[#list + 1] = t end
  return list
end

local function has_gradient(node)
  if node[1] then return true end
  for i = 2, node.outputs or 1 do
    if node[i] then return true end
  end
  return false
end

-- Fields are only cleared where they are set: storing nil under a new key would make the table grow.
local function clear_gradients(node)
  node[1] = false
  for i = 2, node.outputs or 1 do node[i] = false end
  if node.own then node.own = nil end
end

-- Runs one node, when a gradient has reached it. `found` takes the gradients of leaves and of the nodes that it names.
local function step(node, found)
  local wanted = found[node]
  if wanted or node.leaf then
    local kept = {}
    for i = 1, node.outputs or 1 do kept[i] = node[i] end
    found[node] = kept
  end
  if not node.leaf and has_gradient(node) then
    check_saved(node)
    local inputs = watch.node and graph.inputs(node)
    node.backward(node, node[1])
    if inputs then watch.node(node, inputs) end
  end
  clear_gradients(node)
end

-- A node that has run drops what it saved: a long graph does not outlive its use.
local function drop(node)
  if node.leaf then return end
  node.done = true
  node.a, node.b = false, false
  if node.c then node.c = false end
  if node.y then node.y = false end
  if node.list then node.list = false end
  if node.saved then node.saved = false end
end

--- Walks the graph back from nodes[1], whose gradients have been put in. `nodes` is filled with all that it leads to.
function graph.run(nodes, found, retain)
  discover(nodes)
  local ready, n = { nodes[1] }, 1
  while n > 0 do
    local node = ready[n]
    n = n - 1
    step(node, found)
    n = answer(node.a, ready, n)
    n = answer(node.b, ready, n)
    n = answer(node.c, ready, n)
    local list = node.list
    if list then
      for i = 1, #list do n = answer(list[i], ready, n) end
    end
    if not retain then drop(node) end
  end
end

--- After a failed run: no gradient that arrived half-way stays behind.
function graph.reset(nodes)
  for i = 1, #nodes do
    clear_gradients(nodes[i])
    nodes[i].waiting = 0
  end
end

return graph
