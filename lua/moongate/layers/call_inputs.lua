-- Inputs and options of a layer's call, on tensors and on symbolic tensors alike, and building at the first one.
-- Source: keras/src/layers/layer.py, __call__.
local check = require "moongate.check"
local null = require "moongate.null"
local symbolic = require "moongate.symbolic"
local tensor = require "moongate.tensor"

local inputs = {}

--- Whether a value is a plain table: a list of inputs, or nested numbers.
---@param x any
---@return boolean
function inputs.is_plain_list(x) return type(x) == "table" and x ~= null and getmetatable(x) == nil end

--- Whether a value is a tensor or a symbolic one.
---@param x any
---@return boolean
function inputs.is_tensor(x) return tensor.is(x) or symbolic.is(x) end

--- The checked options of a call; a second tensor in their place is what other libraries take for states or for one more input.
---@param self table
---@param options any
---@return table
function inputs.options(self, options)
  if options == nil then return {} end
  if inputs.is_tensor(options) then
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

--- { x, state1, ... } of a recurrent layer as x and the option initial_state; of a list of masks the first one is x's.
---@param self table
---@param x any
---@param options table
---@return any, table
function inputs.split_states(self, x, options)
  if not self.takes_states or not inputs.is_plain_list(x) or not inputs.is_tensor(x[1]) then return x, options end
  local more = {}
  for key, value in pairs(options) do more[key] = value end
  local masks = more.mask
  if inputs.is_plain_list(masks) and (masks[1] == false or inputs.is_tensor(masks[1])) then more.mask = masks[1] or null end
  if #x > 1 then
    if more.initial_state ~= nil then
      check.fail("%s: states are given in the list of inputs and as initial_state, expected one of them", self:title())
    end
    more.initial_state = { unpack(x, 2) }
  end
  return x[1], more
end

--- The shape of a tensor, or those of a list of them.
---@param x table
---@return table
function inputs.shapes_of(x)
  if x.shape then return x.shape end
  local list = {}
  for i, each in ipairs(x) do list[i] = each.shape end
  return list
end

-- The shapes of the tensors among a call's options but the mask, for which Keras builds too: { "initial_state", shape }.
local function option_shapes(self, options)
  local list = {}
  for _, name in ipairs(self.call_options) do
    local value = options[name]
    local is_one = name ~= "mask" and inputs.is_tensor(value)
    local is_list = name ~= "mask" and inputs.is_plain_list(value) and inputs.is_tensor(value[1])
    if is_one or is_list then list[#list + 1] = { name, inputs.shapes_of(value) } end
  end
  return list
end

--- Builds the layer at its first call, and checks the input's shape.
---@param self table
---@param shape table
---@param options table
function inputs.ensure_built(self, shape, options)
  if not self.built then
    self:ensure_built(shape)
    self.build_options = option_shapes(self, options)
  end
  self:check_input(shape)
end

return inputs
