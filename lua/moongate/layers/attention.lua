-- Attention with products as scores. Source: Luong, Pham and Manning 2015; keras.layers.Attention.
local class = require "moongate.class"
local fields = require "moongate.fields"
local BaseAttention = require "moongate.layers.base_attention"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"
local windows = require "moongate.layers.windows"

--- For each step of the query the mean of the values, weighted by how well their keys fit: { query (B, Tq, F), value (B, Tv, N),
--- key (B, Tv, F), default value } -> (B, Tq, N). A call takes mask = { query's, value's }, use_causal_mask (a step sees no later
--- one) and return_attention_scores (the weights (B, Tq, Tv) are a second result).
---@param options? table use_scale = false, score_mode = "dot" | "concat", dropout = 0, seed, name, dtype, trainable
---@example local y = mg.layers.Attention()({ query, value })
local Attention = class("Attention", BaseAttention)
Attention.rows_apart = true
Layer.declare(Attention, {
  { "use_scale", default = false, codec = fields.boolean },
  { "score_mode", default = "dot", codec = windows.word("dot", "concat") },
  { "dropout", default = 0, codec = fields.rate },
  { "seed", codec = fields.seed },
  order = { tf2 = { "name", "trainable", "dtype", "dropout", "use_scale", "score_mode" } },
}, { "use_scale", "score_mode", "dropout", "seed" })

--- Makes the weights.
---@param list integer[][]
function Attention:build(list)
  self:check_shapes(list)
  if self.use_scale then self.scale = self:add_weight { name = "scale", shape = {}, initializer = "ones" } end
  if self.score_mode == "concat" then
    self.concat_score_weight = self:add_weight { name = "concat_score_weight", shape = {}, initializer = "ones" }
  end
  Layer.build(self, list)
end

--- How well each key fits each step of the query: (B, Tq, Tv).
---@param query Tensor (B, Tq, F)
---@param key Tensor (B, Tv, F)
---@return Tensor
---@package
function Attention:scores(query, key)
  if self.score_mode == "dot" then
    local scores = ops.matmul(query, ops.transpose(key))
    return self.scale and scores * self.scale or scores
  end
  local sums = ops.expand_dims(query, 3) + ops.expand_dims(key, 2)
  if self.scale then sums = sums * self.scale end
  return ops.sum(ops.tanh(sums), -1) * self.concat_score_weight
end

return Attention
