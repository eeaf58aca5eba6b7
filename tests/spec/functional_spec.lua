-- Functional models: graph, order of layers, shared layers, several inputs and outputs.
local assert = require "luassert"
local mg = require "moongate"

local layers = mg.layers

local function names(list)
  local out = {}
  for i, item in ipairs(list) do out[i] = item.name end
  return out
end

-- y = 2 x + 1 for a Dense of one unit.
local function affine(layer)
  layer:set_weights { { { 2 } }, { 1 } }
  return layer
end

describe("functional models", function()
  it("run a chain", function()
    local x = mg.Input { shape = { 1 } }
    local dense = layers.Dense(1)
    local model = mg.Model { inputs = x, outputs = dense(x), name = "line" }
    affine(dense)
    assert.are.equal("line", model.name)
    assert.are.same({ { 7 }, { -1 } }, model(mg.tensor { { 3 }, { -1 } }):to_table())
    assert.are.same({ { 7 } }, model({ { 3 } }):to_table())
  end)

  it("share a layer between calls, with one set of weights", function()
    local a, b = mg.Input { shape = { 1 }, name = "a" }, mg.Input { shape = { 1 }, name = "b" }
    local dense = layers.Dense(1, { name = "shared" })
    local model = mg.Model { inputs = { a, b }, outputs = { dense(a), dense(dense(b)) } }
    affine(dense)
    assert.are.equal(2, #model.weights)
    local left, right = model { mg.tensor { { 1 } }, mg.tensor { { 2 } } }
    assert.are.same({ { { 3 } }, { { 11 } } }, { left:to_table(), right:to_table() })
    left = model { b = mg.tensor { { 2 } }, a = mg.tensor { { 5 } } }
    assert.are.same({ { 11 } }, left:to_table())
    assert.are.same({ "a", "b" }, model.input_names)
    assert.are.same({ "shared", "shared" }, model.output_names)
  end)

  it("hand on states as options and in a list of inputs", function()
    local x = mg.Input { shape = { 5, 3 }, name = "x" }
    local sequence, state = layers.GRU(4, { return_sequences = true, return_state = true, name = "encoder" })(x)
    local decoder = layers.GRU(4, { name = "decoder" })
    local model = mg.Model { inputs = x, outputs = { decoder(sequence, { initial_state = state }), decoder { sequence, state } } }
    local first, second = model(mg.ones { 2, 5, 3 })
    assert.are.same(first:to_table(), second:to_table())
    local encoder = model:get_layer "encoder"
    local seq, last = encoder(mg.ones { 2, 5, 3 })
    assert.are.same(decoder(seq, { initial_state = last }):to_table(), first:to_table())
  end)

  -- The order of keras.Model(...).layers for the same graph (Keras 3.15.1): by depth, then as the outputs reach them.
  it("leave no mask on the tensor that they were given one with", function()
    local input = mg.Input { shape = { 3, 2 } }
    local model = mg.Model { inputs = input, outputs = layers.SimpleRNN(1, { kernel_initializer = "ones", use_bias = false,
      recurrent_initializer = "zeros", activation = "linear" })(input) }
    local x = mg.tensor { { { 1, 1 }, { 2, 2 }, { 3, 3 } } }
    assert.are.same({ { 4 } }, model(x, { mask = mg.tensor { { true, true, false } } }):to_table())
    assert.is_nil(x.keras_mask)
    assert.are.same({ { 6 } }, model(x):to_table())
  end)

  it("order layers as Keras does", function()
    local a, b = mg.Input { shape = { 3 }, name = "a" }, mg.Input { shape = { 3 }, name = "b" }
    local one, two = layers.Dense(3, { name = "one" }), layers.Dense(3, { name = "two" })
    local shared = layers.Dense(3, { name = "shared" })
    local left = two(one(a))
    local model = mg.Model { inputs = { a, b }, outputs = { shared(left), shared(b) } }
    assert.are.same({ "a", "one", "two", "b", "shared" }, names(model.layers))
  end)

  it("are layers of other models", function()
    local x = mg.Input { shape = { 1 }, name = "x" }
    local inner_in = mg.Input { shape = { 1 }, name = "inner_in" }
    local dense = layers.Dense(1)
    local inner = mg.Model { inputs = inner_in, outputs = dense(inner_in), name = "inner" }
    local outer = mg.Model { inputs = x, outputs = inner(inner(x)), name = "outer" }
    affine(dense)
    assert.are.same({ { 7 } }, outer(mg.tensor { { 1 } }):to_table())
    assert.are.equal(2, #outer.weights)
    local stack = mg.Sequential { mg.Input { shape = { 1 } }, inner, outer }
    assert.are.same({ { 15 } }, stack(mg.tensor { { 1 } }):to_table())
  end)

  -- A file of Keras 2 names its layers and has no operations on masks; those of Concatenate are counted like layers.
  it("count operations on masks past the names that layers were given", function()
    local names_of = require "moongate.names"
    local a = mg.Input { shape = { 3, 1 }, name = "a" }
    names_of.reset()
    local masked = layers.Masking { name = "masking" } (a)
    local both = layers.Concatenate { name = "concatenate" } { masked, masked }
    local thrice = layers.Concatenate { name = "concatenate_2" } { both, masked }
    local last = layers.GRU(2, { name = "gru" })(thrice)
    local model = mg.Model { inputs = a, outputs = last }
    local seen = {}
    for _, name in ipairs(names(model.graph.layers)) do
      assert.is_nil(seen[name], name)
      seen[name] = true
    end
    assert.is_true(seen.concatenate and seen.concatenate_1 and seen.concatenate_2 and seen.concatenate_3)
    assert.are.same({ "a", "masking", "concatenate", "concatenate_2", "gru" }, names(model.layers))
    names_of.reset()
    assert.are.equal(#model.weights, #mg.models.model_from_json(model:to_json("tf2")).weights)
  end)

  it("say what does not fit", function()
    local x, y = mg.Input { shape = { 3 }, name = "x" }, mg.Input { shape = { 3 }, name = "y" }
    local out = layers.Dense(2, { name = "d" })(x)
    local function message(f) return select(2, pcall(f)) end
    assert.matches('none of the inputs leads to', message(function() mg.Model { inputs = y, outputs = out } end))
    assert.matches('argument outputs is missing', message(function() mg.Model { inputs = x } end))
    assert.matches('expected 2: x, y', message(function() mg.Model { inputs = { x, y }, outputs = out }(mg.ones { 1, 3 }) end))
    assert.matches('input "x" has shape %(1, 4%), expected %(None, 3%)',
      message(function() mg.Model { inputs = x, outputs = out }(mg.ones { 1, 4 }) end))
    local twin = layers.Dense(2, { name = "d" })(x)
    assert.matches('two layers are called "d"', message(function() mg.Model { inputs = x, outputs = { out, twin } } end))
    assert.matches('only layers take', message(function() mg.ops.tanh(x) end))
    assert.matches('mg.layers.Add', message(function() return x + x end))
  end)
end)
