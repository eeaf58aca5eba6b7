-- What Attention and AdditiveAttention share: inputs, masks, weights of the values. B batch, Tq steps of the query, Tv of value and
-- key, F features. Source: keras.layers.Attention.
local check = require "moongate.check"
local class = require "moongate.class"
local create = require "moongate.tensor_create"
local inputs = require "moongate.layers.inputs"
local Layer = require "moongate.layers.layer"
local null = require "moongate.null"
local ops = require "moongate.ops"
local random = require "moongate.random"
local shapes = require "moongate.shape"

local BaseAttention = class("BaseAttention", Layer)
BaseAttention.records_training, BaseAttention.records_mask = true, true

BaseAttention.takes_list, BaseAttention.supports_masking = true, true
BaseAttention.call_options = { "mask", "training", "return_attention_scores", "use_causal_mask" }

-- What is taken off a masked score.
local FAR = 1e9

--- Sets the fields and what follows from them.
---@param options table
---@package
function BaseAttention:setup(options)
  Layer.setup(self, options)
  if self.dropout > 0 then self.seed_generator = random.SeedGenerator(self.seed) end
end

local function fail_shapes(self, list, problem)
  local words = {}
  for i, shape in ipairs(list) do words[i] = self.shape_text(shape) end
  check.fail("%s: inputs %s: %s; expected query (B, Tq, F), value (B, Tv, N) and, when given, key (B, Tv, F)", self:title(),
    table.concat(words, ", "), problem)
end

local function differ(a, b) return a ~= null and b ~= null and a ~= b end

--- Checks the shapes of query, value and key.
---@param list integer[][]
---@package
function BaseAttention:check_shapes(list)
  check.type(self:title(), "shape", list, "table")
  if not shapes.is_list(list) then
    check.fail("%s: the input is one tensor, expected a list { query, value } or { query, value, key }", self:title())
  end
  if #list < 2 or #list > 3 then fail_shapes(self, list, ("%d inputs"):format(#list)) end
  local query, value, key = list[1], list[2], list[3] or list[2]
  for _, shape in ipairs(list) do
    self:checked_shape(shape)
    if #shape ~= 3 then fail_shapes(self, list, self.shape_text(shape) .. " does not have three dimensions") end
    if differ(shape[1], query[1]) then fail_shapes(self, list, "the batch sizes differ") end
  end
  if differ(query[3], key[3]) then
    fail_shapes(self, list, ("query and %s have different features"):format(list[3] and "key" or "value"))
  end
  if differ(value[2], key[2]) then fail_shapes(self, list, "value and key have different steps") end
end

--- The shape of the output, and of the scores, for the inputs'.
---@param list integer[][]
---@param options? table return_attention_scores
---@return integer[]
function BaseAttention:compute_output_shape(list, options)
  self:check_shapes(list)
  local query, value = list[1], list[2]
  local out = { query[1], query[2], value[3] }
  if options and options.return_attention_scores then return out, { query[1], query[2], value[2] } end
  return out
end

-- uint8, 1 where a score counts: (B, 1, Tv) of the value's mask, (1, Tq, Tv) of order in time, or both.
local function scores_mask(scores, value_mask, causal)
  local mask = value_mask and ops.expand_dims(value_mask, 2)
  if not causal then return mask or nil end
  local rows, columns = scores.shape[2], scores.shape[3]
  local order = ops.ge(create.arange(rows, { dtype = "int32" }):reshape { 1, rows, 1 },
    create.arange(columns, { dtype = "int32" }):reshape { 1, 1, columns })
  return mask and ops.logical_and(mask, order) or order
end

--- The layer's output, and the weights of the values (B, Tq, Tv) when return_attention_scores is set.
---@param list Tensor[] query, value, key
---@param options? table mask { query's, value's }, training, return_attention_scores, use_causal_mask
---@return Tensor, Tensor|nil
function BaseAttention:call(list, options)
  options = inputs.options(self, options)
  self:check_shapes(inputs.shapes(self, list))
  local query, value, masks = list[1], list[2], options.mask or {}
  local scores = self:scores(query, list[3] or value)
  local mask = scores_mask(scores, masks[2], options.use_causal_mask)
  if mask then scores = ops.where(mask, scores, scores - FAR) end
  local weights = ops.softmax(scores, -1)
  if options.training and self.dropout > 0 then
    weights = ops.mul(weights, self:draw_dropout(weights.shape, weights.dtype, self.dropout))
  end
  local output = ops.matmul(weights, value)
  if masks[1] then output = ops.where(ops.expand_dims(masks[1], -1), output, 0) end
  if options.return_attention_scores then return output, weights end
  return output
end

--- The query's mask.
---@param masks table|nil
---@return Tensor|nil
function BaseAttention:compute_mask(_, masks) return inputs.options(self, masks)[1] or nil end

return BaseAttention
