-- What recurrent layers that own a cell share (GRU, LSTM, SimpleRNN): the cell's fields read through, weights, the road of a call.
local check = require "moongate.check"
local explain = require "moongate.layers.rnn_explain"
local fields = require "moongate.fields"
local regularizers = require "moongate.regularizers"
local tensor = require "moongate.tensor"

local through = {}

local function find(list, name)
  for _, field in ipairs(list) do
    if field[1] == name then return field end
  end
end

--- The fields of a class of cells, kept by the cell, in the order of `names`, with activity_regularizer behind bias_regularizer,
--- where Keras writes it when it is null. `changes` has by name what a field is besides.
---@param Cell table
---@param names string[]
---@param changes? table<string, table>
---@return table[]
function through.fields(Cell, names, changes)
  local list = {}
  for _, name in ipairs(names) do
    local own = { of = "cell" }
    for key, value in pairs(find(Cell.field_list, name)) do own[key] = value end
    for key, value in pairs(changes and changes[name] or {}) do own[key] = value end
    list[#list + 1] = own
    if name == "bias_regularizer" then list[#list + 1] = { "activity_regularizer", codec = regularizers.codec } end
  end
  return list
end

--- The names of all of a class's own fields.
---@param Cell table
---@return string[]
function through.names(Cell)
  local names = {}
  for i, field in ipairs(Cell.field_list) do names[i] = field[1] end
  return names
end

--- The field use_cudnn.
through.use_cudnn = { "use_cudnn", default = "auto", hidden = true, codec = { decode = function(value, where)
  if type(value) == "boolean" then return value end
  return check.one_of(where.op, where.name, value, { "auto", true, false })
end } }

--- The field recompute, which is not Keras's and in no config: training keeps the states of about sqrt(T) steps alone and computes
--- the rest again on the way back, so that a long sequence takes the memory of a short one, and one more forward's time.
through.recompute = { "recompute", default = false, codec = fields.boolean, hidden = true }

--- Gives a class of layers a cell of its own, made of its options, and the cell's weights.
---@param C table
---@param Cell table
---@param name string the cell's
---@param packed function of ops: the handle of packed weights
function through.own_cell(C, Cell, name, packed)
  --- The class of the cell that a layer makes.
  C.cell_class = Cell

  --- Sets the fields and what follows from them.
  ---@param options table
  ---@package
  function C:setup(options)
    local own = getmetatable(self).class
    local inner = fields.of(own, options, "cell")
    inner.name, inner.dtype, inner.trainable = name, options.dtype, options.trainable
    self.cell = own.cell_class(inner)
    C.parent.setup(self, options)
  end

  --- Makes the weights.
  ---@param shape integer[]
  function C:build(shape)
    C.parent.build(self, shape)
    self.kernel, self.recurrent_kernel, self.bias = self.cell.kernel, self.cell.recurrent_kernel, self.cell.bias
    self.packed = packed()
  end
end

-- Whole-sequence operations ----------------------------------------------------------------------------------------------------

--- What ops.gru, ops.lstm and ops.simple_rnn take alike, for a layer and its input.
---@param layer table
---@param x Tensor
---@param mask Tensor|nil
---@param training boolean
---@return table
function through.operation(layer, x, mask, training)
  local cell = layer.cell
  local input_masks, recurrent_masks = cell:step_masks(layer:batch_of(x.shape), x.shape[3], x.dtype, training)
  return {
    x = x, mask = mask, kernel = cell.kernel, recurrent_kernel = cell.recurrent_kernel, bias = cell.bias,
    activation = cell.activation.spec, dropout_masks = input_masks, recurrent_dropout_masks = recurrent_masks,
    go_backwards = layer.go_backwards, return_sequences = layer.return_sequences, time_major = layer.time_major,
    zero_output_for_mask = layer.zero_output_for_mask, recompute = layer.recompute,
    packed = layer.packed,
  }
end

--- Raises where use_cudnn = true: through.refuse_cudnn(layer, x, mask).
through.refuse_cudnn = explain.refuse_cudnn

--- How a call would be computed.
---@param layer table
---@param operation function of ops
---@param x Tensor|nil
---@param options Tensor|table|nil the mask, or { mask =, training = }
---@return table
function through.explain(layer, operation, x, options)
  local op = layer:title() .. ".explain"
  if options == nil or tensor.is(options) then options = { mask = options } end
  local mask = check.options(op, options, { "mask", "training" }).mask
  if x ~= nil then tensor.expect(op, "x", x) end
  if mask ~= nil then tensor.expect(op, "mask", mask) end
  if x ~= nil then layer:check_input(x.shape) end
  return explain.call(layer, x, mask, options.training, operation)
end

return through
