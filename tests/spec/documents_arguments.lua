-- Checks of the arguments that both documents have; name is "GRU" or "GRUCell".
local assert = require "luassert"
local mg = require "moongate"
local near = require "near"
local tools = require "documents_tools"

local GRU, normal = mg.layers.GRU, tools.normal
local check = {}

function check.layer_positional()
  local values = { reset_after = false, use_cudnn = false }
  for name, value in pairs(tools.other_values) do values[name] = value end
  tools.takes_in_order(GRU, { "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer",
    "recurrent_initializer", "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer",
    "activity_regularizer", "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout",
    "seed", "return_sequences", "return_state", "go_backwards", "stateful", "unroll", "reset_after", "use_cudnn" }, values)
  assert.is_nil(GRU(2, nil, nil, nil, nil, nil, nil, mg.null).kernel_regularizer)
end

function check.units_size()
  for _, units in ipairs { 1, 4, 7 } do
    local gru = GRU(units)
    assert.are.equal(units, gru(normal(2, 3, 4)).shape[2])
    assert.are.equal(3 * units * (4 + units) + 6 * units, gru:count_params())
  end
end

function check.units_positive(name)
  for _, units in ipairs { 0, -1, 2.5, "4" } do tools.refused("units", tools.class(name), units) end
end

-- Another activation gives other numbers; a Lua function is called once in each of 5 steps, for z and r each.
function check.activation_used(name)
  local x = normal(2, 5, 4)
  local gru = tools.built("GRU", {})
  tools.differ(tools.twin(gru, "GRU", { [name] = "softsign" })(x), gru(x))
  local called = 0
  tools.twin(gru, "GRU", { [name] = function(v)
    called = called + 1
    return v:tanh()
  end })(x)
  assert.are.equal(name == "activation" and 5 or 10, called)
end

function check.activation_none(item)
  local name, argument = item[1], item[2]
  local object = tools.built(name, { [argument] = mg.null })
  assert.are.equal("linear", object[argument].name)
  local x = tools.input(name)
  tools.same(tools.output(object, name, x), tools.output(tools.twin(object, name, { [argument] = "linear" }), name, x))
  local other = tools.twin(object, name, { [argument] = function(v) return v end })
  tools.same(tools.output(object, name, x), tools.output(other, name, x))
end

