-- Tables of graphs and of nested models, against Keras 3.15's own output for the same models.
local assert = require "luassert"
local mg = require "moongate"
local names = require "moongate.names"

local L = mg.layers

local GRAPH = [[
Model: "m"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
┃ Layer (type)                  ┃ Output Shape              ┃         Param # ┃ Connected to               ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━┩
│ b (InputLayer)                │ (None, 3)                 │               0 │ -                          │
├───────────────────────────────┼───────────────────────────┼─────────────────┼────────────────────────────┤
│ tok (InputLayer)              │ (None, None)              │               0 │ -                          │
├───────────────────────────────┼───────────────────────────┼─────────────────┼────────────────────────────┤
│ a (InputLayer)                │ (None, 3)                 │               0 │ -                          │
├───────────────────────────────┼───────────────────────────┼─────────────────┼────────────────────────────┤
│ inner (Sequential)            │ (None, 3)                 │              12 │ b[0][0]                    │
├───────────────────────────────┼───────────────────────────┼─────────────────┼────────────────────────────┤
│ e (Embedding)                 │ (None, None, 3)           │              27 │ tok[0][0]                  │
├───────────────────────────────┼───────────────────────────┼─────────────────┼────────────────────────────┤
│ not_equal (NotEqual)          │ (None, None)              │               0 │ tok[0][0]                  │
├───────────────────────────────┼───────────────────────────┼─────────────────┼────────────────────────────┤
│ shared (Dense)                │ (None, 4)                 │              16 │ a[0][0], inner[0][0]       │
├───────────────────────────────┼───────────────────────────┼─────────────────┼────────────────────────────┤
│ g (GRU)                       │ [(None, 4), (None, 4)]    │             108 │ e[0][0], not_equal[0][0]   │
├───────────────────────────────┼───────────────────────────┼─────────────────┼────────────────────────────┤
│ add (Add)                     │ (None, 4)                 │               0 │ shared[0][0],              │
│                               │                           │                 │ shared[1][0], g[0][0]      │
└───────────────────────────────┴───────────────────────────┴─────────────────┴────────────────────────────┘
 Total params: 163 (652.00 B)
 Trainable params: 163 (652.00 B)
 Non-trainable params: 0 (0.00 B)
]]
local EXPANDED = [[
Model: "m"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┓
┃ Layer (type)                  ┃ Output Shape              ┃          Param # ┃ Connected to              ┃ Trainable ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━┩
│ b (InputLayer)                │ (None, 3)                 │                0 │ -                         │     -     │
├───────────────────────────────┼───────────────────────────┼──────────────────┼───────────────────────────┼───────────┤
│ tok (InputLayer)              │ (None, None)              │                0 │ -                         │     -     │
├───────────────────────────────┼───────────────────────────┼──────────────────┼───────────────────────────┼───────────┤
│ a (InputLayer)                │ (None, 3)                 │                0 │ -                         │     -     │
├───────────────────────────────┼───────────────────────────┼──────────────────┼───────────────────────────┼───────────┤
│ inner (Sequential)            │ (None, 3)                 │               12 │ b[0][0]                   │     Y     │
├───────────────────────────────┼───────────────────────────┼──────────────────┼───────────────────────────┼───────────┤
│    └ dd (Dense)               │ (None, 3)                 │               12 │ -                         │     Y     │
├───────────────────────────────┼───────────────────────────┼──────────────────┼───────────────────────────┼───────────┤
│    └ dr (Dropout)             │ (None, 3)                 │                0 │ -                         │     -     │
├───────────────────────────────┼───────────────────────────┼──────────────────┼───────────────────────────┼───────────┤
│ e (Embedding)                 │ (None, None, 3)           │               27 │ tok[0][0]                 │     Y     │
├───────────────────────────────┼───────────────────────────┼──────────────────┼───────────────────────────┼───────────┤
│ not_equal (NotEqual)          │ (None, None)              │                0 │ tok[0][0]                 │     -     │
├───────────────────────────────┼───────────────────────────┼──────────────────┼───────────────────────────┼───────────┤
│ shared (Dense)                │ (None, 4)                 │               16 │ a[0][0], inner[0][0]      │     Y     │
├───────────────────────────────┼───────────────────────────┼──────────────────┼───────────────────────────┼───────────┤
│ g (GRU)                       │ [(None, 4), (None, 4)]    │              108 │ e[0][0], not_equal[0][0]  │     Y     │
├───────────────────────────────┼───────────────────────────┼──────────────────┼───────────────────────────┼───────────┤
│ add (Add)                     │ (None, 4)                 │                0 │ shared[0][0],             │     -     │
│                               │                           │                  │ shared[1][0], g[0][0]     │           │
└───────────────────────────────┴───────────────────────────┴──────────────────┴───────────────────────────┴───────────┘
 Total params: 163 (652.00 B)
 Trainable params: 163 (652.00 B)
 Non-trainable params: 0 (0.00 B)
]]
local RANGE = [[
Model: "m"
┏━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
┃ Layer (type)           ┃ Output Shape           ┃          Param # ┃ Connected to                ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┩
│ inner (Sequential)     │ (None, 3)              │               12 │ b[0][0]                     │
├────────────────────────┼────────────────────────┼──────────────────┼─────────────────────────────┤
│ e (Embedding)          │ (None, None, 3)        │               27 │ tok[0][0]                   │
├────────────────────────┼────────────────────────┼──────────────────┼─────────────────────────────┤
│ not_equal (NotEqual)   │ (None, None)           │                0 │ tok[0][0]                   │
├────────────────────────┼────────────────────────┼──────────────────┼─────────────────────────────┤
│ shared (Dense)         │ (None, 4)              │               16 │ a[0][0], inner[0][0]        │
├────────────────────────┼────────────────────────┼──────────────────┼─────────────────────────────┤
│ g (GRU)                │ [(None, 4), (None, 4)] │              108 │ e[0][0], not_equal[0][0]    │
└────────────────────────┴────────────────────────┴──────────────────┴─────────────────────────────┘
 Total params: 163 (652.00 B)
 Trainable params: 163 (652.00 B)
 Non-trainable params: 0 (0.00 B)
]]
local CHAIN = [[
Model: "chain"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┓
┃ Layer (type)                         ┃ Output Shape                ┃         Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━┩
│ a (InputLayer)                       │ (None, 3)                   │               0 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ inner (Sequential)                   │ (None, 3)                   │              12 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ o (Dense)                            │ (None, 2)                   │               8 │
└──────────────────────────────────────┴─────────────────────────────┴─────────────────┘
 Total params: 20 (80.00 B)
 Trainable params: 20 (80.00 B)
 Non-trainable params: 0 (0.00 B)
]]
local SEQ_EXPANDED = [[
Model: "seq"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┓
┃ Layer (type)                         ┃ Output Shape                ┃         Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━┩
│ inner (Sequential)                   │ (None, 3)                   │              12 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│    └ dd (Dense)                      │ (None, 3)                   │              12 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│    └ dr (Dropout)                    │ (None, 3)                   │               0 │
├──────────────────────────────────────┼─────────────────────────────┼─────────────────┤
│ x (Dense)                            │ (None, 2)                   │               8 │
└──────────────────────────────────────┴─────────────────────────────┴─────────────────┘
 Total params: 20 (80.00 B)
 Trainable params: 20 (80.00 B)
 Non-trainable params: 0 (0.00 B)
]]

