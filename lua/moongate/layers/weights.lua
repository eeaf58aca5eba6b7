-- What keeps weights and losses, the parent of Layer: adding, listing, reading, setting, counting.
local check = require "moongate.check"
local class = require "moongate.class"
local constraints = require "moongate.constraints"
local create = require "moongate.tensor_create"
local initializers = require "moongate.initializers"
local ops = require "moongate.ops"
local regularizers = require "moongate.regularizers"
local tensor = require "moongate.tensor"
local Variable = require "moongate.variable"

local ADD_WEIGHT = { "name", "shape", "initializer", "regularizer", "constraint", "trainable", "dtype" }

local function append(list, more)
  for _, item in ipairs(more) do list[#list + 1] = item end
  return list
end

-- The layer's own variables first, trainable ones before the others, then with `seeds` the state of its seed generator, which is no
-- weight, then those of its children, as Keras orders them; a layer that is there twice counts once.
local function all_variables(layer, seeds, seen)
  local list = {}
  seen = seen or {}
  if seen[layer] then return list end
  seen[layer] = true
  for _, wanted in ipairs { true, false } do
    for _, v in ipairs(layer.variables_list) do
      if v.weight_kind == wanted then list[#list + 1] = v end
    end
  end
  if seeds and rawget(layer, "seed_generator") then list[#list + 1] = layer.seed_generator:variable() end
  for _, inner in ipairs(layer:inner_layers()) do append(list, all_variables(inner, seeds, seen)) end
  return list
end

local function select_variables(list, trainable)
  local chosen = {}
  for _, v in ipairs(list) do
    if v.trainable == trainable then chosen[#chosen + 1] = v end
  end
  return chosen
end

-- Weights below SMALL bytes are not weighed against the machine's memory, of which MOST is what addresses can reach.
local SMALL, MOST = 2 ^ 28, 2 ^ 47

-- Bytes of memory and swap, as Linux tells them; elsewhere what addresses can reach.
local function machine_memory()
  local file = io.open "/proc/meminfo"
  local text = file and file:read "*a" or ""
  if file then file:close() end
  local memory, swap = text:match "MemTotal:%s*(%d+) kB", text:match "SwapTotal:%s*(%d+) kB"
  return memory and (tonumber(memory) + tonumber(swap or 0)) * 1024 or MOST
end

-- While a file is read: how many bytes of variables it can have values for; nil else.
local allowance

local function bytes_of(shape, dtype)
  local bytes = dtype == "float64" and 8 or 4
  for i = 1, #shape do bytes = bytes * shape[i] end
  return bytes
end

local function first_value(layer, options, shape, dtype)
  local initializer = initializers.get(options.initializer) or initializers.get "glorot_uniform"
  layer:expect_room({ { options.name or "variable", shape } }, dtype)
  if not allowance then return initializer(shape, dtype) end
  local bytes = bytes_of(shape, dtype)
  allowance = allowance - bytes
  if allowance < 0 then
    check.fail("%s: %s has shape %s, for which the file holds too little", layer:title(), options.name or "variable",
      layer.shape_text(shape))
  end
  return create.zeros(shape, { dtype = dtype })
end

local Weighted = class "Weighted"
Weighted.is_layer = true

--- Refuses weights, { name, shape } each, that the machine's memory cannot hold together, before any is filled.
---@param list table[]
---@param dtype? string
---@package
function Weighted:expect_room(list, dtype)
  if allowance then return end
  local total, largest, most = 0, nil, -1
  for i, weight in ipairs(check.type(self:title(), "list", list, "table")) do
    check.type(self:title(), ("list[%d]"):format(i), weight, "table")
    local bytes = bytes_of(self:known_shape(weight[2]), dtype or self.dtype)
    total = total + bytes
    if bytes > most then largest, most = weight, bytes end
  end
  if total <= SMALL or total <= machine_memory() then return end
  check.fail("%s: weight %s %s takes %.0f bytes%s, more than the machine's memory of %.0f; likely fix: smaller sizes", self:title(),
    largest[1], self.shape_text(largest[2]), most, total > most and (", %.0f with the other weights"):format(total) or "",
    machine_memory())
end

--- Makes a variable of the layer. Called from build.
---@param options table name, shape, initializer (default glorot_uniform), regularizer, constraint, trainable, dtype
---@return Variable
function Weighted:add_weight(options)
  options = check.options(self:title() .. ": add_weight", options, ADD_WEIGHT)
  local shape = self:known_shape(options.shape)
  local trainable = options.trainable ~= false
  local dtype = options.dtype or self.dtype
  local value = first_value(self, options, shape, dtype)
  if not tensor.is(value) or self.shape_text(value.shape) ~= self.shape_text(shape) then
    check.fail("%s: add_weight: the initializer of %s gave %s, expected a tensor %s", self:title(), options.name or "variable",
      check.describe(value), self.shape_text(shape))
  end
  local v = Variable(value, { dtype = dtype, name = options.name or "variable", trainable = trainable and self.trainable })
  v.path = self.name .. "/" .. v.name
  v.weight_kind = trainable
  v.regularizer, v.constraint = regularizers.get(options.regularizer), constraints.get(options.constraint)
  self.variables_list[#self.variables_list + 1] = v
  return v
end

--- Calls f(...) for layers whose weights come from a file of so many bytes: variables start as zeros, without drawing random
--- numbers, and more of them than the file can fill are an error
---@param bytes integer
---@param f fun(...): any
---@return any
---@package
function Weighted.without_values(bytes, f, ...)
  local before = allowance
  allowance = 2 * bytes + 4096 -- a file may hold half precision
  local ran, result = pcall(f, ...)
  allowance = before
  if not ran then error(result, 0) end
  return result
end

--- The layer's own variables in order (Keras's vars/0, vars/1, ...).
---@package
function Weighted:own_variables() return self.variables_list end

--- Inner objects that a file holds in groups of their own: { attribute name, object } in order.
---@package
function Weighted:children()
  if rawget(self, "seed_generator") then return { { "seed_generator", self.seed_generator } } end
  return {}
end

--- The layers directly in this one, in order: children that are layers, and those in children that are lists.
---@return table[]
---@package
function Weighted:inner_layers()
  local list = {}
  for _, child in ipairs(self:children()) do
    for _, object in ipairs(child[2].is_layer and { child[2] } or child[2]) do
      if object.is_layer then list[#list + 1] = object end
    end
  end
  return list
end

function Weighted.getters:weights() return all_variables(self) end
function Weighted.getters:variables() return all_variables(self, true) end
function Weighted.getters:trainable_weights() return self.trainable and select_variables(all_variables(self), true) or {} end
function Weighted.getters:trainable_variables() return self.trainable_weights end
function Weighted.getters:non_trainable_weights()
  return self.trainable and select_variables(all_variables(self), false) or all_variables(self)
end
function Weighted.getters:non_trainable_variables()
  return self.trainable and select_variables(self.variables, false) or self.variables
end

function Weighted.getters:trainable() return rawget(self, "is_trainable") ~= false end
-- Freezing a layer freezes its variables and all layers in it; thawing brings back those that were made trainable.
function Weighted.setters:trainable(value)
  check.type(self:title(), "trainable", value, "boolean")
  rawset(self, "is_trainable", value)
  for _, v in ipairs(self.variables_list) do v:set_trainable(value and v.weight_kind) end
  for _, inner in ipairs(self:inner_layers()) do inner.trainable = value end
end

--- Copies of all weights, in order.
---@return Tensor[]
function Weighted:get_weights()
  local list = {}
  for i, v in ipairs(self.weights) do list[i] = v:copy():detach() end
  return list
end

--- Sets all weights, from tensors or nested tables of the same shapes in the same order.
---@param values table
function Weighted:set_weights(values)
  local weights = self.weights
  check.type(self:title() .. ": set_weights", "values", values, "table")
  if #values ~= #weights then
    check.fail("%s: set_weights: %d arrays were given, expected %d%s", self:title(), #values, #weights,
      self.built and "" or "; the layer is not built yet, call it or build it first")
  end
  local list = {}
  for i, v in ipairs(weights) do
    local value = create.as_tensor(values[i], v.dtype)
    if value.shape ~= v.shape then
      check.fail("%s: set_weights: array %d (%s) has shape %s, expected %s", self:title(), i, v.path,
        self.shape_text(value.shape), self.shape_text(v.shape))
    end
    list[i] = value
  end
  for i, v in ipairs(weights) do v:assign(list[i]) end
end

--- The number of scalars in the weights.
---@return integer
function Weighted:count_params()
  if not self.built then
    check.fail("%s: count_params: the layer is not built yet; call it, or build it with layer:build(input_shape)", self:title())
  end
  local count = 0
  for _, v in ipairs(self.weights) do count = count + v.count end
  return count
end

-- Losses -------------------------------------------------------------------------------------------------------------------

--- Adds a term to the losses of the running call.
---@param loss Tensor scalar
function Weighted:add_loss(loss) self.loss_list[#self.loss_list + 1] = loss end

--- Forgets the terms of the last call.
---@package
function Weighted:clear_losses()
  self.loss_list = {}
  for _, inner in ipairs(self:inner_layers()) do inner:clear_losses() end
end

local function call_losses(layer, seen)
  if seen[layer] then return {} end
  seen[layer] = true
  local list = append({}, layer.loss_list)
  for _, inner in ipairs(layer:inner_layers()) do append(list, call_losses(inner, seen)) end
  return list
end

--- The terms of the last call, of this layer and those in it.
---@package
function Weighted:call_losses() return call_losses(self, {}) end

--- Terms of the last call first, then one for every regularized trainable weight.
function Weighted.getters:losses()
  local list = self:call_losses()
  for _, v in ipairs(self.trainable_weights) do
    if v.regularizer then list[#list + 1] = v.regularizer(v) end
  end
  return list
end

-- Draws a mask to multiply with: 0 with probability rate, else 1/(1-rate).
function Weighted:draw_dropout(shape, dtype, rate)
  local mask = create.empty(shape, { dtype = dtype })
  ops.random_fill("dropout", mask, self.seed_generator:next(), rate, 0)
  return mask
end

return Weighted
