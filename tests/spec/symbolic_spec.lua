-- Symbolic tensors: what mg.Input gives, and what a layer called on it records.
local assert = require "luassert"
local mg = require "moongate"
local symbolic = require "moongate.symbolic"

local layers, null = mg.layers, mg.null

describe("symbolic tensors", function()
  it("have shape, dtype, name and history", function()
    local x = mg.Input { shape = { 5, null }, batch_size = 2, dtype = "int32", name = "ids" }
    assert.is_true(symbolic.is(x))
    assert.are.same({ 2, 5, null }, x.shape)
    assert.are.equal("int32", x.dtype)
    assert.are.equal("ids", x.name)
    assert.are.equal("InputLayer", getmetatable(x.history.layer).class.name)
    assert.are.equal(0, x.history.node_index)
    assert.are.equal("<symbolic tensor (2, 5, None) int32 of ids>", tostring(x))
  end)

  it("refuse the methods of tensors by their names", function()
    local x = mg.Input { shape = { 3 } }
    assert.matches("sum: a symbolic tensor has no values yet; likely fix: a layer instead %(mg%.layers%.Lambda%)",
      select(2, pcall(function() return x:sum() end)))
    assert.matches("attempt to call method 'summ'", select(2, pcall(function() return x:summ() end)))
    assert.is_nil(x.keras_mask)
  end)

  it("come out of layers, with nodes", function()
    local x = mg.Input { shape = { 5, 3 } }
    local gru = layers.GRU(4, { return_sequences = true, return_state = true })
    local sequence, state = gru(x)
    assert.are.same({ null, 5, 4 }, sequence.shape)
    assert.are.same({ null, 4 }, state.shape)
    assert.are.same({ 0, 1 }, { state.history.node_index, state.history.tensor_index })
    assert.is_true(gru.built)
    assert.are.equal(1, #gru.inbound_nodes)
  end)

  it("are a layer's input and output: those of the first call", function()
    local a, b = mg.Input { shape = { 3 } }, mg.Input { shape = { 3 } }
    local dense = layers.Dense(2)
    assert.matches("has not been called on a symbolic tensor", select(2, pcall(function() return dense.output end)))
    local first = dense(a)
    local second = dense:symbolic_call(b)
    assert.are.equal(a, dense.input)
    assert.are.equal(first, dense.output)
    assert.are_not.equal(second, dense.output)
  end)

  it("of ids become vectors of the layer's dtype", function()
    local ids = mg.Input { shape = { null }, dtype = "int32" }
    assert.are.equal("float32", layers.Embedding(9, 3)(ids).dtype)
    assert.are.equal("int32", layers.Reshape({ -1, 1 })(ids).dtype)
  end)

  it("start a Sequential, whose layers have inputs and outputs too", function()
    local model = mg.Sequential { mg.Input { shape = { 3 } }, layers.Dense(2), layers.Dense(1) }
    assert.is_true(model.built)
    assert.are.same({ null, 1 }, model.output.shape)
    assert.are.same({ null, 2 }, model.layers[1].output.shape)
    assert.are.equal(model.input, model.layers[1].input)
    model:pop()
    assert.are.same({ null, 2 }, model.output.shape)
    model:add(layers.Dense(5))
    assert.are.same({ null, 5 }, model.output.shape)
    assert.are.equal(model.layers[2], model:get_layer(-1))
  end)
end)
