-- Models. Keras: keras.models.
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

return models
