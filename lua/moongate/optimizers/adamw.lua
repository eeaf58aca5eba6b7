-- AdamW: Adam with decoupled weight decay, w -= lr weight_decay w before each update (Loshchilov and Hutter 2019).

--- Adam with decoupled weight decay.
---@param options? table learning_rate = 0.001, weight_decay = 0.004, beta_1 = 0.9, beta_2 = 0.999, ...
---@return Optimizer
---@example mg.optimizers.AdamW { weight_decay = 0.01 }
return require("moongate.optimizers.adam").define("AdamW", "adam_w", 0.004)
