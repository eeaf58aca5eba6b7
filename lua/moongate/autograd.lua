-- Gradients: what operations record, and the calls that walk the graph back.
local check = require "moongate.check"
local graph = require "moongate.graph"
local memory = require "moongate.memory"
local raw = require "moongate.ops.raw"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"
local version = tensors.version

local autograd = { accumulate = graph.accumulate }

-- One table that the operations read, so that switching is one store.
local state = { on = true }
autograd.state = state

--- Whether operations on tensors that require a gradient are recorded.
---@return boolean
function autograd.is_recording()
  return state.on
end

local function restore(before, ok, ...)
  state.on = before
  if not ok then error((...), 0) end
  return ...
end

--- Calls f(...) without recording.
---@param f function
---@return any what f returns
---@example local y = mg.no_grad(function() return model(x) end)
function autograd.no_grad(f, ...)
  check.callable("no_grad", "f", f)
  local before = state.on
  state.on = false
  return restore(before, pcall(f, ...))
end

--- Calls f(...) with recording on, also inside no_grad.
---@param f function
---@return any what f returns
function autograd.enable_grad(f, ...)
  check.callable("enable_grad", "f", f)
  local before = state.on
  state.on = true
  return restore(before, pcall(f, ...))
end

-- Recording, by what backward(node, dy) reads. The fields va, vb, vy hold the versions of memory that must not change until then.
-- A node names at once what will be set later (up to eight names): a table that grows afterwards costs as much as an operation.

--- Makes `y` the output of a node with inputs a and b (b: tensor, number or nil) that backward does not read.
function autograd.record(y, backward, a, b)
  local node = { false, backward = backward, a = a, b = b, s = false, waiting = 0, done = false }
  y.node = node
  return node
end

--- As record; backward reads both inputs.
function autograd.record_inputs(y, backward, a, b)
  local node = { false, backward = backward, a = a, b = b, waiting = 0, done = false,
    va = version(a), vb = version(b) }
  y.node = node
  return node
end

--- As record; backward reads the first input.
function autograd.record_input(y, backward, a)
  local node = { false, backward = backward, a = a, b = false, s = false, waiting = 0, done = false,
    va = version(a) }
  y.node = node
  return node
end

--- As record; backward reads the output, as node.y.
function autograd.record_output(y, backward, a)
  local node = { false, backward = backward, a = a, b = false, y = y, waiting = 0, done = false,
    vy = version(y) }
  y.node = node
  return node
end

--- Has backward fail when one of these tensors, which it reads, has been changed in place by then.
function autograd.guard(node, tensors_read)
  local saved, n = {}, 0 -- tensor, version, tensor, ...
  for i = 1, #tensors_read do
    local t = tensors_read[i]
    saved[n + 1], saved[n + 2] = t, version(t)
    n = n + 2
  end
  node.saved = saved
end

