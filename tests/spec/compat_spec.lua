-- mg.compat: signatures, defaults and calls of the older classes, and mg.compat.use.
local contract = require "layer_contract"
local message_of = require "message_of"
local mg = require "moongate"
local near = require "near"
local tools = require "documents_tools"

local v1, v2 = mg.compat.v1.layers, mg.compat.v2.layers

local function normal(...) return mg.random.normal({ ... }, 0, 1, { dtype = "float64" }) end

before_each(function()
  mg.set_floatx "float32"
  mg.set_random_seed(4)
end)

after_each(function() mg.compat.use "keras3" end)

describe("compat.v1.layers.GRUCell", function()
  it("has the defaults of TensorFlow 2.3", function()
    local cell = v1.GRUCell(4)
    assert.is_true(cell:is(mg.layers.Layer))
    assert.are.same({ "tanh", "hard_sigmoid", 0.2 }, { cell.activation.name, cell.recurrent_activation.name,
      cell.recurrent_activation.spec.a })
    assert.are.same({ true, false, 1, 0, 0 }, { cell.use_bias, cell.reset_after, cell.implementation, cell.dropout,
      cell.recurrent_dropout })
  end)

  it("takes its arguments in order, implementation before reset_after; nil leaves the default, null is None", function()
    local cell = v1.GRUCell(3, mg.null, nil, false, "zeros", "ones", nil, "l2", mg.null, nil, "non_neg", nil, nil, 0.25, 0.5, 2,
      true)
    assert.are.same({ "linear", "hard_sigmoid", false }, { cell.activation.name, cell.recurrent_activation.name, cell.use_bias })
    assert.is_true(cell.kernel_initializer:is(mg.initializers.Zeros))
    assert.is_true(cell.recurrent_initializer:is(mg.initializers.Ones))
    assert.is_true(cell.kernel_regularizer:is(mg.regularizers.L2))
    assert.is_nil(cell.recurrent_regularizer)
    assert.is_true(cell.kernel_constraint:is(mg.constraints.NonNeg))
    -- recurrent dropout needs implementation 1
    assert.are.same({ 0.25, 0.5, 1, true }, { cell.dropout, cell.recurrent_dropout, cell.implementation, cell.reset_after })
    local none = mg.null
    assert.are.equal(2, v1.GRUCell(3, nil, nil, nil, nil, nil, nil, none, none, none, none, none, none, nil, nil, 2).implementation)
    assert.matches("GRUCell: argument 18 is 1, expected a table of options",
      message_of(v1.GRUCell, 3, nil, nil, nil, nil, nil, nil, none, none, none, none, none, none, nil, nil, 2, true, 1), 1, true)
  end)

  it("gives its states in a list, whatever it was given", function()
    local cell, x = v1.GRUCell(3), mg.ones(2, 4)
    for _, states in ipairs { { mg.zeros(2, 3) }, mg.zeros(2, 3) } do
      local output, new = cell(x, states)
      assert.are.equal(1, #new)
      assert.are.equal(output, new[1])
    end
  end)

  it("makes initial states of inputs, or of batch_size and dtype", function()
    local cell = v1.GRUCell(3)
    local state = cell:get_initial_state(mg.ones({ 5, 4 }, { dtype = "float64" }))
    assert.are.same({ 5, 3, "float64" }, { state.shape[1], state.shape[2], state.dtype })
    assert.are.equal(2, cell:get_initial_state(nil, 2, "float32").shape[1])
    for _, arguments in ipairs { {}, { nil, 2 }, { mg.null, mg.null, "float32" } } do
      assert.matches("without inputs, batch_size and dtype are needed",
        message_of(cell.get_initial_state, cell, unpack(arguments, 1, 3)), 1, true)
    end
  end)

  it("computes the same with implementation 1 and 2, by other products", function()
    for _, reset_after in ipairs { true, false } do
      local one = v1.GRUCell(5, { dtype = "float64", reset_after = reset_after, bias_initializer = "random_normal" })
      local two = v1.GRUCell(5, { dtype = "float64", reset_after = reset_after, implementation = 2 })
      one:build { 3, 4 }
      two:build { 3, 4 }
      two:set_weights(one:get_weights())
      local x, h = normal(3, 4):requires_grad_(), normal(3, 5):requires_grad_()
      local gradients = {}
      for i, cell in ipairs { one, two } do
        local output = cell(x, { h })
        gradients[i] = mg.gradients((output * output):sum(), { x, h, cell.kernel, cell.recurrent_kernel, cell.bias })
        gradients[i].output = output
      end
      near(gradients[1].output, gradients[2].output:to_table(), 1e-13)
      for i = 1, 5 do near(gradients[1][i], gradients[2][i]:to_table(), 1e-12) end
    end
  end)

  it("draws three masks; implementation 2 uses the first", function()
    local x, h = normal(2, 4), normal(2, 3)
    local cell = v1.GRUCell(3, { dropout = 0.5, implementation = 2, dtype = "float64", seed = 3 })
    local output = cell(x, { h }, { training = true })
    local masks = cell:get_dropout_mask_for_cell(x, true, 3)
    local plain = v1.GRUCell(3, { dtype = "float64" })
    plain:build { 2, 4 }
    plain:set_weights(cell:get_weights())
    near(plain(x * masks[1], { h }), output:to_table(), 1e-13)
  end)
end)

describe("compat.v1.layers.GRU", function()
  it("has the defaults of TensorFlow 2.3 and its cell's implementation", function()
    local layer = v1.GRU(4)
    assert.is_true(layer:is(mg.layers.RNN))
    assert.are.same({ "hard_sigmoid", 0.2, false, 1 }, { layer.recurrent_activation.name, layer.recurrent_activation.spec.a,
      layer.reset_after, layer.implementation })
    assert.are.equal(v1.GRUCell, getmetatable(layer.cell).class)
  end)

  it("takes its arguments in order", function()
    local order = { "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer", "recurrent_initializer",
      "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "activity_regularizer",
      "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "implementation",
      "return_sequences", "return_state", "go_backwards", "stateful", "unroll", "reset_after" }
    local values = { implementation = 2, reset_after = true }
    for name, value in pairs(tools.other_values) do values[name] = value end
    tools.takes_in_order(v1.GRU, order, values)
    table.insert(order, 23, "time_major")
    values.time_major, values.implementation, values.reset_after = true, 1, false
    values.recurrent_dropout = nil -- it changes the implementation too
    tools.takes_in_order(v2.GRU, order, values)
  end)

  it("is time-major when asked: the same numbers with the axes exchanged", function()
    for _, class in ipairs { v1.GRU, v2.GRU, mg.layers.GRU } do
      local options = { return_sequences = true, return_state = true, dtype = "float64" }
      local plain = class(3, options)
      options.time_major = true
      local layer, x = class(3, options), normal(2, 5, 4)
      local mask = mg.tensor { { true, true, false, true, false }, { false, true, true, true, true } }
      local expected, state = plain(x, { mask = mask })
      layer:build { 5, 2, 4 }
      layer:set_weights(plain:get_weights())
      local output, last = layer(x:transpose(1, 2), { mask = mask:transpose(1, 2) })
      near(output:transpose(1, 2), expected:to_table(), 1e-14)
      near(last, state:to_table(), 1e-14)
      assert.are.same({ { 5, 2, 3 }, { 2, 3 } }, { layer:compute_output_shape { 5, 2, 4 } })
      assert.matches("mask has shape (2, 5), expected (5, 2)", message_of(layer, x:transpose(1, 2), { mask = mask }), 1, true)
    end
  end)

  it("writes configs of its own form, and refuses Keras 3's where that means something else", function()
    local layer = v1.GRU(4, { time_major = true, name = "gru" })
    local text = mg.json.encode(layer:get_config())
    assert.matches('"time_major": true, "units": 4', text, 1, true)
    assert.matches('"implementation": 1, "reset_after": false}', text, 1, true)
    assert.are.equal(text, mg.json.encode(v1.GRU.from_config(text):get_config()))
    assert.are.equal(text, mg.json.encode(mg.layers.GRU.from_config(text):get_config "tf2"))
    assert.matches('GRU "gru": get_config: time_major = true has no place in Keras 3',
      message_of(layer.get_config, layer, "keras3"), 1, true)
    assert.matches("recurrent_activation is Keras 2's hard_sigmoid, clip(0.2 x + 0.5, 0, 1)",
      message_of(v1.GRU(4).get_config, v1.GRU(4), "keras3"), 1, true)
  end)

  it("leaves the masks of its last batch to be looked at", function()
    local layer, x = v1.GRU(3, { dropout = 0.5, dtype = "float64" }), normal(4, 5, 2)
    local output = layer(x, { training = true })
    local masks = layer:get_dropout_mask_for_cell(x, true, 3)
    local again = v1.GRU(3, { dropout = 0.5, dtype = "float64" })
    again:build { 4, 5, 2 }
    again:set_weights(layer:get_weights())
    again.cell:set_dropout_masks { input = masks }
    near(again(x, { training = true }), output:to_table(), 1e-14)
    layer(x, { training = true })
    assert.are_not.equal(masks, layer:get_dropout_mask_for_cell(x, true, 3))
    layer:reset_dropout_mask()
    assert.is_nil(layer:get_recurrent_dropout_mask_for_cell(mg.ones(4, 3), true))
  end)
end)

describe("the classes of compat", function()
  -- A gate that both forms of configs call by the same name, and that means the same in both.
  local function maker(class)
    return function(options)
      options.units, options.recurrent_activation = 2, "sigmoid"
      return class(options)
    end
  end

  it("hold what every layer holds", function()
    for version, layers in pairs { v1 = v1, v2 = v2 } do
      local bias = version == "v1" and { 6 } or { 2, 6 }
      contract { make = maker(layers.GRU), input = normal(3, 4, 3), output_shape = { { 3, 2 } },
        weights = { { "kernel", { 3, 6 } }, { "recurrent_kernel", { 2, 6 } }, { "bias", bias } } }
    end
  end)

  it("mean by l1_l2 what tf.keras means by the word", function()
    local given = v1.GRU(2, { kernel_regularizer = "l1_l2" }).kernel_regularizer
    assert.are.same({ 0.01, 0.01 }, { given.l1, given.l2 })
    assert.are.equal(0, mg.regularizers.L1L2().l1)
  end)

  it("are told apart by help", function()
    local lookup = require "moongate.cli.lookup"
    for version, layers in pairs { v1 = v1, v2 = v2 } do
      for _, name in ipairs { "GRU", "GRUCell" } do
        local example = table.concat(lookup.of_class(layers[name]).example, " ")
        assert.matches(("mg.compat.%s.layers.%s("):format(version, name), example, 1, true)
      end
    end
  end)

  it("train their cells in an RNN", function()
    local layer = mg.layers.RNN(v1.GRUCell(2, { dtype = "float64" }), { return_sequences = true, dtype = "float64" })
    local whole = v1.GRU(2, { return_sequences = true, dtype = "float64" })
    local x = normal(3, 4, 3)
    local expected = whole(x)
    layer:build { 3, 4, 3 }
    layer:set_weights(whole:get_weights())
    near(layer(x), expected:to_table(), 1e-13)
    local found = mg.gradients(layer(x):sum(), layer.trainable_weights)
    for i, gradient in ipairs(mg.gradients(expected:sum(), whole.trainable_weights)) do
      near(found[i], gradient:to_table(), 1e-12)
    end
  end)
end)

describe("compat.use", function()
  -- recurrent_activation, slope of hard_sigmoid, reset_after, implementation
  local TABLE = { ["tf2.3"] = { "hard_sigmoid", 0.2, false, 1 }, keras2 = { "sigmoid", 0.2, false, 2 },
    tf2 = { "sigmoid", 0.2, true, 2 },
    keras3 = { "sigmoid", 1 / 6, true, 2 } }

  it("switches the defaults of constructors called afterwards", function()
    for version, wanted in pairs(TABLE) do
      mg.compat.use(version)
      for _, class in ipairs { mg.layers.GRU, mg.layers.GRUCell } do
        local layer = class(3)
        assert.are.same(wanted, { layer.recurrent_activation.name, mg.activations.get("hard_sigmoid").spec.a, layer.reset_after,
          layer.implementation })
        assert.are.equal(wanted[2], class(3, "hard_sigmoid").activation.spec.a)
      end
    end
  end)

  it("leaves layers that exist, and what a call says", function()
    local before = mg.layers.GRU(3, { recurrent_activation = "hard_sigmoid" })
    assert.are.equal("keras3", mg.compat.use "tf2.3")
    assert.are.same({ true, 1 / 6 }, { before.reset_after, before.recurrent_activation.spec.a })
    assert.is_true(mg.layers.GRU(3, { reset_after = true }).reset_after)
    assert.is_true(v2.GRU(3).reset_after)
  end)

  it("names the versions there are", function()
    assert.matches('compat.use: argument version is "keras1", expected one of keras3, tf2, keras2, tf2.3',
      message_of(mg.compat.use, "keras1"), 1, true)
  end)
end)