local a, inner
local function build()
  names.reset()
  a = mg.Input { shape = { 3 }, name = "a" }
  local b = mg.Input { shape = { 3 }, name = "b" }
  inner = mg.Sequential({ mg.Input { shape = { 3 }, name = "ii" }, L.Dense(3, { name = "dd" }), L.Dropout(0.5, { name = "dr" }) },
    { name = "inner" })
  local shared = L.Dense(4, { name = "shared" })
  local tokens = mg.Input { shape = { mg.null }, dtype = "int32", name = "tok" }
  local words = L.Embedding(9, 3, { mask_zero = true, name = "e" })(tokens)
  local g, state = L.GRU(4, { return_state = true, name = "g" })(words)
  local sum = L.Add { name = "add" } { shared(a), shared(inner(b)), g }
  return mg.Model { inputs = { a, b, tokens }, outputs = { sum, state }, name = "m" }
end

local function summary(model, options)
  local text
  options.utf8 = options.utf8 ~= false
  function options.print_fn(given) text = given end
  model:summary(options)
  return text
end

describe("summary of graphs", function()
  it("shows what layers are connected to", function()
    assert.are.equal(GRAPH, summary(build(), { line_length = 108 }))
  end)

  it("shows the layers of nested models", function()
    assert.are.equal(EXPANDED, summary(build(), { line_length = 120, expand_nested = true, show_trainable = true }))
    local stack = mg.Sequential({ inner, L.Dense(2, { name = "x" }) }, { name = "seq" })
    stack:build { mg.null, 3 }
    assert.are.equal(SEQ_EXPANDED, summary(stack, { line_length = 88, expand_nested = true }))
    assert.is_nil(summary(stack, { expand_nested = true, utf8 = false, line_length = 88 }):find "[\128-\255]")
  end)

  it("shows a range of layers, in columns of other widths", function()
    local options = { line_length = 100, layer_range = { "inner", "g" }, positions = { 0.25, 0.5, 0.7, 1 } }
    assert.are.equal(RANGE, summary(build(), options))
    options = { line_length = 100, layer_range = { "in", "g$" }, positions = { 0.25, 0.5, 0.7, 1 } }
    assert.are.equal(RANGE, summary(build(), options))
    assert.has_error(function() summary(build(), { layer_range = { "none", "g" } }) end)
    assert.has_error(function() summary(build(), { positions = { 0.5, 1 } }) end)
  end)

  it("shows a chain without connections", function()
    build()
    local chain = mg.Model { inputs = a, outputs = L.Dense(2, { name = "o" })(inner(a)), name = "chain" }
    assert.are.equal(CHAIN, summary(chain, { line_length = 88 }))
  end)
end)
