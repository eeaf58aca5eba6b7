-- Calls on symbolic tensors: they record a node of a functional model's graph. Source: keras/src/layers/layer.py, __call__ and
-- symbolic_call.
local check = require "moongate.check"
local inputs = require "moongate.layers.call_inputs"
local masks = require "moongate.layers.call_masks"
local null = require "moongate.null"
local symbolic = require "moongate.symbolic"
local symbolic_masks = require "moongate.layers.symbolic_masks"

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
    options = inputs.options(self, options)
    local given, given_options = x, options
    x, options = inputs.split_states(self, x, options)
    x = self:convert_inputs(x)
    check_symbolic(self, x)
    local shape = inputs.shapes_of(x)
    inputs.ensure_built(self, shape, options)
    local outputs, dtype = {}, self:output_dtype(x)
    for i, each in ipairs { self:compute_output_shape(shape, options) } do
      outputs[i] = symbolic.tensor(each, dtype, self.name)
    end
    local mask = options.mask
    if mask == nil then mask = masks.riding(x) elseif mask == null then mask = masks.unseen(x, options) end
    if mask or self.makes_mask then masks.give(self, outputs, mask, symbolic_masks(self, x, mask)) end
    local node = symbolic.record(self, given, given_options, outputs)
    node.automatic = is_automatic(self, x, options)
    -- Keras 3 drops the mask beside other tensors, so that a config has to name it.
    local beside = x.shape and options.mask == nil and symbolic.any(options)
    node.mask = (node.automatic or beside) and self.records_mask and x.keras_mask or nil
    return unpack(outputs)
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
