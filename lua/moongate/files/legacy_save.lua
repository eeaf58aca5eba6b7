-- Whole models in .h5 as tf_keras 2 writes them, for what Keras 3's form cannot say: Keras 2's hard_sigmoid, time_major.
-- Source: tf_keras/src/saving/legacy/hdf5_format.py, save_model_to_hdf5.
local atomic = require "moongate.files.atomic"
local compile_config = require "moongate.models.compile_config"
local create = require "moongate.tensor_create"
local hdf5 = require "moongate.ffi.hdf5"
local json = require "moongate.json"
local variables = require "moongate.files.variables"

local VERSION = "2.21.0"

-- A group of arrays, { name, variable } each, whose names are its weight_names.
local function write_group(file, group, list)
  local done, message = file:make_group(group)
  local names = {}
  for i, item in ipairs(list) do
    names[i] = item[1]
    if done then done, message = variables.write(file, group .. "/" .. item[1], item[2]) end
  end
  if done then done, message = file:set_texts(group, "weight_names", names) end
  return done, message
end

-- LAYER/CELL/kernel:0, made unique.
local function named_weights(layer)
  local owners, used, list = variables.owners(layer), {}, {}
  for _, weights in ipairs { layer.trainable_weights, layer.non_trainable_weights } do
    for _, variable in ipairs(weights) do
      local owner = owners[variable]
      local path = layer.name .. (owner and owner ~= layer and "/" .. owner.name or "") .. "/" .. variable.name
      used[path] = (used[path] or 0) + 1
      list[#list + 1] = { (used[path] > 1 and path .. "_" .. used[path] - 1 or path) .. ":0", variable }
    end
  end
  return list
end

local function write_weights(file, model)
  local names = {}
  local done, message = file:make_group("/model_weights")
  for i, layer in ipairs(model.layers) do
    names[i] = layer.name
    if done then done, message = write_group(file, "/model_weights/" .. layer.name, named_weights(layer)) end
  end
  if done then done, message = file:set_texts("/model_weights", "layer_names", names) end
  return done, message
end

-- tf.keras keeps no learning rate there, no product of Nadam's, and momenta of SGD even where they are not used.
local function optimizer_arrays(optimizer)
  local title = getmetatable(optimizer).class.name
  local list = { { "iteration:0", optimizer.iteration } }
  for _, variable in ipairs(optimizer:own_variables()) do
    if #variable.shape > 0 then
      list[#list + 1] = { ("%s/%d/%s:0"):format(title, #list, variable.name:match("[^/]*$")), variable }
    end
  end
  if title == "SGD" and optimizer.momentum == 0 then
    for i, variable in ipairs(optimizer.trained) do
      list[#list + 1] = { ("SGD/m/%d:0"):format(i), create.zeros_like(variable) }
    end
  end
  return list
end

local function write_training(file, model)
  local optimizer = rawget(model, "optimizer")
  if not optimizer then return true end
  local config, ordered = compile_config(model, "tf2"), {}
  for _, key in ipairs { "loss", "metrics", "weighted_metrics", "loss_weights" } do ordered[#ordered + 1] = { key, config[key] } end
  ordered[#ordered + 1] = { "optimizer_config", json.object {
    { "class_name", "Custom>" .. config.optimizer.class_name }, { "config", config.optimizer.config },
  } }
  local done, message = file:set_attribute("/", "training_config", json.encode(json.object(ordered)))
  if done then done, message = write_group(file, "/optimizer_weights", optimizer_arrays(optimizer)) end
  return done, message
end

local function write_all(file, model, config)
  local done, message = file:set_attribute("/", "keras_version", VERSION)
  if done then done, message = file:set_attribute("/", "backend", "tensorflow") end
  if done then done, message = file:set_attribute("/", "model_config", config) end
  if done then done, message = write_weights(file, model) end
  for _, name in ipairs { "keras_version", "backend" } do
    if done then done, message = file:set_attribute("/model_weights", name, name == "backend" and "tensorflow" or VERSION) end
  end
  if done then done, message = write_training(file, model) end
  return done, message
end

--- Writes a built model, with its optimizer built where it has one
---@param model table
---@param path string
---@return boolean|nil, string?
return function(model, path)
  local config = model:to_json("tf2")
  return atomic.write(path, function(name)
    local file, message = hdf5.create(name)
    if not file then return nil, message end
    local ran, done, problem = pcall(write_all, file, model, config)
    local closed, late = file:close()
    if not ran then error(done, 0) end
    if not done then return nil, problem end
    return closed, late
  end)
end
