-- What RNN and StackedRNNCells ask of a cell, how configs carry cells, and what moongate's own cells share. B batch, F features,
-- U units.
local check = require "moongate.check"
local constraints = require "moongate.constraints"
local create = require "moongate.tensor_create"
local dialects = require "moongate.dialects"
local dropout_mask = require "moongate.dropout_mask"
local fields = require "moongate.fields"
local initializers = require "moongate.initializers"
local null = require "moongate.null"
local ops = require "moongate.ops"
local random = require "moongate.random"
local regularizers = require "moongate.regularizers"
local states_of = require "moongate.layers.rnn_states"
local tensor = require "moongate.tensor"
local watch = require "moongate.watch"

local rnn_cell = {}

-- A cell out of a value: itself, or the layer of a config.
local function read(value, where)
  if type(value) == "table" and value.class_name then
    value = require("moongate.layers").deserialize(value, where.path and where or nil)
  end
  if type(value) ~= "table" or not value.call or not value.state_size then
    check.fail("%s: argument %s is %s, expected a layer with `call` and `state_size`", where.op, where.name, check.describe(value))
  end
  if not states_of.is_size(value.state_size) then
    check.fail("%s: argument %s has the state_size %s, expected a whole number or a list of them, one for every state", where.op,
      where.name, check.describe(value.state_size))
  end
  return value
end

local function write(cell, where)
  if not cell.serialize then
    check.fail("get_config: the cell is a plain table, which no config can tell; make it a class with mg.layers.Layer.extend")
  end
  return cell:serialize(where.dialect)
end

local function is_list(value) return type(value) == "table" and value ~= null and value[1] ~= nil and not value.call end

--- The codec of a list of cells.
rnn_cell.list_codec = { decode = function(value, where)
  if value == nil or value == null then return nil end
  if not is_list(value) then
    check.fail("%s: argument %s is %s, expected a list of cells", where.op, where.name, check.describe(value))
  end
  local list = {}
  for i = 1, #value do
    local at = where.path and dialects.at(where, i) or { op = where.op, name = ("%s[%d]"):format(where.name, i) }
    list[i] = read(value[i], at)
  end
  return list
end, encode = function(cells, where)
  local list = {}
  for i, cell in ipairs(cells) do list[i] = write(cell, where) end
  return require("moongate.json").array(list)
end }

--- The codec of a cell; a list of cells becomes a StackedRNNCells.
rnn_cell.codec = { decode = function(value, where)
  if value == nil or value == null then return nil end
  if is_list(value) then return require "moongate.layers.stacked_rnn_cells" (rnn_cell.list_codec.decode(value, where)) end
  return read(value, where)
end, encode = write }

--- The size of a cell's output: its output_size, or its first state's size.
---@param cell table
---@return integer
function rnn_cell.output_size(cell) return cell.output_size or states_of.sizes(cell.state_size)[1] end

--- The dtype that a cell computes in, of stacked cells the first one's; nil for a plain table.
---@param cell table
---@return string|nil
function rnn_cell.dtype(cell)
  if rawget(cell, "cells") then return rnn_cell.dtype(cell.cells[1]) end
  return cell.is_layer and cell.dtype or nil
end

--- Gives a class of cells the call cell(x, states, options): builds it for the first input and checks it.
---@param C table
function rnn_cell.callable(C)
  --- cell(x, states, { training = }): see call.
  ---@param x Tensor
  ---@param states Tensor[]|Tensor|nil
  ---@param options? table
  ---@return Tensor, Tensor[]
  function C:__call(x, states, options)
    options = check.options(self:title(), options, { "training" })
    x = self:convert(x)
    self:ensure_built(x.shape)
    self:check_input(x.shape)
    if watch.call then return watch.call(self.call, self, x, states, options) end
    return self:call(x, states, options)
  end
end

-- Of GRUCell, LSTMCell and SimpleRNNCell ------------------------------------------------------------------------------------------

