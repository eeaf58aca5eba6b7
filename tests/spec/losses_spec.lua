local mg = require "moongate"
local near = require "near"
local losses = mg.losses

local function value(loss, y, p, w) return loss(y, p, w):item() end

describe("losses", function()
  it("of squares, absolutes and Huber's, by hand", function()
    local y, p = mg.tensor { { 0, 1 }, { 2, 3 } }, mg.tensor { { 0.5, 1 }, { 0, 3 } }
    assert.near((0.125 + 2) / 2, value(losses.MeanSquaredError(), y, p), 1e-6)
    assert.near((0.25 + 1) / 2, value(losses.get "mae", y, p), 1e-6)
    -- |e| = 0.5: e^2/2; |e| = 2: delta |e| - delta^2/2
    assert.near((0.125 / 2 + 1.5 / 2) / 2, value(losses.Huber(), y, p), 1e-6)
  end)

  it("of classes: logits, probabilities and one-hot rows agree", function()
    local logits = mg.tensor { { 1, 2, 0.5 }, { 0, 0, 3 } }
    local p = mg.ops.softmax(logits, -1)
    local ids, rows = mg.tensor({ 1, 2 }, { dtype = "int32" }), mg.tensor { { 0, 1, 0 }, { 0, 0, 1 } }
    local function nats(list, i)
      local sum = 0
      for _, v in ipairs(list) do sum = sum + math.exp(v) end
      return math.log(sum) - list[i]
    end
    local expected = (nats({ 1, 2, 0.5 }, 2) + nats({ 0, 0, 3 }, 3)) / 2
    local sparse, onehot = losses.SparseCategoricalCrossentropy, losses.CategoricalCrossentropy
    assert.near(expected, value(sparse { from_logits = true }, ids, logits), 1e-6)
    assert.near(expected, value(sparse(), ids, p), 1e-6)
    assert.near(expected, value(onehot { from_logits = true }, rows, logits), 1e-6)
    assert.near(expected, value(onehot(), rows, p), 1e-6)
  end)

  it("mean over the valid steps of a mask, whatever the others hold", function()
    local y, p = mg.tensor { { { 0 }, { 0 } } }, mg.tensor { { { 3 }, { 0 / 0 } } }
    p.keras_mask = mg.tensor({ { 1, 0 } }, { dtype = "uint8" })
    assert.near(9, value(losses.MeanSquaredError(), y, p), 1e-6)
    p.keras_mask = mg.tensor({ { 0, 0 } }, { dtype = "uint8" })
    assert.equal(0, value(losses.MeanSquaredError(), y, p))
  end)

  it("mean over the axis named, counted from 0 as in Keras", function()
    local function nats(t, p) return -(t * math.log(p) + (1 - t) * math.log(1 - p)) end
    local y, p = mg.tensor { { 1, 0, 1 }, { 0, 0, 1 } }, mg.tensor { { 0.9, 0.2, 0.7 }, { 0.3, 0.6, 0.5 } }
    local rows = { (nats(1, 0.9) + nats(0, 0.2) + nats(1, 0.7)) / 3, (nats(0, 0.3) + nats(0, 0.6) + nats(1, 0.5)) / 3 }
    local columns = { (nats(1, 0.9) + nats(0, 0.3)) / 2, (nats(0, 0.2) + nats(0, 0.6)) / 2, (nats(1, 0.7) + nats(1, 0.5)) / 2 }
    for axis, expected in pairs { [-1] = rows, [1] = rows, [0] = columns, [-2] = columns } do
      near(losses.BinaryCrossentropy { axis = axis, reduction = "none" }(y, p), expected, 1e-6)
      local logits = mg.ops.log(p / (1 - p))
      near(losses.BinaryCrossentropy { axis = axis, reduction = "none", from_logits = true }(y, logits), expected, 1e-6)
    end
    local ok, message = pcall(losses.BinaryCrossentropy { axis = 2 }, y, p)
    assert.is_false(ok)
    assert.matches("axis = 2.*{2, 3}.*%-2%.%.1", message)
  end)

  it("ignore a class", function()
    local logits, ids = mg.zeros(2, 4), mg.tensor({ -1, 2 }, { dtype = "int32" })
    local loss = losses.SparseCategoricalCrossentropy { from_logits = true, ignore_class = -1 }
    assert.near(math.log(4), value(loss, ids, logits), 1e-6)
  end)

  it("from a Lua function, with weights", function()
    local loss = losses.get(function(y, p) return (y - p):abs():sum(2) end)
    local y, p = mg.zeros(2, 2), mg.tensor { { 1, 1 }, { 2, 2 } }
    assert.near(3, value(loss, y, p), 1e-6)
    assert.near(1, value(loss, y, p, mg.tensor { 1, 0 }), 1e-6)
  end)

  it("refuse weights and targets that do not fit, naming both shapes", function()
    local ok, message = pcall(losses.MeanSquaredError(), mg.zeros(2, 3, 1), mg.zeros(2, 3, 1), mg.ones(2))
    assert.is_false(ok)
    assert.matches("sample_weight %(2,%).*%(2, 3%).*%(2, 1%)", message)
    ok, message = pcall(losses.MeanSquaredError(), mg.zeros(2, 5), mg.zeros(2, 3))
    assert.is_false(ok)
    assert.matches("%(2, 5%).*%(2, 3%)", message)
  end)

  it("by name, config and back", function()
    assert.equal("huber_loss", losses.get("huber").name)
    local loss = losses.deserialize(losses.serialize(losses.BinaryCrossentropy { label_smoothing = 0.25 }))
    assert.equal(0.25, loss.label_smoothing)
    local ok, message = pcall(losses.get, "mean_squared_eror")
    assert.is_false(ok)
    assert.matches('did you mean "mean_squared_error"', message)
  end)
end)
