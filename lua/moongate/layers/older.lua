-- Keys and words of layers in configs of Keras 1 and 2 that are others now. Each function changes a plain copy of a config.
-- Source: the constructors of keras 1.2 and keras/legacy/interfaces.py of keras 2.0.
local null = require "moongate.null"

local older = {}

local function input_shape(config)
  if config.input_shape ~= nil then return config.input_shape end
  if config.input_dim == nil or config.input_dim == null or config.output_dim ~= nil then return nil end
  local length, size = config.input_length, config.input_dim
  config.input_dim, config.input_length = nil, nil
  return length ~= nil and { length, size } or { size }
end

--- The first layer of a model says its input's shape: as batch_input_shape, as input_shape, or as input_length and input_dim.
---@param config table
function older.layer(config)
  local shape = input_shape(config)
  if type(shape) == "table" and shape ~= null and config.batch_input_shape == nil then
    local whole = { config.batch_size or null }
    for i = 1, #shape do whole[i + 1] = shape[i] end
    config.batch_input_shape = whole
  end
  config.input_shape, config.batch_size, config.input_dtype, config.dynamic = nil, nil, nil, nil
end

-- { name = "WeightRegularizer", l1 =, l2 = } of Keras 1; constraints had their class under "name" too.
local function object(value)
  if type(value) ~= "table" or value == null or value.class_name or value.is or type(value.name) ~= "string" then return value end
  local config = {}
  for key, item in pairs(value) do
    if key ~= "name" then config[key] = item end
  end
  local name = value.name:match("Regularizer$") and "L1L2" or value.name
  return { class_name = name, config = config }
end

-- Gives keys their names of now, where those are not there.
local function rename(config, names)
  for old, new in pairs(names) do
    if config[old] ~= nil then
      if config[new] == nil then config[new] = object(config[old]) end
      config[old] = nil
    end
  end
end

local WEIGHTS = {
  output_dim = "units", init = "kernel_initializer", bias = "use_bias", W_regularizer = "kernel_regularizer",
  b_regularizer = "bias_regularizer", W_constraint = "kernel_constraint", b_constraint = "bias_constraint",
}
local RECURRENT = {
  inner_init = "recurrent_initializer", inner_activation = "recurrent_activation", U_regularizer = "recurrent_regularizer",
  dropout_W = "dropout", dropout_U = "recurrent_dropout",
}
local IMPLEMENTATION = { cpu = 1, mem = 1, gpu = 2 }

local function sizes_of_input(config)
  if config.output_dim == nil or config.units ~= nil then return end
  config.units, config.output_dim = config.output_dim, nil
  older.layer(config)
  config.input_dim, config.input_length = nil, nil
end

--- Dense of Keras 1.
---@param config table
function older.dense(config)
  sizes_of_input(config)
  rename(config, WEIGHTS)
end

--- Recurrent layers and cells of Keras 1: consume_less said which implementation.
---@param config table
function older.recurrent(config)
  sizes_of_input(config)
  rename(config, WEIGHTS)
  rename(config, RECURRENT)
  if config.consume_less ~= nil then
    config.implementation = config.implementation or IMPLEMENTATION[config.consume_less]
    config.consume_less = nil
  end
  if config.forget_bias_init ~= nil then
    config.unit_forget_bias, config.forget_bias_init = config.forget_bias_init ~= "zero", nil
  end
end

--- SimpleRNN of before Keras 2.1 had an implementation too; there is one since.
---@param config table
function older.simple_rnn(config)
  older.recurrent(config)
  config.implementation = nil
end

--- Embedding of Keras 1; its dropout of whole words is gone since.
---@param config table
function older.embedding(config)
  rename(config, { init = "embeddings_initializer", W_regularizer = "embeddings_regularizer",
    W_constraint = "embeddings_constraint" })
  if config.dropout == 0 or config.dropout == null then config.dropout = nil end
end

--- Dropout of Keras 1.
---@param config table
function older.dropout(config) rename(config, { p = "rate" }) end

return older
