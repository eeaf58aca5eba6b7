-- Whole models in files: Keras 3's .keras both ways; .keras of tf.keras and the .h5 of both to read. What a file says of sizes is
-- weighed against what it holds, nothing in it is run, and everything is read before it is used.
local archive = require "moongate.files.archive"
local check = require "moongate.check"
local hdf5 = require "moongate.ffi.hdf5"
local json = require "moongate.json"
local layers = require "moongate.layers"
local legacy = require "moongate.files.legacy"
local null = require "moongate.null"
local optimizer_state = require "moongate.files.optimizer_state"
local training = require "moongate.files.training"
local tree = require "moongate.files.tree"
local Weighted = require "moongate.layers.weights"
local weights = require "moongate.files.weights"

local model_files = {}

-- Saving -------------------------------------------------------------------------------------------------------------------------

-- Keras writes the optimizer of a compiled model, with all its slots.
local function optimizer_of(model)
  local optimizer = rawget(model, "optimizer")
  if optimizer and not optimizer.built then optimizer:build(model.trainable_weights) end
  return optimizer
end

local function save_keras(model, path)
  local config, optimizer = model:to_json(), optimizer_of(model)
  return archive.write(path, config, function(file)
    local written, problem = weights.write(file, model)
    if written and optimizer then written, problem = optimizer_state.write(file, optimizer) end
    return written, problem
  end)
end

--- Saves a model: its config, weights, what it was compiled with and the optimizer's state, in Keras 3's form, or as = "tf2" in
--- that of tf.keras 2. The file is complete or not there
---@param model table built
---@param path string ends in .keras; with as = "tf2" in .h5
---@param options? table { as = "keras3" }
function model_files.save(model, path, options)
  check.type("save", "path", path, "string")
  weights.check_built("save", model)
  options = check.options("save", options, { "as" })
  local older = check.one_of("save", "as", options.as or "keras3", { "keras3", "tf2" }) == "tf2"
  if not path:match(older and "%.h5$" or "%.keras$") then
    check.fail("save: path %q must end in %s", path, older and '.h5 with as = "tf2"'
      or '.keras; whole models go to .h5 with { as = "tf2" }, weights alone to .weights.h5 or .npz by save_weights')
  end
  if older then optimizer_of(model) end
  local saved, message = (older and require "moongate.files.legacy_save" or save_keras)(model, path)
  if not saved then check.fail("save: %s cannot be written: %s", path, message) end
end

-- Loading ------------------------------------------------------------------------------------------------------------------------

local function dialect_of(version)
  local major = type(version) == "string" and tonumber(version:match("^(%d+)"))
  return major and major >= 3 and "keras3" or "tf2"
end

local CUDNN = { CuDNNGRU = "GRU", CuDNNLSTM = "LSTM" }

-- Layers that ran on cuDNN alone are the usual ones with its fixed options.
local function without_cudnn(value)
  if type(value) ~= "table" or value == null then return end
  local name = CUDNN[rawget(value, "class_name")]
  local config = rawget(value, "config")
  if name and type(config) == "table" then
    value.class_name = name
    config.activation, config.recurrent_activation = "tanh", "sigmoid"
    if name == "GRU" then config.reset_after = true end
  end
  for _, item in (json.is_object(value) and json.pairs or ipairs)(value) do without_cudnn(item) end
end

local function decode_attribute(file, name)
  local text = file:attribute("/", name)
  if not text then return nil end
  local ok, value = pcall(json.decode, text)
  if not ok then return nil, ("%s: %s"):format(name, (tostring(value):gsub("^.-:%d+: ", ""))) end
  return value
end

local function file_size(path)
  local file = io.open(path, "rb")
  local size = file and file:seek("end") or 0
  if file then file:close() end
  return size
end

-- { config =, training =, file =, bytes =, dialect = } of an .h5 file.
local function read_h5(path)
  local file, message = hdf5.open(path)
  if not file then return nil, message end
  local config, problem = decode_attribute(file, "model_config")
  local compiled, late = decode_attribute(file, "training_config")
  if not config or late then
    file:close()
    return nil, problem or late or "there is no model in it, weights at most: make the model and call model:load_weights"
  end
  local root = legacy.root(file)
  local version = file:attribute("/", "keras_version") or (root and file:attribute(root, "keras_version"))
  return { config = config, training = compiled, file = file, bytes = file_size(path), dialect = dialect_of(version) }
end

local function read_keras(path)
  local found, message = archive.read(path)
  if not found then return nil, message end
  return { config = found.config, training = found.config.compile_config, file = found.file, bytes = found.file.bytes,
    dialect = dialect_of(found.metadata.keras_version) }
end

local FIX = "mg.load_model(path, { custom_objects = { name = f } }) or compile = false"

local function compile(model, found, where)
  if not training.compile(model, found.training, where, FIX) or not model.built then return nil end
  local values, problem = optimizer_state.read(found.file, model.optimizer, found.dialect)
  if not values then return { problem .. "; likely fix: mg.load_model(path, { compile = false }) and a new optimizer" } end
  weights.take(values)
end

-- The file has an array for every weight: together they are no larger than it.
local function make_model(found, options)
  if found.dialect == "tf2" then without_cudnn(found.config) end
  local where = { dialect = found.dialect, custom_objects = options.custom_objects }
  return Weighted.without_values(found.bytes, layers.deserialize, found.config, where)
end

local function load_from(found, path, options)
  local model = make_model(found, options)
  if type(model) ~= "table" or not model.layers then check.fail("load_model: %s holds no model but a single layer", path) end
  local values, problems = {}, nil
  if model.built then values, problems = weights.read(found.file, model) end
  if values then weights.take(values) end
  if values and options.compile ~= false then
    problems = compile(model, found, { op = "load_model", path = "compile_config", dialect = found.dialect,
      custom_objects = options.custom_objects })
  end
  if problems then
    check.fail("load_model: %s does not fit its own description of %s: %s", path, tree.title(model), table.concat(problems, "; "))
  end
  return model
end

--- Loads a model that was saved here, by Keras 3 or by tf.keras: .keras, or a whole model in .h5. It means what it meant where it
--- was written: hard_sigmoid, defaults, time_major
---@param path string ends in .keras, .h5 or .hdf5
---@param options? table custom_objects = { Name = Class }, compile = true
---@return table model
function model_files.load(path, options)
  check.type("load_model", "path", path, "string")
  options = check.options("load_model", options, { "custom_objects", "compile" })
  local found, message
  if path:match("%.keras$") then
    found, message = read_keras(path)
  elseif path:match("%.h5$") or path:match("%.hdf5$") then
    found, message = read_h5(path)
  else
    check.fail("load_model: path %q must end in .keras, .h5 or .hdf5", path)
  end
  if not found then check.fail("load_model: %s: %s", path, message) end
  local ran, model = pcall(load_from, found, path, options)
  found.file:close()
  if not ran then error(model, 0) end
  return model
end

return model_files
