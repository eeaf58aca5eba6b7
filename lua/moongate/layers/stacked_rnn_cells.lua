-- Several cells as one: each step goes through them in turn. Source: keras.layers.StackedRNNCells.
local check = require "moongate.check"
local class = require "moongate.class"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"
local rnn_cell = require "moongate.layers.rnn_cell"
local states_of = require "moongate.layers.rnn_states"
local tensor = require "moongate.tensor"

--- Cells one behind the other, to be used as one cell: RNN makes it of a list of cells. The states are a list with an entry for
--- each cell: its state, or the list of its states.
---@param cells table[]
---@param options? table name, dtype, trainable
---@example local cell = mg.layers.StackedRNNCells({ mg.layers.GRUCell(8), mg.layers.LSTMCell(4) })
local StackedRNNCells = class("StackedRNNCells", Layer)
Layer.declare(StackedRNNCells, { { "cells", required = true, codec = rnn_cell.list_codec } }, { "cells" })

--- Inner objects that a file holds in groups of their own.
---@package
function StackedRNNCells:children()
  local cells = rawget(self, "cells")
  return cells and { { "cells", cells } } or {}
end

function StackedRNNCells.getters:state_size()
  local list = {}
  for i, cell in ipairs(self.cells) do list[i] = cell.state_size end
  return list
end

function StackedRNNCells.getters:output_size() return rnn_cell.output_size(self.cells[#self.cells]) end

--- Makes the weights of all cells.
---@param shape integer[]
function StackedRNNCells:build(shape)
  self:known_features(shape)
  local input = shape
  for _, cell in ipairs(self.cells) do
    if cell.ensure_built then cell:ensure_built(input) end
    input = { shape[1], rnn_cell.output_size(cell) }
  end
  Layer.build(self, shape)
end

--- A list with the first states of every cell: as it gives them, else zeros.
---@param batch_size integer
---@return table
function StackedRNNCells:get_initial_state(batch_size)
  check.integer(self:title() .. ": get_initial_state", "batch_size", batch_size, 0)
  local list = {}
  for i, cell in ipairs(self.cells) do
    list[i] = cell.get_initial_state and cell:get_initial_state(batch_size)
      or states_of.zeros(cell.state_size, batch_size, rnn_cell.dtype(cell) or self.dtype)
  end
  return list
end

-- A cell's entry in the new states has the form of the one that it was given.
local function like(given, new)
  if tensor.is(given) and not tensor.is(new) then return new[1] end
  return new
end

--- One step through all cells: the last one's output, and the list of new states.
---@param x Tensor (B, F)
---@param states table
---@param options? table training
---@return Tensor, table
function StackedRNNCells:call(x, states, options)
  check.type(self:title(), "states", states, "table")
  if tensor.is(states) then states = { states } end
  if #states ~= #self.cells then
    check.fail("%s: states has entries for %d cells, expected %d", self:title(), #states, #self.cells)
  end
  local list = {}
  for i, cell in ipairs(self.cells) do
    local given, new = tensor.is(states[i]) and { states[i] } or states[i]
    x, new = cell:call(ops.cast(x, rnn_cell.dtype(cell) or self.dtype), given, options)
    list[i] = like(states[i], new)
  end
  return x, list
end

rnn_cell.callable(StackedRNNCells)

--- Forgets the masks of every cell's input.
function StackedRNNCells:reset_dropout_mask()
  for _, cell in ipairs(self.cells) do
    if cell.reset_dropout_mask then cell:reset_dropout_mask() end
  end
end

--- Forgets the masks of every cell's state.
function StackedRNNCells:reset_recurrent_dropout_mask()
  for _, cell in ipairs(self.cells) do
    if cell.reset_recurrent_dropout_mask then cell:reset_recurrent_dropout_mask() end
  end
end

--- The shape of the last cell's output.
---@param shape integer[]
---@return integer[]
function StackedRNNCells:compute_output_shape(shape)
  check.type(self:title() .. ".compute_output_shape", "shape", shape, "table")
  return { shape[1], self.output_size }
end

return StackedRNNCells
