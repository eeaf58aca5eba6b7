-- Checks of the first document: title, implementations, variants, example, attributes and methods.
local assert = require "luassert"
local mg = require "moongate"
local near = require "near"
local reference = require "keras.gru_reference"
local tools = require "documents_tools"

local GRU, normal = mg.layers.GRU, tools.normal
local check = {}

function check.layer_exists()
  assert.are.equal("GRU", GRU.name)
  assert.are.equal("gru", GRU(2).name:match("^gru"))
end

function check.layer_inherits(parent) assert.is_true(GRU(2):is(mg.layers[parent])) end

-- Against the formula in plain Lua numbers, both variants.
function check.layer_formula(options)
  local layer = tools.built("GRU", { reset_after = options.reset_after, return_sequences = true,
    bias_initializer = "random_normal" })
  local x = normal(2, 5, 4)
  local expected = reference.run { batch = 2, steps = 5, features = 4, units = 3, x = x:to_flat_table(), activation = "tanh",
    recurrent_activation = "sigmoid", reset_after = options.reset_after, return_sequences = true,
    kernel = layer.cell.kernel:to_flat_table(), recurrent_kernel = layer.cell.recurrent_kernel:to_flat_table(),
    bias = layer.cell.bias:to_flat_table() }
  near(layer(x):reshape { -1 }, expected, 1e-12)
end

function check.layer_default(item)
  local value = GRU(2)[item[1]]
  if type(value) == "table" then value = value.name end
  assert.are.equal(item[2], value)
end

