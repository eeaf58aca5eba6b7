-- Options of Keras 2 and PyTorch that go by other names or ways here: what to do instead, for messages.
local INPUT = "mg.layers.Input { steps, features } as the first layer of the model"
local FIRST_CALL = "nothing, the size is taken from the first input"

return {
  input_shape = INPUT, input_dim = INPUT, batch_shape = INPUT,
  weights = "layer:set_weights(list) after layer:build(shape)",
  lr = "learning_rate", hidden_size = "units", out_features = "units", num_embeddings = "input_dim", embedding_dim = "output_dim",
  input_size = FIRST_CALL, in_features = FIRST_CALL, bias = "use_bias", batch_first = "nothing, inputs are (batch, time, features)",
  num_layers = "one layer after the other, return_sequences = true in all but the last",
  bidirectional = "mg.layers.Bidirectional(layer)", run_eagerly = "nothing, everything runs at once",
}