function check.use_bias(name)
  local with, without = tools.built(name, {}), tools.built(name, { use_bias = false })
  assert.is_true(with.use_bias)
  assert.are.same({ 3, 2 }, { #with.weights, #without.weights })
  without:set_weights { with.weights[1], with.weights[2] }
  local x = tools.input(name)
  tools.same(tools.output(with, name, x), tools.output(without, name, x))
  with.weights[3]:assign(mg.ones { unpack(with.weights[3].shape) })
  tools.differ(tools.output(with, name, x), tools.output(without, name, x))
end

-- Weights by which initializer, regularizer and constraint are named.
local WEIGHT = { kernel = 1, recurrent = 2, bias = 3 }

function check.initializer_used(item)
  local object = tools.built(item[1], { [item[2] .. "_initializer"] = mg.initializers.Constant(0.5) })
  for _, v in ipairs(object.weights[WEIGHT[item[2]]]:to_flat_table()) do assert.are.equal(0.5, v) end
end

-- Uniform within sqrt(6 / (fan_in + fan_out)), fan_out being 3 units; the standard deviation is the limit over sqrt(3).
function check.default_kernel(name)
  local object = tools.class(name)(30)
  object:build(name == "GRU" and { 2, 5, 40 } or { 2, 40 })
  assert.is_true(object.kernel_initializer:is(mg.initializers.GlorotUniform))
  local limit, kernel = math.sqrt(6 / (40 + 90)), object.weights[1]
  assert.is_true(kernel:abs():max():item() <= limit)
  assert.is_true(math.abs(math.sqrt((kernel * kernel):mean():item()) / (limit / math.sqrt(3)) - 1) < 0.05)
end

-- Rows orthonormal over all three gates together.
function check.default_recurrent_kernel(name)
  local object = tools.built(name, {})
  assert.is_true(object.recurrent_initializer:is(mg.initializers.Orthogonal))
  local R = object.weights[2]
  near(R:matmul(R:t()), { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }, 1e-12)
end

function check.default_bias(name)
  local object = tools.built(name, {})
  assert.is_true(object.bias_initializer:is(mg.initializers.Zeros))
  assert.are.equal(0, object.weights[3]:abs():max():item())
end

-- One loss term, 0.5 * sum(w^2).
function check.regularizer_used(item)
  local object = tools.built(item[1], { [item[2] .. "_regularizer"] = mg.regularizers.L2(0.5), bias_initializer = "ones" })
  local w = object.weights[WEIGHT[item[2]]]
  assert.are.equal(1, #object.losses)
  near(object.losses[1], 0.5 * (w * w):sum():item(), 1e-12)
end

-- After an update w <- f(w): no weight stays below 0.
function check.constraint_used(item)
  local object = tools.built(item[1], { [item[2] .. "_constraint"] = "non_neg", kernel_initializer = "random_normal" })
  local w = object.weights[WEIGHT[item[2]]]
  w:assign(mg.full({ unpack(w.shape) }, -1))
  mg.optimizers.SGD(0.5):apply({ mg.zeros { unpack(w.shape) } }, { w })
  assert.are.equal(0, w:abs():max():item())
end

function check.activity_regularizer()
  local gru = GRU(3, { activity_regularizer = mg.regularizers.L2(0.5), return_state = true })
  local output = gru(normal(2, 5, 4))
  assert.are.equal(2, #gru.losses)
  near(gru.losses[1], 0.5 * (output * output):sum():item() / 2, 1e-12)
end

function check.rate_range(item)
  for _, rate in ipairs { -0.1, 1.1, 0 / 0 } do tools.refused(item[2], tools.class(item[1]), 3, { [item[2]] = rate }) end
  for _, rate in ipairs { 0, 1 } do assert.are.equal(rate, tools.class(item[1])(3, { [item[2]] = rate })[item[2]]) end
end

-- All dropped: as if what the masks multiply were 0; the carried state is not dropped.
local function everything(name, which, twin_name)
  local x, options = tools.input(name), { [which] = 1, bias_initializer = "random_normal" }
  local object, state = tools.built(name, options), normal(2, 3)
  local plain = tools.twin(object, name, {})
  local call = name == "GRU" and { training = true, initial_state = state } or { training = true, state = state }
  local dropped = tools.output(object, name, x, call)
  if which == "dropout" then
    x = mg.zeros { unpack(x.shape) }
  else
    plain.weights[2]:assign(mg.zeros { unpack(plain.weights[2].shape) })
  end
  call.training = false
  tools.same(dropped, tools.output(plain, twin_name or name, x, call))
end

function check.dropout_everything(which) everything("GRU", which) end
function check.cell_dropout_everything(which) everything("GRUCell", which) end

-- 4 standard deviations of the share among n draws.
function check.dropout_fraction(which)
  local cell = GRU(50, { [which] = 0.3, seed = 1 }).cell
  local get = which == "dropout" and "get_dropout_mask_for_cell" or "get_recurrent_dropout_mask_for_cell"
  local mask = cell[get](cell, mg.zeros(400, 50), true)
  local share = 1 - mg.ops.cast(mg.ops.ne(mask, 0), "float64"):mean():item()
  assert.is_true(math.abs(share - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 20000))
  near(mask:max(), 1 / 0.7, 1e-12)
end

function check.seed()
  local x, outputs = normal(2, 5, 4), {}
  local first = tools.built("GRU", { dropout = 0.5, seed = 3 })
  for i, seed in ipairs { 3, 3, 4 } do
    outputs[i] = tools.twin(first, "GRU", { dropout = 0.5, seed = seed })(x, { training = true })
  end
  tools.same(outputs[1], outputs[2])
  tools.differ(outputs[1], outputs[3])
end

function check.reset_after_differs(name)
  local x, options = tools.input(name), { initial_state = normal(2, 3) }
  options.state = name == "GRUCell" and options.initial_state or nil
  if name == "GRUCell" then options.initial_state = nil end
  local after = tools.built(name, { reset_after = true, use_bias = false })
  local before = tools.twin(after, name, { reset_after = false, use_bias = false })
  tools.differ(tools.output(after, name, x, options), tools.output(before, name, x, options))
end

return check
