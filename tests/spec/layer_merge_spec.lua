-- Merging layers: masks as Keras 3 passes them, values at masked steps, attention's call options, errors.
local mg = require "moongate"
local layers = mg.layers

local function masked(values, mask)
  local x = mg.tensor(values, { dtype = "float64" })
  if mask then x.keras_mask = mg.tensor(mask, "uint8") end
  return x
end

local function make(name, options)
  options = options or {}
  options.dtype = "float64"
  return layers[name](options)
end

local function failure(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return message
end

describe("merging layers", function()
  local a, b
  before_each(function()
    a, b = masked({ { { 1 }, { 2 }, { 3 } } }, { { 1, 1, 0 } }), masked({ { { 4 }, { 0 }, { 8 } } }, { { 1, 0, 0 } })
  end)

  it("let a step count where it counts in any input, when all have a mask", function()
    for _, name in ipairs { "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum" } do
      local layer = make(name)
      assert.are.same({ { 1, 1, 0 } }, layer({ a, b }).keras_mask:to_table())
      assert.is_nil(layer({ a, masked { { { 1 }, { 1 }, { 1 } } } }).keras_mask)
    end
    assert.is_nil(make("Dot", { axes = 2 })({ a, b }).keras_mask)
  end)

  it("leave masked elements out of products, maxima and minima, and only there", function()
    assert.are.same({ { { 5 }, { 2 }, { 11 } } }, make("Add")({ a, b }):to_table())
    assert.are.same({ { { 4 }, { 2 }, { 0 } } }, make("Multiply")({ a, b }):to_table())
    assert.are.same({ { { 4 }, { 2 }, { 3 } } }, make("Maximum")({ a, b }):to_table())
    assert.are.same({ { { 1 }, { 2 }, { 3 } } }, make("Minimum")({ a, b }):to_table())
    local free = masked { { { 4 }, { 0 }, { 8 } } }
    assert.are.same({ { { 4 }, { 0 }, { 8 } } }, make("Multiply")({ a, free }):to_table())
  end)

  it("join masks as they join steps or features", function()
    assert.are.same({ { 1, 1, 0, 1, 0, 0 } }, make("Concatenate", { axis = 1 })({ a, b }).keras_mask:to_table())
    assert.are.same({ { 1, 1, 0 } }, make("Concatenate")({ a, b }).keras_mask:to_table())
    local free = masked { { { 4 }, { 0 }, { 8 } } }
    assert.are.same({ { 1, 1, 1 } }, make("Concatenate")({ a, free }).keras_mask:to_table())
  end)

  it("take masks as an option, false for none", function()
    local x = masked { { { 1 }, { 2 } } }
    local mask = mg.tensor({ { 0, 1 } }, "uint8")
    assert.are.same({ { { 1 }, { 4 } } }, make("Multiply")({ x, x }, { mask = { mask, false } }):to_table())
  end)

  it("give new axes to inputs with fewer of them", function()
    local matrix, cube = mg.ones { 2, 3 }, mg.ones { 2, 5, 3 }
    assert.are.equal("{2, 5, 3}", tostring(layers.Add()({ matrix, cube }).shape))
    assert.are.same({ mg.null, 5, 3 }, layers.Add():compute_output_shape { { mg.null, 3 }, { mg.null, 5, 1 } })
  end)

  it("are functions too", function()
    local x, y = mg.tensor { { 1, 2 } }, mg.tensor { { 3, 5 } }
    assert.are.same({ { 4, 7 } }, layers.add({ x, y }):to_table())
    assert.are.same({ { -2, -3 } }, layers.subtract({ x, y }):to_table())
    assert.are.same({ { 3, 10 } }, layers.multiply({ x, y }):to_table())
    assert.are.same({ { 2, 3.5 } }, layers.average({ x, y }):to_table())
    assert.are.same({ { 3, 5 } }, layers.maximum({ x, y }):to_table())
    assert.are.same({ { 1, 2 } }, layers.minimum({ x, y }):to_table())
    assert.are.same({ { 1, 2 }, { 3, 5 } }, layers.concatenate({ x, y }, { axis = 0 }):to_table())
    assert.are.same({ { 13 } }, layers.dot({ x, y }, { axes = 1 }):to_table())
  end)

  it("say which input does not fit", function()
    local x = mg.ones { 2, 3 }
    assert.matches('Add "add.*": the input is one tensor, expected a list', failure(layers.Add(), x))
    assert.matches("inputs %(2, 3%), %(2, 4%) do not fit together: input 2", failure(layers.Add(), { x, mg.ones { 2, 4 } }))
    assert.matches("different batch sizes", failure(layers.Add(), { x, mg.ones { 4, 3 } }))
    assert.matches("got 3 inputs %(2, 3%), %(2, 3%), %(2, 3%), expected exactly 2", failure(layers.Subtract(), { x, x, x }))
    assert.matches("with axis = 1: input 2 differs from the first", failure(layers.Concatenate(1), { x, mg.ones { 3, 3 } }))
    assert.matches("axis 2 does not exist in the input %(2, 3%), expected %-2..1", failure(layers.Concatenate(2), { x, x }))
    assert.matches("have 3 numbers on axis 1 and 4 on axis 1", failure(layers.Dot(1), { x, mg.ones { 2, 4 } }))
    assert.matches("axis 0 is the batch", failure(layers.Dot(0), { x, x }))
    assert.matches("argument axes has 3 axes, expected one number, or one for each", failure(layers.Dot, { 1, 2, 3 }))
  end)
end)

describe("attention", function()
  local query, value = mg.ones { 1, 2, 3 }, mg.ones { 1, 4, 3 }

  it("weighs only what its masks and the order of time allow", function()
    local layer = layers.Attention()
    local mask = mg.tensor({ { 1, 0, 1, 0 } }, "uint8")
    local _, weights = layer({ query, value }, { mask = { false, mask }, return_attention_scores = true })
    assert.are.same({ { { 0.5, 0, 0.5, 0 }, { 0.5, 0, 0.5, 0 } } }, weights:to_table())
    _, weights = layer({ query, value }, { use_causal_mask = true, return_attention_scores = true })
    assert.are.same({ { { 1, 0, 0, 0 }, { 0.5, 0.5, 0, 0 } } }, weights:to_table())
  end)

  it("is 0 where the query is masked, and passes the query's mask on", function()
    local mask = mg.tensor({ { 1, 0 } }, "uint8")
    for _, name in ipairs { "Attention", "AdditiveAttention" } do
      local y = layers[name]()({ query, value }, { mask = { mask, false } })
      assert.are.same({ { 0, 0, 0 } }, y:select(2, 2):to_table())
      assert.are.same({ { 1, 0 } }, y.keras_mask:to_table())
    end
  end)

  it("has two symbolic outputs when scores are asked for", function()
    local q, v = mg.Input { shape = { 2, 3 } }, mg.Input { shape = { mg.null, 3 } }
    local y, scores = layers.Attention()({ q, v }, { return_attention_scores = true })
    assert.are.same({ mg.null, 2, 3 }, y.shape)
    assert.are.same({ mg.null, 2, mg.null }, scores.shape)
  end)

  it("says what does not fit", function()
    assert.matches("expected a list { query, value }", failure(layers.Attention(), query))
    assert.matches("query and value have different features", failure(layers.Attention(), { query, mg.ones { 1, 4, 2 } }))
    assert.matches("value and key have different steps", failure(layers.Attention(), { query, value, mg.ones { 1, 5, 3 } }))
    assert.matches("1 inputs; expected query", failure(layers.Attention(), { query }))
  end)
end)
