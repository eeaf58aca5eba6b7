-- Calling a layer: tensors and masks made fit, building at the first call, the mask on the outputs; and calls on symbolic tensors,
-- which record a node of a functional model's graph. Source: keras/src/layers/layer.py, __call__.
local call_masks = require "moongate.layers.call_masks"
local check = require "moongate.check"
local create = require "moongate.tensor_create"
local null = require "moongate.null"
local ops = require "moongate.ops"
local signature = require "moongate.layers.signatures"
local symbolic = require "moongate.symbolic"
local symbolic_masks = require "moongate.layers.symbolic_masks"
local tensor = require "moongate.tensor"
local watch = require "moongate.watch"
local Weighted = require "moongate.layers.weights"

local riding_mask, unseen_mask = call_masks.riding, call_masks.unseen

-- The masks that outputs get though the layer does not see them, by the options of a call that runs.
local unseen = setmetatable({}, { __mode = "k" })

local warned = setmetatable({}, { __mode = "k" })
local function warn_mask(self)
  if warned[self] then return end
  warned[self] = true
  io.stderr:write(("moongate: %s was given a mask and does not pass it on: layers behind it see every step\n"):format(self:title()))
end

local function is_plain_list(x) return type(x) == "table" and x ~= null and getmetatable(x) == nil end

local function is_tensor(x) return tensor.is(x) or symbolic.is(x) end

-- The options of a call; a second tensor in their place is what other libraries take for states or for one more input.
local function call_options(self, options)
  if options == nil then return {} end
  if is_tensor(options) then
    check.fail("%s: options are %s, expected a table; likely fix: %s", self:title(), check.describe(options),
      self.takes_states and "layer(x, { initial_state = h })" or self.takes_list and "layer({ a, b })" or "layer(x)")
  end
  check.options(self:title(), options, self.call_options)
  local training = options.training
  if training ~= nil and training ~= null and type(training) ~= "boolean" then
    check.fail("%s: argument training is %s, expected true or false", self:title(), check.describe(training))
  end
  return options
end

-- Inputs ----------------------------------------------------------------------------------------------------------------------

-- { x, state1, ... } of a recurrent layer as x and the option initial_state; of a list of masks the first one is x's.
local function split_states(self, x, options)
  if not self.takes_states or not is_plain_list(x) or not is_tensor(x[1]) then return x, options end
  local more = {}
  for key, value in pairs(options) do more[key] = value end
  local masks = more.mask
  if is_plain_list(masks) and (masks[1] == false or is_tensor(masks[1])) then more.mask = masks[1] or null end
  if #x > 1 then
    if more.initial_state ~= nil then
      check.fail("%s: states are given in the list of inputs and as initial_state, expected one of them", self:title())
    end
    more.initial_state = { unpack(x, 2) }
  end
  return x[1], more
end

local function shapes_of(x)
  if x.shape then return x.shape end
  local list = {}
  for i, each in ipairs(x) do list[i] = each.shape end
  return list
end

-- Outputs ---------------------------------------------------------------------------------------------------------------------

-- Adds the activity regularizer's term for one output: its mean over the batch.
local function regularize(self, output)
  local batch = output.shape[1] or 1
  self:add_loss(ops.div(self.activity_regularizer(output), math.max(batch, 1)))
end

local function give_masks(self, outputs, mask, ...)
  local any = false
  for i, output in ipairs(outputs) do
    local own = select(i, ...)
    if own and is_tensor(output) then output.keras_mask, any = own, true end
  end
  if mask and not any and not self.supports_masking then warn_mask(self) end
end

local function finish(self, x, mask, output, ...)
  if self.activity_regularizer then
    for _, each in ipairs { output, ... } do regularize(self, each) end
  end
  if mask or self.makes_mask then give_masks(self, { output, ... }, mask, self:compute_mask(x, mask)) end
  return output, ...
end

-- Losses of a call are forgotten when the next one begins; calls inside another layer's call belong to that one.
local depth = 0

local function leave(ok, ...)
  depth = depth - 1
  if not ok then error((...), 0) end
  return ...
end

local function work(self, x, call, mask) return finish(self, x, mask, self:call(x, call)) end

