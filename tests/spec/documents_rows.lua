-- The lines of the two documents that moongate promises to keep, as (document, heading, item) and the check that holds each.
--   1  the page of keras.layers.GRU (Keras 3)
--   2  the page of tf.compat.v1.keras.layers.GRUCell (TensorFlow 2.3)
-- A row is { item, check [, argument of the check] }; checks are functions of documents_layer.lua, documents_arguments.lua,
-- documents_calls.lua and documents_cell.lua. `pending` in place of a check says why nothing can be seen yet. Where a document
-- contradicts itself, the item says which reading is kept.
local rows = {}

local function add(document, heading, list)
  for _, row in ipairs(list) do
    rows[#rows + 1] = { document = document, heading = heading, item = row[1], check = row[2], argument = row[3],
      pending = row.pending }
  end
end

add(1, "Title", {
  { "the class's name", "layer_exists" },
  { "gated recurrent unit of Cho et al. 2014: the formula", "layer_formula", { reset_after = false } },
  { "inherits RNN", "layer_inherits", "RNN" },
  { "inherits Layer", "layer_inherits", "Layer" },
  { "inherits Operation: calls on symbolic tensors are recorded", "symbolic_call" },
})

add(1, "Implementations", {
  { "the kernel follows from hardware and arguments", "explain_names_kernel" },
  { "a GPU takes the cuDNN kernel", pending = "there is no GPU backend" },
  { "cuDNN requirement 1: activation", "requirement", { 1, { activation = "relu" } } },
  { "cuDNN requirement 2: recurrent_activation", "requirement", { 2, { recurrent_activation = "tanh" } } },
  { "cuDNN requirement 3: no dropout", "requirement", { 3, { dropout = 0.5 } } },
  { "cuDNN requirement 3: no recurrent dropout", "requirement", { 3, { recurrent_dropout = 0.5 } } },
  { "cuDNN requirement 4: unroll", "requirement", { 4, { unroll = true } } },
  { "cuDNN requirement 5: use_bias", "requirement", { 5, { use_bias = false } } },
  { "cuDNN requirement 6: reset_after", "requirement", { 6, { reset_after = false } } },
  { "cuDNN requirement 7: right-padded inputs", "requirement_padding" },
  { "cuDNN requirement 8: eager execution", "requirement", { 8, {} } },
  { "all requirements met and a GPU: the fast kernel", pending = "there is no GPU backend" },
})

add(1, "Variants", {
  { "reset gate before the product: reset_after = false (the text calls it the default; the argument's default is kept)",
    "layer_formula", { reset_after = false } },
  { "reset gate after the product", "layer_formula", { reset_after = true } },
  { "the default variant is reset_after = true", "layer_default", { "reset_after", true } },
  { "the variant of CuDNNGRU runs on the CPU", "explain_names_kernel" },
  { "CuDNNGRU itself", pending = "there is no GPU backend" },
  { "the variant of CuDNNGRU has two biases", "separate_biases" },
  { "reset_after = true with recurrent_activation sigmoid selects it (both are the defaults)", "cudnn_variant_is_default" },
})

add(1, "Example", {
  { "inputs of shape 32, 10, 8", "example_last" },
  { "a layer of 4 units from one argument", "example_last" },
  { "output shape 32, 4", "example_last" },
  { "return_sequences with return_state gives two results", "example_sequence" },
  { "whole sequence 32, 10, 4", "example_sequence" },
  { "final state 32, 4", "example_sequence" },
})

