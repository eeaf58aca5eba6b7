-- mg.Input { shape = { 28, 8 } }: the symbolic tensor that a model takes. Options are those of layers.InputLayer: shape without the
-- batch axis (mg.null: any size), batch_size, dtype, name, or batch_shape. Sequential takes it as its first element; calling layers
-- on it makes the graph of mg.Model { inputs =, outputs = }. Source: keras.Input.
local InputLayer = require "moongate.layers.input"

--- The symbolic tensor of a model's input.
---@param options table shape, batch_size, dtype, name, batch_shape
---@return table
return function(options, ...) return InputLayer(options, ...).output end
