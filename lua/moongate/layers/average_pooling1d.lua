-- AveragePooling1D. Source: keras.layers.AveragePooling1D.
local Pooling = require "moongate.layers.pooling"

--- The mean of each window along the steps: (B, T, F) -> (B, T', F). Steps that padding adds do not count.
---@param pool_size? integer default 2
---@param options? table strides (default pool_size), padding = "valid" | "same", data_format = "channels_last", name, dtype
---@example local layer = mg.layers.AveragePooling1D(2, { padding = "same" })
local AveragePooling1D = Pooling.make("AveragePooling1D", "average_pool")
AveragePooling1D.rows_apart, AveragePooling1D.built_at_once = true, true

return AveragePooling1D
