-- All operations in one table. Those whose first argument is a tensor are tensor methods too.
local tensors = require "moongate.tensor_core"

local ops = {}

local FAMILIES = { "binary", "unary", "compare", "reduce", "matmul", "view", "join", "index", "activation", "loss", "random", "gru",
  "lstm", "simple_rnn", "optimizer", "in_place", "window", "convolution", "normalize" }
local NO_METHODS = { concat = true, stack = true, pointwise_loss = true, random_fill = true, random_permutation = true, gru = true,
  gru_explain = true, gru_packed = true, lstm = true, lstm_explain = true, lstm_packed = true, simple_rnn = true,
  simple_rnn_explain = true, simple_rnn_packed = true, optimizer_update = true, optimizer_update_all = true,
  optimizer_reads = true, optimizer_squares = true, conv1d = true, max_pool = true, average_pool = true, normalize = true,
  layer_norm = true }

for _, family in ipairs(FAMILIES) do
  for name, operation in pairs(require("moongate.ops." .. family)) do
    ops[name] = operation
    if not NO_METHODS[name] then tensors.methods[name] = operation end
  end
end

return ops