--- The fields of a cell in Keras's order: its own first ones, those of weights and dropout that all cells have, its own last ones.
---@param first table[]
---@param last table[]
---@return table[]
function rnn_cell.fields(first, last)
  local list = { unpack(first) }
  for _, field in ipairs {
    { "kernel_initializer", default = "glorot_uniform", codec = initializers.codec },
    { "recurrent_initializer", default = "orthogonal", codec = initializers.codec },
    { "bias_initializer", default = "zeros", codec = initializers.codec },
    { "kernel_regularizer", codec = regularizers.codec },
    { "recurrent_regularizer", codec = regularizers.codec },
    { "bias_regularizer", codec = regularizers.codec },
    { "kernel_constraint", codec = constraints.codec },
    { "recurrent_constraint", codec = constraints.codec },
    { "bias_constraint", codec = constraints.codec },
    { "dropout", default = 0, codec = fields.float_rate },
    { "recurrent_dropout", default = 0, codec = fields.float_rate },
  } do list[#list + 1] = field end
  for _, field in ipairs(last) do list[#list + 1] = field end
  return list
end

--- Gives a cell its mask cache, and a seed generator where it drops anything.
---@param cell table
function rnn_cell.setup_masks(cell)
  cell.dropout_cache, cell.dropout_preset = {}, {}
  if cell.dropout > 0 or cell.recurrent_dropout > 0 then cell.seed_generator = random.SeedGenerator(cell.seed) end
end

--- Makes kernel (F, width), recurrent_kernel (U, width) and with use_bias the bias, of width unless another shape is given.
---@param cell table
---@param features integer
---@param width integer
---@param bias_initializer any
---@param bias_shape? integer[]
function rnn_cell.add_weights(cell, features, width, bias_initializer, bias_shape)
  cell:expect_room { { "kernel", { features, width } }, { "recurrent_kernel", { cell.units, width } } }
  cell.kernel = cell:add_weight { name = "kernel", shape = { features, width }, initializer = cell.kernel_initializer,
    regularizer = cell.kernel_regularizer, constraint = cell.kernel_constraint }
  cell.recurrent_kernel = cell:add_weight { name = "recurrent_kernel", shape = { cell.units, width },
    initializer = cell.recurrent_initializer, regularizer = cell.recurrent_regularizer, constraint = cell.recurrent_constraint }
  if cell.use_bias then
    cell.bias = cell:add_weight { name = "bias", shape = bias_shape or { width }, initializer = bias_initializer,
      regularizer = cell.bias_regularizer, constraint = cell.bias_constraint }
  end
end

--- A list of `count` zero states (batch_size, units).
---@param cell table
---@param batch_size integer
---@param count integer
---@return Tensor[]
function rnn_cell.zero_states(cell, batch_size, count)
  check.integer(cell:title() .. ": get_initial_state", "batch_size", batch_size, 0)
  local list = {}
  for i = 1, count do list[i] = create.zeros({ batch_size, cell.units }, { dtype = cell.dtype }) end
  return list
end

--- Whether an activation works element by element and is known to the fused kernels.
---@param activation any
---@return boolean
function rnn_cell.is_elementwise(activation) return type(activation) == "table" and activation.spec ~= nil end

-- The states of a step, checked; nil means zeros.
local function step_states(cell, x, states, count)
  if states == nil then return cell:get_initial_state(x.shape[1]) end
  check.type(cell:title(), "states", states, "table")
  local list = tensor.is(states) and { states } or states
  if #list ~= count then check.fail("%s: %d states were given, expected %d", cell:title(), #list, count) end
  local out = {}
  for i, state in ipairs(list) do
    if not tensor.is(state) then
      check.fail("%s: states[%d] is %s, expected a tensor", cell:title(), i, check.describe(state))
    end
    if #state.shape ~= 2 or state.shape[1] ~= x.shape[1] or state.shape[2] ~= cell.units then
      check.fail("%s: state%s has shape %s, expected %s", cell:title(), count > 1 and (" %d"):format(i) or "",
        cell.shape_text(state.shape), cell.shape_text { x.shape[1], cell.units })
    end
    out[i] = ops.cast(state, cell.dtype)
  end
  return out
end

--- What a step starts with: the checked states, and the dropout masks of input and state (nil where nothing is dropped).
---@param cell table
---@param x Tensor (B, F)
---@param states Tensor|Tensor[]|nil
---@param count integer how many states there are
---@param options? table training
---@return Tensor[], Tensor[]|nil, Tensor[]|nil
function rnn_cell.begin_step(cell, x, states, count, options)
  tensor.expect(cell:title(), "x", x)
  cell:check_input(x.shape)
  local list = step_states(cell, x, states, count)
  local input_masks, recurrent_masks = cell:step_masks(x.shape[1], x.shape[2], x.dtype, options and options.training)
  return list, dropout_mask.kept(input_masks), dropout_mask.kept(recurrent_masks)
end

--- The shapes (B, U) of a step's output and of `count` new states.
---@param cell table
---@param shape integer[]
---@param count integer
---@return integer[]
function rnn_cell.step_shapes(cell, shape, count)
  check.type(cell:title() .. ".compute_output_shape", "shape", shape, "table")
  local list = {}
  for i = 0, count do list[i + 1] = { shape[1], cell.units } end
  return unpack(list)
end

--- Whether Keras 3's form shows time_major: never. It has no such key, and without it a layer would read its input otherwise.
---@param layer table
---@param value boolean
---@return boolean
function rnn_cell.refuse_time_major(layer, value)
  if value then
    check.fail('%s: get_config: time_major = true has no place in Keras 3\'s form; likely fix: get_config("tf2")',
      layer:title())
  end
  return false
end

return rnn_cell
