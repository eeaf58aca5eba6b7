-- Weights and the state of a run in files; the formats are in files/.
return function(Sequential)
  --- Writes the weights in Keras 3's format.
  ---@param path string ending in .weights.h5
  ---@example model:save_weights "best.weights.h5"
  function Sequential:save_weights(path) return require("moongate.files.weights").save(self, path) end

  --- Reads weights that Keras 3 or save_weights wrote; the model has to be built.
  ---@param path string
  function Sequential:load_weights(path) return require("moongate.files.weights").load(self, path) end

  --- Writes what weights leave out of a training run: optimizer, step count, shuffle order, random streams.
  ---@param path string ending in .state.h5
  function Sequential:save_state(path) return require("moongate.files.state").save(self, path) end

  --- Reads what save_state wrote, into a compiled and built model. Training then goes on as if it had not stopped; pass
  --- initial_epoch = model.epochs_done to fit.
  ---@param path string
  function Sequential:load_state(path)
    if not self.optimizer.built then self.optimizer:build(self.trainable_weights) end
    return require("moongate.files.state").load(self, path)
  end
end
