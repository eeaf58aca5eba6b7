-- Metrics with several values in logs, files and monitors.
local figure = require "moongate.callbacks.figure"
local mg = require "moongate"
local monitor = require "moongate.callbacks.monitor"

describe("figures of several values", function()
  local several = mg.tensor({ 0.5, 1, 0.25, 0.25 }, { dtype = "float64" })

  it("show their mean, and all of them in a file", function()
    assert.equal(0.5, figure.number(several))
    assert.equal(3, figure.number(3))
    assert.equal('"[0.5, 1.0, 0.25, 0.25]"', figure.cell(several))
    assert.equal("3.0", figure.cell(3))
  end)

  it("go through fit with a bar, history and a CSV file", function()
    local path = os.tmpname()
    local net = mg.Sequential { mg.layers.Dense(2, { activation = "softmax" }) }
    net:compile { optimizer = "sgd", loss = "categorical_crossentropy", metrics = { mg.metrics.F1Score(), "accuracy" } }
    local history = net:fit(mg.ones(4, 2), mg.tensor { { 1, 0 }, { 1, 0 }, { 0, 1 }, { 1, 0 } },
      { verbose = 0, callbacks = { mg.callbacks.CSVLogger(path) } })
    assert.equal(2, history.history.f1_score[1].count)
    assert.matches("f1_score %d", tostring(history))
    local file = io.open(path)
    local text = file:read("*a")
    file:close()
    os.remove(path)
    assert.matches('"%[%d[%d.e-]*, %d[%d.e-]*%]"', text)
  end)

  it("cannot be monitored, which is said", function()
    local ok, message = pcall(monitor.value, "EarlyStopping", { f1_score = several }, "f1_score")
    assert.is_false(ok)
    assert.matches("f1_score.*4 values.*average", message)
  end)

  it("of better and worse: what grows with quality", function()
    for name, expected in pairs { val_loss = "min", accuracy = "max", val_f1_score = "max", AUC = "max", precision_1 = "max",
      mean_squared_error = "min", r2_score = "max", val_mean_io_u = "max", mae = "min", hinge = "min" } do
      assert.equal(expected, monitor.direction("EarlyStopping", name, "auto"), name)
    end
    assert.equal("min", monitor.direction("EarlyStopping", "accuracy", "min"))
  end)
end)