--- A node for several outputs and any number of inputs (`inputs`, a list of tensors). `saved` lists tensors that backward reads;
--- backward(node) finds the outputs' gradients, or false, in node[1], node[2], ...
function autograd.record_many(outputs, backward, inputs, saved)
  local node = { false, backward = backward, list = inputs, waiting = 0, outputs = #outputs, saved = false }
  for i = 1, #outputs do
    node[i] = false
    outputs[i].node, outputs[i].slot = node, i
  end
  autograd.guard(node, saved)
  return node
end

--- Whether an operation on these inputs is to be recorded.
---@return boolean
function autograd.any(list)
  if not state.on then return false end
  for i = 1, #list do
    if list[i].node then return true end
  end
  return false
end

-- A gradient as the caller may keep it: memory of its own, and zeros where none arrived.
local function finished(g, v, seen)
  if g and not seen[g] and raw.is_contiguous(g) then
    seen[g] = true
    return g
  end
  local own = tensors.alloc_like(v, v.dtype)
  return g and raw.copy_to(own, g) or raw.fill(own, 0)
end

local function collect(nodes, variables, retain)
  local found, gradients, seen = {}, {}, {}
  for i = 1, #variables do found[variables[i].node] = true end
  graph.run(nodes, found, retain)
  for i = 1, #variables do
    local v = variables[i]
    local kept = found[v.node]
    gradients[i] = finished(type(kept) == "table" and kept[v.slot], v, seen)
  end
  return gradients
end

local function collect_leaves(nodes, retain)
  local found, leaves = {}, {}
  graph.run(nodes, found, retain)
  for i = 1, #nodes do
    if nodes[i].leaf and found[nodes[i]][1] then leaves[#leaves + 1] = { tensor = nodes[i].leaf, gradient = found[nodes[i]][1] } end
  end
  for _, leaf in ipairs(leaves) do
    local v = leaf.tensor
    local old = rawget(v, "grad")
    if old then
      raw.add_into(old, old, leaf.gradient)
    else
      v.grad = finished(leaf.gradient, v, { [leaf.gradient] = true }):keep()
    end
  end
end

-- In a scope of its own: what backward makes on its way is freed at once.
local function walk(loss, seed, f, ...)
  local before, nodes = state.on, { loss.node }
  loss.node[loss.slot] = seed
  state.on = false
  local ok, result = pcall(memory.scope, f, nodes, ...)
  state.on = before
  if ok then return result end
  graph.reset(nodes)
  error(result, 0)
end

local function ones(loss)
  return raw.full_like(loss, 1)
end

local function check_loss(op, loss, seed)
  tensors.expect(op, "loss", loss)
  if not loss.node then
    check.fail("%s: the loss %s depends on no tensor that requires a gradient; use a Variable, or x:requires_grad_() beforehand",
      op, tostring(loss.shape))
  end
  if loss.node.done then
    check.fail("%s: this graph has been used already and is gone; pass { retain_graph = true } to the first call", op)
  end
  if seed == nil then
    if loss.count == 1 then return ones(loss) end
    check.fail("%s: the loss has shape %s, expected one element; take loss:sum() or :mean(), or pass { gradient = tensor }", op,
      tostring(loss.shape))
  end
  tensors.expect(op, "gradient", seed, { loss.dtype })
  if not shapes.equal(seed.shape, loss.shape) then
    check.fail("%s: argument gradient %s, expected the loss's shape %s", op, tostring(seed.shape), tostring(loss.shape))
  end
  return seed
end

local OPTIONS = { "retain_graph", "gradient" }

--- Gradients of `loss` (one element) with respect to each of `variables`, which may also be intermediate results; zeros where the
--- loss does not depend on one. The graph is used up unless retain_graph is set.
---@param loss Tensor
---@param variables Tensor[]
---@param options? table { retain_graph = boolean, gradient = Tensor (that of the loss; default ones) }
---@return Tensor[] gradients in the order of the variables
---@example local grads = mg.gradients(loss, model.trainable_weights)
function autograd.gradients(loss, variables, options)
  options = check.options("gradients", options, OPTIONS)
  local seed = check_loss("gradients", loss, options.gradient)
  if tensors.is(variables) then variables = { variables } end
  check.type("gradients", "variables", variables, "table")
  for i = 1, #variables do
    if not tensors.expect("gradients", "variables[" .. i .. "]", variables[i]).node then
      check.fail("gradients: variables[%d] %s requires no gradient; call requires_grad_() before computing the loss", i,
        tostring(variables[i].shape))
    end
  end
  return walk(loss, seed, collect, variables, options.retain_graph)
end

--- Adds the gradients of this tensor (one element) to the `grad` of every leaf that it depends on.
---@param options? table { retain_graph = boolean, gradient = Tensor }
---@example loss:backward()
function tensors.methods:backward(options)
  options = check.options("backward", options, OPTIONS)
  walk(self, check_loss("backward", self, options.gradient), collect_leaves, options.retain_graph)
end

--- The same values, unconnected to the graph. Shares memory.
---@return Tensor
function tensors.methods:detach()
  return tensors.alias(self)
end

--- Makes the tensor a leaf whose gradient is wanted (or not, with false).
---@param wanted? boolean
---@return Tensor self
function tensors.methods:requires_grad_(wanted)
  if self.node and not self.node.leaf then
    check.fail("requires_grad_: the tensor %s is the result of an operation; use :detach() first", tostring(self.shape))
  end
  if wanted == false then
    self.node = false
  elseif self.dtype ~= "float32" and self.dtype ~= "float64" then
    check.fail("requires_grad_: the tensor %s is %s, expected float32 or float64", tostring(self.shape), self.dtype)
  elseif not self.node then
    self.node = { false, leaf = self, waiting = 0 }
  end
  return self
end

--- Forgets the gradient in `grad`.
function tensors.methods:zero_grad()
  self.grad = nil
end

return autograd
