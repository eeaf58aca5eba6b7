-- MaxPooling1D. Source: keras.layers.MaxPooling1D.
local Pooling = require "moongate.layers.pooling"

--- The largest value of each window along the steps: (B, T, F) -> (B, T', F).
---@param pool_size? integer default 2
---@param options? table strides (default pool_size), padding = "valid" | "same", data_format = "channels_last", name, dtype
---@example local layer = mg.layers.MaxPooling1D(2)
local MaxPooling1D = Pooling.make("MaxPooling1D", "max_pool")
MaxPooling1D.rows_apart, MaxPooling1D.built_at_once = true, true

return MaxPooling1D
