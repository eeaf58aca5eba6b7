-- Checks of the second document: the cell of tf.compat.v1 and its dropout masks.
local assert = require "luassert"
local mg = require "moongate"
local near = require "near"
local tools = require "documents_tools"

local GRUCell, normal = mg.compat.v1.layers.GRUCell, tools.normal
local check = {}

function check.cell_exists()
  assert.are.equal("GRUCell", GRUCell.name)
  assert.are.equal("gru_cell", GRUCell(2).name:match("^gru_cell"))
end

-- Over the steps it gives what the layer gives.
function check.cell_of_layer()
  local gru, x = mg.compat.v1.layers.GRU(3), normal(2, 4, 5)
  local expected = gru(x)
  local cell, states = GRUCell(3), { mg.zeros(2, 3) }
  cell:build { 2, 5 }
  cell:set_weights(gru:get_weights())
  local output
  for t = 1, 4 do output, states = cell(x[{ {}, t }], states) end
  tools.same(output, expected)
  tools.same(mg.layers.RNN(cell)(x), expected)
end

function check.cell_inherits() assert.is_true(GRUCell(2):is(mg.layers.Layer)) end

function check.cell_default(item)
  local value = GRUCell(2)[item[1]]
  if type(value) == "table" then value = value.name end
  assert.are.equal(item[2], value)
end

-- clip(0.2 x + 0.5, 0, 1)
function check.cell_hard_sigmoid()
  near(GRUCell(2).recurrent_activation(mg.tensor { -3, -1, 0, 1, 3 }), { 0, 0.3, 0.5, 0.7, 1 }, 1e-7)
end

function check.cell_positional()
  local values = { reset_after = true, implementation = 2 }
  for name, value in pairs(tools.other_values) do values[name] = value end
  tools.takes_in_order(GRUCell, { "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer",
    "recurrent_initializer", "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer",
    "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "implementation",
    "reset_after" }, values)
  assert.is_nil(GRUCell(2, nil, nil, nil, nil, nil, nil, mg.null).kernel_regularizer)
end

function check.cell_units()
  for _, units in ipairs { 1, 4, 7 } do
    local cell = GRUCell(units)
    assert.are.same({ 2, units }, { unpack((cell(normal(2, 3), { mg.zeros(2, units) })).shape) })
    assert.are.equal(units, cell.state_size)
  end
end

function check.cell_implementation_values()
  for _, implementation in ipairs { 1, 2 } do
    assert.are.equal(implementation, GRUCell(2, { implementation = implementation }).implementation)
  end
  for _, implementation in ipairs { 3, -1, "1" } do
    tools.refused("implementation", GRUCell, 2, { implementation = implementation })
  end
end

-- How many products a step makes, for an activation in Lua so that they can be seen; the widest has 3 units in mode 2, 1 in mode 1.
function check.cell_products(item)
  local implementation, wanted = item[1], item[2]
  local cell = tools.built("GRUCell", { implementation = implementation, activation = function(v) return v:tanh() end })
  local ops, count, widest = require "moongate.ops", 0, 0
  local linear, matmul = ops.linear, ops.matmul
  local function counting(f)
    return function(x, weight, ...)
      count, widest = count + 1, math.max(widest, weight.shape[2])
      return f(x, weight, ...)
    end
  end
  ops.linear, ops.matmul = counting(linear), counting(matmul)
  local ok, message = pcall(cell, normal(2, 4), { normal(2, 3) })
  ops.linear, ops.matmul = linear, matmul
  assert(ok, message)
  assert.are.same({ wanted, implementation == 1 and 3 or 9 }, { count, widest })
end

function check.cell_implementations_agree()
  for _, reset_after in ipairs { true, false } do
    local one = tools.built("GRUCell", { reset_after = reset_after, bias_initializer = "random_normal" })
    local two = tools.twin(one, "GRUCell", { reset_after = reset_after, implementation = 2 })
    local x, h = normal(2, 4), normal(2, 3)
    tools.same((one(x, { h })), (two(x, { h })))
  end
end

function check.cell_inputs_rank()
  for _, x in ipairs { normal(4), normal(2, 5, 4) } do
    tools.refused("expected 2: (batch, features)", GRUCell(3), x, { mg.zeros(2, 3) })
  end
end

