local mg = require "moongate"

-- The tables are Keras 3.15's own output for these models, at 80 columns; NARROW and TRAINABLE are what rich 15 makes of Keras's
-- columns for line_length 56, and for 76 with show_trainable.
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
local NARROW = [[
┏━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┓
┃ Layer (type)           ┃ Output Shape    ┃   Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━┩
│ embedding_1            │ (None, 10, 64)  │     6,144 │
│ (Embedding)            │                 │           │
├────────────────────────┼─────────────────┼───────────┤
│ a_rather_long_name_fo… │ (None, 256)     │   247,296 │
│ (GRU)                  │                 │           │
├────────────────────────┼─────────────────┼───────────┤
│ dropout (Dropout)      │ (None, 256)     │         0 │
└────────────────────────┴─────────────────┴───────────┘
]]
local TRAINABLE = [[
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━┓
┃ Layer (type)                ┃ Output Shape          ┃    Param # ┃ Trai… ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━┩
│ embedding_1 (Embedding)     │ (None, 10, 64)        │      6,144 │   N   │
├─────────────────────────────┼───────────────────────┼────────────┼───────┤
│ a_rather_long_name_for_a_l… │ (None, 256)           │    247,296 │   Y   │
│ (GRU)                       │                       │            │       │
├─────────────────────────────┼───────────────────────┼────────────┼───────┤
│ dropout (Dropout)           │ (None, 256)           │          0 │   -   │
└─────────────────────────────┴───────────────────────┴────────────┴───────┘
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

local function summary(model, utf8, line_length, show_trainable)
  local parts = {}
  model:summary { utf8 = utf8, print_fn = function(text) parts[#parts + 1] = text end, line_length = line_length or 76,
    show_trainable = show_trainable }
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

  it("fits lines of another length, and shows what is trainable", function()
    local model = make()
    model:build { mg.null, 10 }
    model.layers[1].trainable = false
    local function box(...) return summary(model, true, ...):match("\n(.*┘\n)") end
    assert.equal(NARROW, box(56))
    assert.equal(TRAINABLE, box(76, true))
    assert.error_matches(function() model:summary { line_length = 10 } end, "line_length is 10, expected a whole number >= 24")
  end)

  it("fits the terminal, 80 columns where there is none and at most 88", function()
    local terminal, text = require "moongate.terminal", nil
    local columns = terminal.columns
    for given, expected in pairs { [60] = 56, [200] = 88, [5] = 24, [0] = 76 } do
      function terminal.columns() return given > 0 and given or nil end
      mg.Sequential():summary { utf8 = false, print_fn = function(line) text = line end }
      assert.equal(expected, #text:match("\n(%+%-+[^\n]*)"))
    end
    terminal.columns = columns
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
