-- Small helpers with Keras's names. Keras: keras.utils.
local sequences = require "moongate.data.sequences"

return {
  pad_sequences = sequences.pad_sequences, to_categorical = sequences.to_categorical,
  set_random_seed = require("moongate.random").set_random_seed,
}