function check.cell_states()
  local cell, x, h = tools.built("GRUCell", {}), normal(2, 4), normal(2, 3)
  local output, states = cell(x, { h })
  assert.are.equal(1, #states)
  tools.same(states[1], output)
  tools.differ((cell(x, { normal(2, 3) })), output)
  tools.refused("2 states were given, expected 1", cell, x, { h, h })
end

function check.cell_training()
  local cell, x, h = tools.built("GRUCell", { dropout = 0.5, seed = 2 }), normal(2, 4), normal(2, 3)
  local plain = tools.twin(cell, "GRUCell", {})
  tools.differ((cell(x, { h }, { training = true })), (plain(x, { h })))
  tools.same((cell(x, { h }, { training = false })), (plain(x, { h })))
  tools.same((cell(x, { h })), (plain(x, { h })))
end

function check.cell_training_without_dropout()
  local cell, x, h = tools.built("GRUCell", {}), normal(2, 4), normal(2, 3)
  tools.same((cell(x, { h }, { training = true })), (cell(x, { h })))
end

function check.cell_initial_state()
  near(GRUCell(2):get_initial_state(nil, 2, "float32"), { { 0, 0 }, { 0, 0 } }, 0)
  assert.are.equal("float64", GRUCell(2):get_initial_state(normal(3, 4)).dtype)
  tools.refused("batch_size and dtype are needed", GRUCell(2).get_initial_state, GRUCell(2))
end

-- Masks; which is "dropout" or "recurrent_dropout" --------------------------------------------------------------------------------

local function asker(which, rate)
  local cell = GRUCell(3, { [which] = rate or 0.5, seed = 5 })
  return function(x, training, count) return cell["get_" .. which .. "_mask_for_cell"](cell, x, training, count) end,
    function() return cell["reset_" .. which .. "_mask"](cell) end, cell
end

function check.mask_shape_of(which)
  local ask = asker(which)
  local mask = ask(normal(6, 7), true)
  assert.are.same({ 6, 7, "float64" }, { mask.shape[1], mask.shape[2], mask.dtype })
  for _, v in ipairs(mask:to_flat_table()) do assert.is_true(v == 0 or v == 2) end
end

function check.mask_made_once(which)
  local ask = asker(which)
  assert.are.equal(ask(normal(6, 7), true), ask(normal(6, 7), true))
end

function check.mask_training(which)
  local ask = asker(which)
  for _, training in ipairs { false, mg.null } do near(ask(mg.zeros(2, 2), training), { { 1, 1 }, { 1, 1 } }, 0) end
end

function check.mask_count(which)
  local ask = asker(which)
  local masks = ask(normal(6, 7), true, 4)
  assert.are.equal(4, #masks)
  tools.differ(masks[1], masks[2])
end

function check.mask_returns(which)
  assert.are.equal(2, #asker(which)(normal(2, 3), true, 2))
  assert.is_true(mg.is_tensor((asker(which)(normal(2, 3), true, 1))))
  assert.is_nil((asker(which, 0)(normal(2, 3), true, 3)))
end

function check.mask_cache_fits(which)
  local ask, _, cell = asker(which)
  local first = ask(normal(6, 7), true)
  assert.are.equal(5, ask(normal(5, 7), true).shape[1])
  assert.are_not.equal(first, ask(normal(6, 7), false))
  ask(normal(6, 7), true)
  assert.are.equal("float32", ask(mg.ones({ 6, 7 }, { dtype = "float32" }), true).dtype)
  ask(normal(6, 7), true, 2)
  assert.are.equal(3, #ask(normal(6, 7), true, 3))
  cell[which] = 0.75
  assert.are.equal(4, ask(normal(6, 7), true, 3)[1]:max():item())
end

function check.mask_reset(which)
  local ask, reset = asker(which)
  local first = ask(normal(20, 20), true)
  reset()
  tools.differ(ask(normal(20, 20), true), first)
end

-- A cell that has the two methods and notes when they are called.
local function mask_order(which)
  local order = {}
  local cell = { state_size = 2 }
  cell["reset_" .. which .. "_mask"] = function() order[#order + 1] = "reset" end
  function cell.call(_, x)
    order[#order + 1] = "step"
    return x, { x }
  end
  local layer = mg.layers.RNN(cell)
  layer(normal(1, 2, 2))
  layer(normal(1, 2, 2))
  return table.concat(order, " ")
end

-- Between any two batches; Keras 3 clears behind a batch, TensorFlow 2.3 (compat.v1) before it.
function check.mask_reset_by_layer(which)
  assert.matches("step step reset step step", mask_order(which), 1, true)
  local layer, cleared = mg.compat.v1.layers.GRU(2, { [which] = 0.5 }), 0
  local reset = layer.cell["reset_" .. which .. "_mask"]
  layer.cell["reset_" .. which .. "_mask"] = function(...)
    cleared = cleared + 1
    return reset(...)
  end
  layer(normal(1, 2, 2), { training = true })
  assert.are.equal(1, cleared)
end

-- Steps by hand with one cache are what the layer computes with one mask for all of its steps.
function check.mask_over_steps(which)
  local layer, x = mg.compat.v1.layers.GRU(3, { [which] = 0.5, seed = 9 }), normal(2, 4, 5)
  local expected = layer(x, { training = true })
  local cell, states, output = GRUCell(3, { [which] = 0.5, seed = 9 }), { mg.zeros(2, 3) }, nil
  cell:build { 2, 5 }
  cell:set_weights(layer:get_weights())
  for t = 1, 4 do output, states = cell(x[{ {}, t }], states, { training = true }) end
  tools.same(output, expected)
end

function check.mask_between_batches(which)
  local layer, x = mg.compat.v1.layers.GRU(20, { [which] = 0.5 }), normal(2, 4, 20)
  tools.differ(layer(x, { training = true }), layer(x, { training = true }))
end

return check
