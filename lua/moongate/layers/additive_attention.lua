-- Attention with a small network as scores. Source: Bahdanau, Cho and Bengio 2015; keras.layers.AdditiveAttention.
local class = require "moongate.class"
local fields = require "moongate.fields"
local BaseAttention = require "moongate.layers.base_attention"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local ops = require "moongate.ops"
local check = require "moongate.check"

--- As Attention, with the sum of scale * tanh(query + key) for a score.
---@param options? table use_scale = true, dropout = 0, seed, name, dtype, trainable
---@example local y = mg.layers.AdditiveAttention()({ query, value })
local AdditiveAttention = class("AdditiveAttention", BaseAttention)
AdditiveAttention.rows_apart = true
Layer.declare(AdditiveAttention, {
  { "use_scale", default = true, codec = fields.boolean },
  { "dropout", default = 0, codec = fields.rate },
  { "seed", codec = fields.seed },
  order = { tf2 = { "name", "trainable", "dtype", "dropout", "use_scale" } },
}, { "use_scale", "dropout", "seed" })

--- Makes the weights.
---@param list integer[][]
function AdditiveAttention:build(list)
  self:check_shapes(list)
  if self.use_scale then
    local features = list[1][3]
    if features == null then
      check.fail("%s: build for the query %s: its features have to be known", self:title(), self.shape_text(list[1]))
    end
    self.scale = self:add_weight { name = "scale", shape = { features }, initializer = "glorot_uniform" }
  end
  Layer.build(self, list)
end

--- How well each key fits each step of the query: (B, Tq, Tv).
---@param query Tensor (B, Tq, F)
---@param key Tensor (B, Tv, F)
---@return Tensor
---@package
function AdditiveAttention:scores(query, key)
  local fits = ops.tanh(ops.expand_dims(query, 3) + ops.expand_dims(key, 2))
  return ops.sum(self.scale and fits * self.scale or fits, -1)
end

return AdditiveAttention