function check.explain_names_kernel()
  local plan = GRU(4):explain(normal(2, 5, 3))
  assert.is_true(#plan.kernel > 0)
  assert.are.equal(8, #plan.requirements)
  assert.are.same({ 2, 4 }, { unpack(GRU(4)(normal(2, 5, 3)).shape) })
end

-- One requirement is not met with the option, all others are; without it all are.
function check.requirement(item)
  for i, each in ipairs(GRU(4, item[2]):explain(normal(2, 5, 3)).requirements) do
    assert.are.equal(i ~= item[1] or next(item[2]) == nil, each.met)
  end
end

function check.requirement_padding()
  for _, case in ipairs { { true, true, true, true }, { true, true, false, true }, { false, true, true, false },
    { false, false, false, true } } do
    local mask = mg.tensor { { case[1], case[2], case[3] } }
    assert.are.equal(case[4], GRU(4):explain(normal(1, 3, 2), mask).requirements[7].met)
    local major = GRU(4, { time_major = true }):explain(normal(3, 1, 2), mask:t())
    assert.are.equal(case[4], major.requirements[7].met)
  end
end

function check.separate_biases()
  assert.are.same({ 2, 9 }, { unpack(tools.built("GRU", { reset_after = true }).cell.bias.shape) })
  assert.are.same({ 9 }, { unpack(tools.built("GRU", { reset_after = false }).cell.bias.shape) })
end

function check.cudnn_variant_is_default()
  local named, plain = GRU(3, { reset_after = true, recurrent_activation = "sigmoid", name = "a" }), GRU(3, { name = "a" })
  assert.are.equal(mg.json.encode(named:get_config()), mg.json.encode(plain:get_config()))
end

-- The page's example --------------------------------------------------------------------------------------------------------------

function check.example_last()
  local inputs = mg.random.uniform { 32, 10, 8 }
  local gru = GRU(4)
  assert.are.same({ 32, 4 }, { unpack(gru(inputs).shape) })
end

function check.example_sequence()
  local inputs = mg.random.uniform { 32, 10, 8 }
  local gru = GRU(4, { return_sequences = true, return_state = true })
  local results = { gru(inputs) }
  assert.are.equal(2, #results)
  assert.are.same({ 32, 10, 4 }, { unpack(results[1].shape) })
  assert.are.same({ 32, 4 }, { unpack(results[2].shape) })
end

-- Attributes ----------------------------------------------------------------------------------------------------------------------

-- What each attribute is set to, and how it shows it.
local GIVEN = { activation = "relu", recurrent_activation = "tanh", units = 5, use_bias = false, reset_after = false,
  dropout = 0.25, recurrent_dropout = 0.5 }
local CLASSES = { initializer = "Ones", regularizer = "L2", constraint = "NonNeg" }

function check.property(name)
  local kind = name:match("_(%l+izer)$") or name:match("_(constraint)$")
  local options = { units = 5 }
  if kind then options[name] = mg[kind .. "s"][CLASSES[kind]]() else options[name] = GIVEN[name] end
  local layer = GRU(options)
  local value = layer[name]
  if kind then
    assert.is_true(value:is(mg[kind .. "s"][CLASSES[kind]]))
  else
    assert.are.equal(GIVEN[name], type(value) == "table" and value.name or value)
  end
  assert.are.equal(value, layer.cell[name])
  tools.refused(name .. " cannot be set", function() layer[name] = value end)
end

local function called_twice()
  local gru, first, second = GRU(3), mg.Input { shape = { 5, 4 } }, mg.Input { shape = { 7, 4 } }
  local output = gru(first)
  gru(second)
  return gru, { input = first, output = output }
end

function check.symbolic_input_output(which)
  local gru, x = GRU(3), mg.Input { shape = { 5, 4 } }
  tools.refused(which, function() return gru[which] end)
  local y = gru(x)
  assert.are.equal(({ input = x, output = y })[which], gru[which])
end

function check.symbolic_first_call(which)
  local gru, first = called_twice()
  assert.are.equal(first[which], gru[which])
end

-- Methods -------------------------------------------------------------------------------------------------------------------------

function check.symbolic_call()
  local gru = GRU(3, { return_sequences = true, return_state = true })
  local sequence, state = gru:symbolic_call(mg.Input { shape = { 5, 4 }, batch_size = 2 })
  assert.are.same({ { 2, 5, 3 }, { 2, 3 } }, { sequence.shape, state.shape })
  assert.is_true(gru.built)
  assert.are.equal(1, #gru.inbound_nodes)
end

function check.from_config()
  local gru = GRU(3, { activation = "relu", kernel_regularizer = "l2", return_sequences = true, dropout = 0.5, seed = 4 })
  local config = gru:get_config()
  local again = GRU.from_config(config)
  assert.is_true(again:is(GRU))
  assert.are.equal(mg.json.encode(config), mg.json.encode(again:get_config()))
  assert.are.equal(0.5, again.dropout)
end

function check.from_config_is_bare()
  local gru = GRU(3)
  gru(mg.Input { shape = { 5, 4 } })
  local again = GRU.from_config(gru:get_config())
  assert.are.same({ false, 0, 0 }, { again.built, #again.weights, #again.inbound_nodes })
  again:build { 2, 5, 4 }
  again:set_weights(gru:get_weights())
  local x = normal(2, 5, 4)
  tools.same(again(x), gru(x))
end

function check.layer_initial_state()
  local states = GRU(3):get_initial_state(2)
  near(states[1], { { 0, 0, 0 }, { 0, 0, 0 } }, 0)
  assert.are.equal(1, #states)
end

function check.inner_loop()
  local gru, x, state = tools.built("GRU", { return_sequences = true }), normal(2, 5, 4), normal(2, 3)
  local last, sequence, states = gru:inner_loop(x, { state })
  tools.same(sequence, gru(x, { initial_state = state }))
  tools.same(last, sequence[{ {}, 5 }])
  tools.same(states[1], last)
end

function check.reset_state(method)
  local gru, x = tools.built("GRU", { stateful = true }), normal(2, 5, 4)
  local first = gru(x)
  tools.differ(gru(x), first)
  gru[method](gru)
  tools.same(gru(x), first)
  gru[method](gru, { mg.zeros(2, 3) })
  tools.same(gru(x), first)
  tools.refused("shape", gru[method], gru, { mg.zeros(2, 4) })
end

return check
