local mg = require "moongate"

-- A bar that writes into a list, with a clock that the test moves.
local function make(options, params)
  local clock, written = { now = 0 }, {}
  options.write = function(text) written[#written + 1] = text end
  options.now = function() return clock.now end
  local bar = mg.callbacks.ProgressBar(options)
  bar:set_params(params)
  return bar, clock, written
end

describe("the progress bar", function()
  it("draws as Keras 3 does", function()
    local bar, clock, written = make({ dynamic = true, colour = false, utf8 = true }, { verbose = 1, epochs = 5, steps = 4 })
    bar:on_train_begin()
    bar:on_epoch_begin(0)
    assert.equal("Epoch 1/5\n", written[1])
    clock.now = 2
    bar:on_train_batch_end(0, { loss = 0.41224 })
    assert.equal("\r1/4 " .. ("━"):rep(5) .. (" "):rep(15) .. " 6s 2s/step - loss: 0.4122", written[2])
    clock.now = 2.004
    bar:on_train_batch_end(1, { loss = 0.4 })
    assert.is_nil(written[3])
    clock.now = 3.5
    bar:on_train_batch_end(3, { loss = 0.3 })
    bar:on_epoch_end(0, { val_loss = 0.2101, loss = 0.3, accuracy = 0.00088 })
    assert.equal("\r4/4 " .. ("━"):rep(20) .. " 4s 500ms/step - accuracy: 8.8000e-04 - loss: 0.3000 - val_loss: 0.2101\n",
      written[#written])
  end)

  it("keeps a frame that is drawn over on one line of the terminal", function()
    for columns, expected in pairs { [40] = "\r1/4 =====............... 3s 1s/step - l", [20] = "\r1/4 3s 1s/step - lo",
      [8] = "\r1/4 3s " } do
      local bar, clock, written = make({ dynamic = true, colour = false, utf8 = false, columns = function() return columns end },
        { verbose = 1, epochs = 1, steps = 4 })
      bar:on_epoch_begin(0)
      clock.now = 1
      bar:on_train_batch_end(0, { loss = 0.5 })
      assert.equal(expected, written[1])
      clock.now = 4
      bar:on_train_batch_end(3, { loss = 0.5 })
      bar:on_epoch_end(0, { loss = 0.5 })
      assert.equal("\r4/4 ==================== 4s 1s/step - loss: 0.5000\n", written[#written])
    end
  end)

  it("uses ASCII where the locale asks for it", function()
    local bar, clock, written = make({ dynamic = true, colour = false, utf8 = false }, { verbose = 1, epochs = 1, steps = 10 })
    bar:on_epoch_begin(0)
    clock.now = 1
    bar:on_train_batch_end(4, {})
    assert.matches("^\r 5/10 ==========%.%.%.%.%.%.%.%.%.%. ", written[1])
  end)

  it("writes one line an epoch where the output is no terminal", function()
    local bar, clock, written = make({ dynamic = false, colour = false, utf8 = false }, { verbose = 1, epochs = 2, steps = 150 })
    bar:on_train_begin()
    for epoch = 0, 1 do
      bar:on_epoch_begin(epoch)
      for i = 0, 149 do
        clock.now = clock.now + 0.1
        bar:on_train_batch_end(i, { loss = 1 })
      end
      bar:on_epoch_end(epoch, { loss = 1 })
    end
    assert.same({ "Epoch 1/2 - 150/150 - 15s - 100ms/step - loss: 1.0000\n",
      "Epoch 2/2 - 150/150 - 15s - 100ms/step - loss: 1.0000\n" }, written)
  end)

  it("shows hours and minutes to go", function()
    local bar, clock, written = make({ dynamic = true, colour = false, utf8 = false }, { verbose = 1, epochs = 1, steps = 100 })
    bar:on_epoch_begin(0)
    clock.now = 1
    bar:on_train_batch_end(0, {})
    assert.matches(" 1:39 1s/step", written[1])
  end)
end)
