-- Calling a layer: tensors and masks made fit, building at the first call, the mask on the outputs. Calls on symbolic tensors are
-- in symbolic_call.lua. Source: keras/src/layers/layer.py, __call__.
local check = require "moongate.check"
local create = require "moongate.tensor_create"
local inputs = require "moongate.layers.call_inputs"
local masks = require "moongate.layers.call_masks"
local null = require "moongate.null"
local ops = require "moongate.ops"
local symbolic = require "moongate.symbolic"
local tensor = require "moongate.tensor"
local watch = require "moongate.watch"
local Weighted = require "moongate.layers.weights"

-- Outputs ---------------------------------------------------------------------------------------------------------------------

-- Adds the activity regularizer's term for one output: its mean over the batch.
local function regularize(self, output)
  local batch = output.shape[1] or 1
  self:add_loss(ops.div(self.activity_regularizer(output), math.max(batch, 1)))
end

local function regularized(self, output, ...)
  if rawget(self, "activity_regularizer") then
    for _, each in ipairs { output, ... } do regularize(self, each) end
  end
  return output, ...
end

local function masked(self, x, mask, output, ...)
  if mask or self.makes_mask then masks.give(self, { output, ... }, mask, self:compute_mask(x, mask)) end
  return output, ...
end

-- Losses of a call are forgotten when the next one begins; calls inside another layer's call belong to that one.
local depth = 0

local function leave(ok, ...)
  depth = depth - 1
  if not ok then error((...), 0) end
  return ...
end

local function work(self, x, call, mask) return masked(self, x, mask, regularized(self, self:call(x, call))) end

local function run_call(self, x, call, mask)
  local has_children = self.children ~= Weighted.children
  if depth == 0 and (has_children or #self.loss_list > 0) then self:clear_losses() end
  if not has_children then return work(self, x, call, mask) end
  depth = depth + 1
  return leave(pcall(work, self, x, call, mask))
end

-- Who looks on, in model:masks: takes the place of a call and makes it.
local tracer

local function run(self, x, call, mask)
  if tracer then return tracer(self, x, call, run_call, mask) end
  return run_call(self, x, call, mask)
end

local function run_part(self, x, call, mask) return masked(self, x, mask, self:call(x, call)) end

return function(Layer)
  --- A tensor of the layer's dtype from a tensor, a number or nested tables.
  ---@param x Tensor
  ---@return Tensor
  ---@package
  function Layer:convert(x)
    if symbolic.is(x) then return x end
    if x == nil then check.fail("%s: input is nil, expected a tensor", self:title()) end
    if not tensor.is(x) then
      if type(x) ~= "table" and type(x) ~= "number" then
        check.fail("%s: input is %s, expected a tensor", self:title(), check.describe(x))
      end
      if symbolic.any(x) then
        check.fail("%s: input is a list of %d tensors, expected one tensor; likely fix: mg.layers.Concatenate first",
          self:title(), #x)
      end
      self:check_dtype()
      x = create.tensor(x, { dtype = self.keeps_integers and "int32" or self.dtype })
    end
    if x.dtype == self.dtype or (self.keeps_integers and (x.dtype == "int32" or x.dtype == "uint8")) then return x end
    local mask = x.keras_mask
    self:check_dtype()
    x = ops.cast(x, self.dtype)
    x.keras_mask = mask
    return x
  end

  --- What the layer was called on as it goes to `call`: a tensor, or a list of them where the layer takes a list.
  ---@param x any
  ---@return Tensor|Tensor[]
  ---@package
  function Layer:convert_inputs(x)
    if not inputs.is_plain_list(x) or not self.takes_list then return self:convert(x) end
    local list = {}
    for i = 1, #x do list[i] = self:convert(x[i]) end
    return list
  end

  --- A mask as a uint8 tensor of zeros and ones.
  ---@param mask Tensor|nil
  ---@return Tensor|nil
  ---@package
  function Layer:convert_mask(mask)
    if symbolic.is(mask) then return mask end
    if type(mask) == "table" and not tensor.is(mask) then
      if tensor.is(mask[1]) or (mask[1] == nil) then mask = mask[1] else mask = create.tensor(mask, { dtype = "uint8" }) end
    end
    if mask == nil then return nil end
    if not tensor.is(mask) then check.fail("%s: mask is %s, expected a tensor", self:title(), check.describe(mask)) end
    return mask.dtype == "uint8" and mask or ops.ne(mask, 0)
  end

  -- A class's own options. In the call itself a loop would end up in a trace of its own.
  local function add_own(call, names, options)
    for i = 1, #names do
      local name = names[i]
      if call[name] == nil and name ~= "mask" then call[name] = options[name] end
    end
  end

  -- Inputs and options of a call as `call` gets them, and the mask that its outputs get one from. What is looked up here counts: a
  -- layer's whole call has to fit into one trace of the compiler.
  local function prepared(self, x, options)
    if options == nil then options = {} else options = inputs.options(self, options) end
    if not tensor.is(x) then x, options = inputs.split_states(self, x, options) end
    x = self:convert_inputs(x)
    inputs.ensure_built(self, x.shape or inputs.shapes_of(x), options)
    local call = { mask = masks.given(self, x, options.mask), training = options.training == true,
      initial_state = options.initial_state }
    if self.call_options ~= Layer.call_options then add_own(call, self.call_options, options) end
    return x, call, call.mask or options.mask == null and masks.unseen(x, options) or nil
  end

  --- Calls the layer: builds it for the first input, checks the shape, takes the mask that rides on the input unless one is given,
  --- and puts the output's mask on the output. On symbolic tensors it is symbolic_call.
  ---@param x Tensor|Tensor[]
  ---@param options? table mask, training, initial_state
  ---@return Tensor
  function Layer:__call(x, options)
    if symbolic.any(x) or symbolic.any(options) then return self:symbolic_call(x, options) end
    local own, call, mask = prepared(self, x, options)
    if watch.call then return watch.call(run, self, own, call, mask) end
    return run(self, own, call, mask)
  end

  --- Calls the layer inside a wrapper's call, which is the one that regularizes the output: without activity_regularizer.
  ---@param x Tensor|Tensor[]
  ---@param options? table mask, training, initial_state
  ---@return Tensor
  ---@package
  function Layer:call_as_part(x, options)
    local own, call, mask = prepared(self, x, options)
    if watch.call then return watch.call(run_part, self, own, call, mask) end
    return run_part(self, own, call, mask)
  end

  --- Calls f(...) while visit(layer, inputs, options, run) takes the place of every layer's call; run(layer, inputs, options, mask)
  --- makes it.
  ---@param visit function
  ---@param f function
  ---@return any what f returns first
  ---@package
  function Layer.traced(visit, f, ...)
    check.callable("traced", "f", f)
    tracer = check.callable("traced", "visit", visit)
    local ok, result = pcall(f, ...)
    tracer = nil
    if not ok then error(result, 0) end
    return result
  end
end