local function run_call(self, x, call, mask)
  local has_children = self.children ~= Weighted.children
  if depth == 0 and (has_children or #self.loss_list > 0) then self:clear_losses() end
  if not has_children then return work(self, x, call, mask) end
  depth = depth + 1
  return leave(pcall(work, self, x, call, mask))
end

-- Who looks on, in model:masks: takes the place of a call and makes it.
local tracer

local function run(self, x, call)
  local mask = call.mask or unseen[call]
  if tracer then return tracer(self, x, call, run_call, mask) end
  return run_call(self, x, call, mask)
end

-- The shapes of the tensors among a call's options but the mask, for which Keras builds too: { "initial_state", shape }.
local function option_shapes(self, options)
  local list = {}
  for _, name in ipairs(self.call_options) do
    local value = options[name]
    if name ~= "mask" and type(value) == "table" and value ~= null then
      local shape = is_tensor(value) and value.shape or is_plain_list(value) and is_tensor(value[1]) and shapes_of(value)
      if shape then list[#list + 1] = { name, shape } end
    end
  end
  return list
end

local function ensure_built(self, shape, options)
  if not self.built then
    self:ensure_built(shape)
    self.build_options = option_shapes(self, options)
  end
  self:check_input(shape)
end

-- Symbolic calls --------------------------------------------------------------------------------------------------------------

local function check_symbolic(self, x)
  if x.shape then return end
  if not self.takes_list then
    check.fail("%s: input is a list of %d tensors, expected one tensor; likely fix: mg.layers.Concatenate first", self:title(), #x)
  end
end

-- Whether Keras 3 writes down `training` and the mask that rode on the input with a call: where that is one tensor of the layer's
-- dtype, and nothing else was given.
local function is_automatic(self, x, options)
  return x.shape ~= nil and next(options) == nil and x.dtype == self:input_dtype(x)
end

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
    if not self.takes_list or not is_plain_list(x) then return self:convert(x) end
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

  --- The dtype of the outputs of a call on symbolic tensors.
  ---@param x table
  ---@return string
  ---@package
  function Layer:output_dtype(x)
    return self.keeps_integers and x.dtype or self.dtype
  end

  --- The dtype that inputs are cast to.
  ---@return string
  ---@package
  function Layer:input_dtype() return self.dtype end

  --- Records a call on symbolic tensors as a node of a model's graph, builds the layer for their shapes, and returns the symbolic
  --- outputs. Calling the layer on symbolic tensors does this.
  ---@param x table a symbolic tensor, or a list of them
  ---@param options? table as in a call on tensors; those may be symbolic too
  ---@return table
  function Layer:symbolic_call(x, options)
    options = call_options(self, options)
    local given, given_options = x, options
    x, options = split_states(self, x, options)
    x = self:convert_inputs(x)
    check_symbolic(self, x)
    local shape = shapes_of(x)
    ensure_built(self, shape, options)
    local outputs, dtype = {}, self:output_dtype(x)
    for i, each in ipairs { self:compute_output_shape(shape, options) } do
      outputs[i] = symbolic.tensor(each, dtype, self.name)
    end
    local mask = options.mask
    if mask == nil then mask = riding_mask(x) elseif mask == null then mask = unseen_mask(x, options) end
    if mask or self.makes_mask then give_masks(self, outputs, mask, symbolic_masks(self, x, mask)) end
    local node = symbolic.record(self, given, given_options, outputs)
    node.automatic = is_automatic(self, x, options)
    -- Keras 3 drops the mask beside other tensors, so that a config has to name it.
    local beside = x.shape and options.mask == nil and symbolic.any(options)
    node.mask = (node.automatic or beside) and select(2, signature(self)) and x.keras_mask or nil
    return unpack(outputs)
  end

  --- Calls the layer: builds it for the first input, checks the shape, takes the mask that rides on the input unless one is given,
  --- and puts the output's mask on the output. On symbolic tensors it is symbolic_call.
  ---@param x Tensor|Tensor[]
  ---@param options? table mask, training, initial_state
  ---@return Tensor
  function Layer:__call(x, options)
    if symbolic.any(x) or symbolic.any(options) then return self:symbolic_call(x, options) end
    options = call_options(self, options)
    x, options = split_states(self, x, options)
    x = self:convert_inputs(x)
    ensure_built(self, x.shape or shapes_of(x), options)
    local call = { mask = call_masks.given(self, x, options.mask), training = options.training == true,
      initial_state = options.initial_state }
    for name, value in pairs(options) do
      if call[name] == nil and name ~= "mask" then call[name] = value end
    end
    if options.mask == null then unseen[call] = unseen_mask(x, options) end
    if watch.call then return watch.call(run, self, x, call) end
    return run(self, x, call)
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

  local function first_node(self, what)
    local node = self.inbound_nodes[1]
    if not node then
      check.fail("%s: %s: the layer has not been called on a symbolic tensor; likely fix: call it on mg.Input { shape = ... }",
        self:title(), what)
    end
    return node
  end

  local function one_or_list(list) return #list == 1 and list[1] or list end

  --- The symbolic tensors of the first call on symbolic tensors: what it was called on, and what came out.
  function Layer.getters:input() return one_or_list(first_node(self, "input").input_tensors) end
  function Layer.getters:output() return one_or_list(first_node(self, "output").outputs) end
end
