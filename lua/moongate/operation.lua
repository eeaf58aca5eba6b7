-- Operations of one's own, and the check of gradients by central differences.
local check = require "moongate.check"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"

local M = {}

local function tensors_of(...)
  local list = {}
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if tensors.is(value) then list[#list + 1] = value end
  end
  return list
end

local function check_gradient(name, i, input, g)
  tensors.expect(name .. ".backward", "result " .. i, g)
  if not shapes.equal(g.shape, input.shape) or g.dtype ~= input.dtype then
    check.fail("%s.backward: result %d is %s, expected %s like the input", name, i, check.describe(g), check.describe(input))
  end
end

local function backward_of(definition)
  return function(node)
    local gradients = { definition.backward(node.context, unpack(node, 1, node.outputs)) }
    local k = 0
    for i = 1, node.arguments.n do
      local input = node.arguments[i]
      if tensors.is(input) then
        k = k + 1
        local g = gradients[k]
        if input.node and g then
          check_gradient(definition.name, k, input, g)
          autograd.accumulate(input, g)
        end
      end
    end
  end
end

--- An operation with a gradient of its own. forward(context, ...) computes without recording and keeps in `context` what backward
--- needs; backward(context, dy1, dy2, ...) returns one gradient (or nil) for each tensor argument in order. A dy is false where no
--- gradient arrived; tensors listed in context.saved are guarded against changes in place.
---@param definition table { name = string, forward = function, backward = function }
---@return function
---@example
---  local double = mg.operation{ name = "double", forward = function(_, x) return x * 2 end,
---    backward = function(_, dy) return dy * 2 end }
function M.operation(definition)
  check.options("operation", check.type("operation", "definition", definition, "table"), { "name", "forward", "backward" })
  check.type("operation", "name", definition.name, "string")
  check.type("operation", "forward", definition.forward, "function")
  check.type("operation", "backward", definition.backward, "function")
  local backward = backward_of(definition)
  return function(...)
    local inputs, context = tensors_of(...), {}
    local outputs = { autograd.no_grad(definition.forward, context, ...) }
    if autograd.any(inputs) then
      for i, y in ipairs(outputs) do
        tensors.expect(definition.name, "result " .. i, y)
        for _, x in ipairs(inputs) do
          if rawequal(x, y) then outputs[i] = tensors.alias(y) end
        end
      end
      local node = autograd.record_many(outputs, backward, inputs, context.saved or {})
      node.context, node.arguments = context, { n = select("#", ...), ... }
    end
    return unpack(outputs)
  end
end

-- The sum over all outputs of w * output, with fixed weights w, so that every element of the result counts differently.
local function weighted_sum(f, inputs)
  local total
  for _, y in ipairs { f(unpack(inputs)) } do
    if tensors.is(y) and (y.dtype == "float64" or y.dtype == "float32") then
      local weights = {}
      for i = 1, y.count do weights[i] = 0.5 + (i * 0.618033988749895) % 1 end
      local w = tensors.from_list(weights, y.shape, y.dtype)
      local part = (y * w):sum()
      total = total and total + part or part
    end
  end
  return total
end

local function numeric(f, inputs, x, i, step)
  local p = tensors.write(x)
  local value = p[i]
  p[i] = value + step
  local above = autograd.no_grad(weighted_sum, f, inputs):item()
  tensors.write(x)[i] = value - step
  local below = autograd.no_grad(weighted_sum, f, inputs):item()
  tensors.write(x)[i] = value
  return (above - below) / (2 * step)
end

local function compare(f, inputs, k, analytic, options)
  local x, g = inputs[k], analytic:to_flat_table()
  for i = 0, x.count - 1 do
    local n, a = numeric(f, inputs, x, i, options.step or 1e-6), g[i + 1]
    local difference = math.abs(n - a)
    if difference ~= difference or difference > (options.tolerance or 1e-6) * math.max(1, math.abs(n)) then
      return false, ("gradcheck: input %d, element %d: gradient %.10g, by central differences %.10g"):format(k, i + 1, a, n)
    end
  end
  return true
end

--- Compares gradients of f(inputs...) with central differences, in float64. f returns one or more tensors.
---@param f function
---@param inputs Tensor[]|Tensor float64 tensors (others are converted)
---@param options? table { step = 1e-6, tolerance = 1e-6 }
---@return boolean ok, string|nil what differs
---@example assert(mg.gradcheck(mg.ops.tanh, { mg.tensor{ 0.1, 0.2 } }))
function M.gradcheck(f, inputs, options)
  options = check.options("gradcheck", options, { "step", "tolerance" })
  check.callable("gradcheck", "f", f)
  if tensors.is(inputs) then inputs = { inputs } end
  local own = {}
  for i, x in ipairs(check.type("gradcheck", "inputs", inputs, "table")) do
    own[i] = tensors.expect("gradcheck", "inputs[" .. i .. "]", x):detach():to("float64"):copy():requires_grad_()
  end
  local gradients = autograd.gradients(weighted_sum(f, own), own)
  for k = 1, #own do
    local ok, message = compare(f, own, k, gradients[k], options)
    if not ok then return false, message end
  end
  return true
end

return M
