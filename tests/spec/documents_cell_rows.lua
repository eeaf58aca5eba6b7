-- The lines of the second document; see documents_rows.lua.
return function(add)
  add(2, "Title", {
    { "the class's name", "cell_exists" },
    { "the cell of the GRU layer", "cell_of_layer" },
    { "inherits Layer", "cell_inherits" },
  })

  add(2, "Arguments", {
    { "order of the arguments, implementation before reset_after", "cell_positional" },
    { "units: size of the output", "cell_units" },
    { "units: a positive integer", "units_positive", "GRUCell" },
    { "activation: default tanh", "cell_default", { "activation", "tanh" } },
    { "activation: None is linear", "activation_none", { "GRUCell", "activation" } },
    { "recurrent_activation: default hard_sigmoid", "cell_default", { "recurrent_activation", "hard_sigmoid" } },
    { "recurrent_activation: hard_sigmoid is that of TensorFlow 2", "cell_hard_sigmoid" },
    { "recurrent_activation: None is linear", "activation_none", { "GRUCell", "recurrent_activation" } },
    { "use_bias", "use_bias", "GRUCell" },
    { "kernel_initializer: makes the kernel", "initializer_used", { "GRUCell", "kernel" } },
    { "kernel_initializer: the default", "default_kernel", "GRUCell" },
    { "recurrent_initializer: makes the recurrent kernel", "initializer_used", { "GRUCell", "recurrent" } },
    { "recurrent_initializer: the default", "default_recurrent_kernel", "GRUCell" },
    { "bias_initializer: makes the bias", "initializer_used", { "GRUCell", "bias" } },
    { "bias_initializer: the default", "default_bias", "GRUCell" },
    { "kernel_regularizer", "regularizer_used", { "GRUCell", "kernel" } },
    { "recurrent_regularizer", "regularizer_used", { "GRUCell", "recurrent" } },
    { "bias_regularizer", "regularizer_used", { "GRUCell", "bias" } },
    { "kernel_constraint", "constraint_used", { "GRUCell", "kernel" } },
    { "recurrent_constraint", "constraint_used", { "GRUCell", "recurrent" } },
    { "bias_constraint", "constraint_used", { "GRUCell", "bias" } },
    { "dropout: between 0 and 1", "rate_range", { "GRUCell", "dropout" } },
    { "dropout: on the inputs' products", "cell_dropout_everything", "dropout" },
    { "recurrent_dropout: between 0 and 1", "rate_range", { "GRUCell", "recurrent_dropout" } },
    { "recurrent_dropout: on the state's products", "cell_dropout_everything", "recurrent_dropout" },
    { "implementation: 1 or 2", "cell_implementation_values" },
    { "implementation 1: more and smaller products", "cell_products", { 1, 6 } },
    { "implementation 2: fewer and larger ones", "cell_products", { 2, 3 } },
    { "implementation: performance differs, results do not", "cell_implementations_agree" },
    { "implementation: default 1", "cell_default", { "implementation", 1 } },
    { "reset_after: before and after", "reset_after_differs", "GRUCell" },
    { "reset_after: default false", "cell_default", { "reset_after", false } },
  })

  add(2, "Call arguments", {
    { "inputs: two dimensions", "cell_inputs_rank" },
    { "states: a list with the state of the step before", "cell_states" },
    { "training: training or inference", "cell_training" },
    { "training: without dropout no difference", "cell_training_without_dropout" },
  })

  for _, which in ipairs { "dropout", "recurrent_dropout" } do
    add(2, ("get_%s_mask_for_cell"):format(which), {
      { "a mask for the cell", "mask_shape_of", which },
      { "made when there is none in the cache", "mask_made_once", which },
      { "a new one is kept in the cache", "mask_made_once", which },
      { "inputs: their shape is the mask's", "mask_shape_of", which },
      { "training: ignored outside training", "mask_training", which },
      { "count: how many", "mask_count", which },
      { "returns a list of masks (a tensor for one, nil for rate 0)", "mask_returns", which },
      { "a cached mask where it fits the call", "mask_cache_fits", which },
    })
    add(2, ("reset_%s_mask"):format(which), {
      { "clears the cache", "mask_reset", which },
      { "RNN layers clear it before they step", "mask_reset_by_layer", which },
      { "kept over the steps of a batch", "mask_over_steps", which },
      { "not kept between batches", "mask_between_batches", which },
    })
  end

  add(2, "Methods", { { "get_initial_state", "cell_initial_state" } })
end
