local mg = require "moongate"

-- The tables are Keras 3.15's own output for these models, at 80 columns.
local KERAS = [[
Model: "m"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ embedding_1 (Embedding)         │ (None, 10, 64)         │         6,144 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ a_rather_long_name_for_a_layer… │ (None, 256)            │       247,296 │
│ (GRU)                           │                        │               │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dropout (Dropout)               │ (None, 256)            │             0 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 253,440 (990.00 KB)
 Trainable params: 247,296 (966.00 KB)
 Non-trainable params: 6,144 (24.00 KB)
]]
local EMPTY = [[
Model: "c"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 0 (0.00 B)
 Trainable params: 0 (0.00 B)
 Non-trainable params: 0 (0.00 B)
]]

local function summary(model, utf8)
  local parts = {}
  model:summary { utf8 = utf8, write = function(text) parts[#parts + 1] = text end }
  return table.concat(parts)
end

local function make()
  return mg.Sequential({
    mg.layers.Embedding(96, 64, { name = "embedding_1" }),
    mg.layers.GRU(256, { name = "a_rather_long_name_for_a_layer_that_wraps_around_the_box" }),
    mg.layers.Dropout(0.5, { name = "dropout" }),
  }, { name = "m" })
end

describe("summary", function()
  it("prints what Keras 3 prints", function()
    local model = make()
    model:build { mg.null, 10 }
    model.layers[1].trainable = false
    assert.equal(KERAS, summary(model, true))
  end)

  it("prints a model without layers", function()
    assert.equal(EMPTY, summary(mg.Sequential(nil, { name = "c" }), true))
  end)

  it("counts the optimizer's variables once it is built", function()
    local model = make()
    model:build { mg.null, 10 }
    model.layers[1].trainable = false
    model:compile { optimizer = "adam", loss = "mse" }
    model.optimizer:build(model.trainable_weights)
    local text = summary(model, true)
    assert.matches(" Total params: 748,034 %(2.85 MB%)\n", text)
    assert.matches(" Optimizer params: 494,594 %(1.89 MB%)\n", text)
  end)

  it("says what is not built, in ASCII where asked", function()
    local text = summary(make(), false)
    assert.matches("| embedding_1 %(Embedding%)         | %?                      |   0 %(unbuilt%) |", text)
    assert.matches("| dropout %(Dropout%)               | %?                      |             0 |", text)
    assert.matches(" Total params: 0 %(0.00 B%)\n", text)
    assert.is_nil(text:find("[\128-\255]"))
  end)
end)
