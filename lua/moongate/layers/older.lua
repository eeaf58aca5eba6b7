-- Keys of layers in configs of Keras 1 and 2 that have other names now. Each function changes a plain copy of a config.
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

return older