add(1, "Arguments", {
  { "order of the arguments", "layer_positional" },
  { "units: size of the output", "units_size" },
  { "units: a positive integer", "units_positive", "GRU" },
  { "activation: used", "activation_used", "activation" },
  { "activation: default tanh", "layer_default", { "activation", "tanh" } },
  { "activation: None is linear", "activation_none", { "GRU", "activation" } },
  { "recurrent_activation: used", "activation_used", "recurrent_activation" },
  { "recurrent_activation: default sigmoid", "layer_default", { "recurrent_activation", "sigmoid" } },
  { "recurrent_activation: None is linear", "activation_none", { "GRU", "recurrent_activation" } },
  { "use_bias: with and without a bias", "use_bias", "GRU" },
  { "use_bias: default true", "layer_default", { "use_bias", true } },
  { "kernel_initializer: makes the kernel", "initializer_used", { "GRU", "kernel" } },
  { "kernel_initializer: default glorot_uniform", "default_kernel", "GRU" },
  { "recurrent_initializer: makes the recurrent kernel", "initializer_used", { "GRU", "recurrent" } },
  { "recurrent_initializer: default orthogonal", "default_recurrent_kernel", "GRU" },
  { "bias_initializer: makes the bias", "initializer_used", { "GRU", "bias" } },
  { "bias_initializer: default zeros", "default_bias", "GRU" },
  { "kernel_regularizer", "regularizer_used", { "GRU", "kernel" } },
  { "kernel_regularizer: default None", "layer_default", { "kernel_regularizer", nil } },
  { "recurrent_regularizer", "regularizer_used", { "GRU", "recurrent" } },
  { "recurrent_regularizer: default None", "layer_default", { "recurrent_regularizer", nil } },
  { "bias_regularizer", "regularizer_used", { "GRU", "bias" } },
  { "bias_regularizer: default None", "layer_default", { "bias_regularizer", nil } },
  { "activity_regularizer: on the output", "activity_regularizer" },
  { "activity_regularizer: default None", "layer_default", { "activity_regularizer", nil } },
  { "kernel_constraint", "constraint_used", { "GRU", "kernel" } },
  { "kernel_constraint: default None", "layer_default", { "kernel_constraint", nil } },
  { "recurrent_constraint", "constraint_used", { "GRU", "recurrent" } },
  { "recurrent_constraint: default None", "layer_default", { "recurrent_constraint", nil } },
  { "bias_constraint", "constraint_used", { "GRU", "bias" } },
  { "bias_constraint: default None", "layer_default", { "bias_constraint", nil } },
  { "dropout: between 0 and 1, both allowed", "rate_range", { "GRU", "dropout" } },
  { "dropout: on the inputs' products", "dropout_everything", "dropout" },
  { "dropout: the fraction dropped", "dropout_fraction", "dropout" },
  { "dropout: default 0", "layer_default", { "dropout", 0 } },
  { "recurrent_dropout: between 0 and 1, both allowed", "rate_range", { "GRU", "recurrent_dropout" } },
  { "recurrent_dropout: on the state's products", "dropout_everything", "recurrent_dropout" },
  { "recurrent_dropout: the fraction dropped", "dropout_fraction", "recurrent_dropout" },
  { "recurrent_dropout: default 0", "layer_default", { "recurrent_dropout", 0 } },
  { "seed: of dropout", "seed" },
  { "return_sequences", "return_sequences" },
  { "return_sequences: default false", "layer_default", { "return_sequences", false } },
  { "return_state", "return_state" },
  { "return_state: default false", "layer_default", { "return_state", false } },
  { "go_backwards: the sequence reversed, in and out", "go_backwards" },
  { "go_backwards: default false", "layer_default", { "go_backwards", false } },
  { "stateful: row i goes on in row i", "stateful" },
  { "stateful: default false", "layer_default", { "stateful", false } },
  { "unroll: the same numbers", "unroll" },
  { "unroll: default false", "layer_default", { "unroll", false } },
  { "reset_after: before and after", "reset_after_differs", "GRU" },
  { "reset_after: default true", "layer_default", { "reset_after", true } },
})

add(1, "Call arguments", {
  { "inputs: three dimensions", "inputs_rank" },
  { "mask: one value for a row and step", "mask_shape" },
  { "mask: True uses the step, False ignores it (not the words before, which have it the other way round)", "mask_meaning" },
  { "mask: default None uses all steps", "mask_default" },
  { "training: training or inference", "training_switch" },
  { "training: goes to the cell", "training_reaches_cell" },
  { "training: without dropout no difference", "training_without_dropout" },
  { "training: default is inference", "training_default" },
  { "initial_state: a list for the first call of the cell", "initial_state_used" },
  { "initial_state: None is zeros", "initial_state_default" },
})

local PROPERTIES = {}
for _, name in ipairs { "activation", "bias_constraint", "bias_initializer", "bias_regularizer", "dropout", "kernel_constraint",
  "kernel_initializer", "kernel_regularizer", "recurrent_activation", "recurrent_constraint", "recurrent_dropout",
  "recurrent_initializer", "recurrent_regularizer", "reset_after", "units", "use_bias" } do
  PROPERTIES[#PROPERTIES + 1] = { name, "property", name }
end
add(1, "Attributes", PROPERTIES)
add(1, "Attributes", {
  { "input: the symbolic operation's", "symbolic_input_output", "input" },
  { "input: of the first call only", "symbolic_first_call", "input" },
  { "output: the symbolic operation's", "symbolic_input_output", "output" },
  { "output: of the first call only", "symbolic_first_call", "output" },
})

add(1, "Methods", {
  { "from_config: a layer from its config", "from_config" },
  { "from_config: reverse of get_config", "from_config" },
  { "from_config: no connectivity", "from_config_is_bare" },
  { "from_config: no weights; set_weights brings them", "from_config_is_bare" },
  { "from_config: takes get_config's result", "from_config" },
  { "from_config: returns a layer", "from_config" },
  { "get_initial_state", "layer_initial_state" },
  { "inner_loop", "inner_loop" },
  { "reset_state", "reset_state", "reset_state" },
  { "reset_states: without arguments, and with the states that TensorFlow 2.3 takes", "reset_state", "reset_states" },
  { "symbolic_call", "symbolic_call" },
})

require("documents_cell_rows")(add)

return rows
