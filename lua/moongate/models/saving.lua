-- Models, weights and the state of a run in files; the formats are in files/. Where nothing is returned, the calls are no tail
-- calls: a message about a method that was called with a dot looks for its frame.
return function(Model)
  --- Writes the model as Keras 3 does: config, weights, compile arguments and the optimizer's state. mg.load_model reads it, and
  --- so does Python's keras.models.load_model. With as = "tf2" it is the .h5 file of tf.keras 2, which says what Keras 3's cannot:
  --- Keras 2's hard_sigmoid, time_major.
  ---@param path string ending in .keras, or in .h5 with as = "tf2"
  ---@param options? table { as = "keras3" }
  ---@example model:save "model.keras"
  function Model:save(path, options) require("moongate.files.model").save(self, path, options) end

  --- Writes the weights in Keras 3's format, or as arrays for NumPy.
  ---@param path string ending in .weights.h5, or in .npz
  ---@example model:save_weights "best.weights.h5"
  function Model:save_weights(path) require("moongate.files.weights").save(self, path) end

  --- Reads weights that save_weights, Keras 3 or tf.keras wrote, or those of a whole model; the model has to be built.
  ---@param path string ending in .h5, .keras or .npz
  ---@param options? table { skip_mismatch = false }
  function Model:load_weights(path, options) require("moongate.files.weights").load(self, path, options) end

  --- Writes what weights leave out of a training run: optimizer, step count, shuffle order, random streams, epochs and
  --- batches done.
  ---@param path string ending in .state.h5
  ---@param extra? table what else the run needs: numbers, strings, booleans, tensors, tables of them
  function Model:save_state(path, extra)
    self:expect_compiled "save_state"
    return require("moongate.files.state").save(self, path, extra)
  end

  --- Reads what save_state wrote, into a compiled and built model that has the weights of then: load_weights comes first.
  --- Training then goes on as if it had not stopped: pass initial_epoch = model.epochs_done to fit, which passes over the
  --- batches of that epoch that were done.
  ---@param path string
  ---@return table extra as given to save_state
  function Model:load_state(path)
    self:expect_compiled "load_state"
    if not self.optimizer.built then self.optimizer:build(self.trainable_weights) end
    return require("moongate.files.state").load(self, path)
  end
end
