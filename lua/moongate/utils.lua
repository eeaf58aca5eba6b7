-- Small helpers with Keras's names. Keras: keras.utils.
local custom = require "moongate.custom_objects"
local sequences = require "moongate.data.sequences"

return {
  get_custom_objects = custom.get_custom_objects, register_keras_serializable = custom.register_keras_serializable,
  pad_sequences = sequences.pad_sequences, to_categorical = sequences.to_categorical,
  set_random_seed = require("moongate.random").set_random_seed,
}
