-- Dropout masks for cells of your own. Source: keras/src/layers/rnn/dropout_rnn_cell.py.
local class = require "moongate.class"
local dropout_mask = require "moongate.dropout_mask"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local random = require "moongate.random"

--- A parent for cells that drop inputs and states with masks which stay the same for all steps of a batch: `call` asks for them
--- with get_dropout_mask(x) and get_recurrent_dropout_mask(state) when it trains, and RNN forgets them after each batch.
--- dropout_mask_count on the cell asks for lists of so many masks.
--- Options: dropout = 0, recurrent_dropout = 0, seed.
---@param options? table
---@example local MyCell = mg.layers.Layer.extend("MyCell", { { "units" } }, { "units" }, mg.layers.DropoutRNNCell)
local DropoutRNNCell = class("DropoutRNNCell", Layer)
Layer.declare(DropoutRNNCell, {
  { "dropout", default = 0, codec = fields.float_rate },
  { "recurrent_dropout", default = 0, codec = fields.float_rate },
  { "seed", codec = fields.seed },
})

-- Tables and generator of the mask cache, made when they are first asked for.
local function lazily(C, name, make)
  C.getters[name] = function(self)
    local value = make(self)
    rawset(self, name, value)
    return value
  end
end

--- Gives a class of cells with other parents the masks; its objects need the fields dropout and recurrent_dropout, and may have
--- seed.
---@param C table
---@example mg.layers.DropoutRNNCell.mixin(MyCell)
function DropoutRNNCell.mixin(C)
  dropout_mask.mixin(C)
  lazily(C, "dropout_cache", function() return {} end)
  lazily(C, "dropout_preset", function() return {} end)
  lazily(C, "seed_generator", function(self) return random.SeedGenerator(self.seed) end)
  --- How many dropout masks a step uses: dropout_mask_count, or one.
  function C:mask_count() return self.dropout_mask_count or 1 end
end

DropoutRNNCell.mixin(DropoutRNNCell)

return DropoutRNNCell
