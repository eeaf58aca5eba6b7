-- Models. Keras: keras.models.
local check = require "moongate.check"
local dialects = require "moongate.dialects"
local layers = require "moongate.layers"
local null = require "moongate.null"

local models = { Sequential = require "moongate.models.sequential", Model = require "moongate.models.functional" }

--- Loads a model that was saved here, by Keras 3 or by tf.keras: .keras, or a whole model in .h5.
---@param path string
---@param options? table custom_objects = { Name = Class }, compile = true
---@return Model
---@example local model = mg.models.load_model "model.keras"
function models.load_model(path, options) return require("moongate.files.model").load(path, options) end

--- Saves a model as Keras 3 does: model:save(path).
---@param model Model
---@param path string ending in .keras
function models.save_model(model, path) return require("moongate.files.model").save(model, path) end

--- A new model with fresh weights from JSON text: what model:to_json() or Python's wrote, of Keras 3 or of TensorFlow 2. It is
--- compiled where the text says with what: Keras 3's of a compiled model.
---@param text string
---@param options? table dialect (else told from the text), custom_objects = { Scale = Scale }
---@return Model
---@example local again = mg.models.model_from_json(model:to_json())
function models.model_from_json(text, options)
  check.type("model_from_json", "text", text, "string")
  return models.from_config(dialects.table_of(text, "model_from_json"), options)
end

--- A new model from the object form of a model: { class_name =, config = }.
---@param config table
---@param options? table dialect, custom_objects, path
---@return Model
---@package
function models.from_config(config, options)
  config = dialects.table_of(config, "model_from_json")
  local where = dialects.where("model_from_json", config, options)
  if type(config.class_name) ~= "string" or type(config.config) ~= "table" or config.config == null then
    check.fail("%s: %s is not a model: expected class_name and config", where.op, where.path)
  end
  local model = layers.deserialize(config, where)
  if not model.result_names then
    check.fail("%s: %s.class_name is %q, expected a model: Sequential or Functional", where.op, where.path, config.class_name)
  end
  require("moongate.files.training").compile(model, config.compile_config, dialects.at(where, "compile_config"),
    "custom_objects = { name = f }")
  return model
end

return models
