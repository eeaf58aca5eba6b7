-- Truncated backpropagation: fit { tbptt = k } against the loop that one writes by hand with stateful layers.
local mg = require "moongate"

local B, T, F = 3, 7, 2

local function data(seed)
  mg.set_random_seed(seed)
  return mg.random.normal({ 2 * B, T, F }), mg.random.normal({ 2 * B, T, 1 })
end

local function model(stateful, recurrent)
  mg.set_random_seed(5)
  local net = mg.Sequential(recurrent(stateful))
  net:add(mg.layers.Dense(1))
  net:build { mg.null, T, F }
  net:compile { optimizer = mg.optimizers.Adam { learning_rate = 0.0625 }, loss = "mse", metrics = { "mae" } }
  return net
end

-- Two batches an epoch, pieces of k steps; returns the mean loss of the batches.
local function by_hand(net, x, y, k, w)
  local sum = 0
  for first = 1, 2 * B, B do
    net:reset_state()
    for t = 1, T, k do
      local last = math.min(t + k - 1, T)
      local function cut(v) return v and v:slice(1, first, first + B - 1):slice(2, t, last) end
      local p = net(cut(x), { training = true })
      local loss = net:total_loss(cut(y), p, cut(w))
      net.optimizer:apply(mg.gradients(loss, net.trainable_weights), net.trainable_weights)
      sum = sum + loss:item() * (last - t + 1) / T / 2
    end
  end
  return sum
end

local function same_weights(a, b)
  for i, weight in ipairs(a.weights) do
    local expected = weight:to_flat_table()
    for j, v in ipairs(b.weights[i]:to_flat_table()) do assert.near(expected[j], v, 1e-6) end
  end
end

local RECURRENT = {
  GRU = function(stateful) return { mg.layers.GRU(4, { return_sequences = true, stateful = stateful }) } end,
  LSTM = function(stateful)
    return { mg.layers.LSTM(3, { return_sequences = true, stateful = stateful }),
      mg.layers.GRU(2, { return_sequences = true, stateful = stateful }) }
  end,
  RNN = function(stateful)
    return { mg.layers.RNN({ mg.layers.GRUCell(3), mg.layers.SimpleRNNCell(2) }, { return_sequences = true, stateful = stateful }) }
  end,
}

describe("fit with tbptt", function()
  for name, recurrent in pairs(RECURRENT) do
    it("equals the loop by hand with stateful layers: " .. name, function()
      local x, y = data(1)
      local hand, fitted = model(true, recurrent), model(false, recurrent)
      local expected = by_hand(hand, x, y, 3)
      local history = fitted:fit(x, y, { tbptt = 3, batch_size = B, shuffle = false, verbose = 0 })
      assert.near(expected, history.history.loss[1], 1e-5)
      same_weights(hand, fitted)
      assert.equal(2 * 3, fitted.optimizer.iterations)
    end)
  end

  it("with sample weights of steps, and masks", function()
    local x, y = data(2)
    local w = mg.random.uniform({ 2 * B, T })
    local function recurrent(stateful)
      return { mg.layers.Masking(), mg.layers.GRU(4, { return_sequences = true, stateful = stateful }) }
    end
    x = x * mg.ops.cast(mg.random.uniform({ 2 * B, T, 1 }):gt(0.3), "float32")
    local hand, fitted = model(true, recurrent), model(false, recurrent)
    by_hand(hand, x, y, 4, w)
    fitted:fit(x, y, { tbptt = 4, batch_size = B, shuffle = false, verbose = 0, sample_weight = w })
    same_weights(hand, fitted)
  end)

  it("with pieces as long as the sequence is fit", function()
    local x, y = data(3)
    local plain, pieces = model(false, RECURRENT.GRU), model(false, RECURRENT.GRU)
    local a = plain:fit(x, y, { batch_size = B, shuffle = false, verbose = 0, epochs = 2 }).history
    local b = pieces:fit(x, y, { tbptt = 50, batch_size = B, shuffle = false, verbose = 0, epochs = 2 }).history
    assert.same(a, b)
    same_weights(plain, pieces)
  end)

  it("leaves the state of a stateful layer for the next batch, and none in others", function()
    local x, y = data(4)
    local function fit(stateful)
      local net = model(stateful, RECURRENT.GRU)
      net.optimizer.learning_rate = 0
      net:fit(x, y, { tbptt = 3, batch_size = B, shuffle = false, verbose = 0 })
      return net
    end
    local stateful = fit(true)
    local kept = stateful.layers[1].states[1]:to_table()
    stateful:reset_state()
    stateful.layers[1](x:slice(1, 1, B))
    local sequence = stateful.layers[1](x:slice(1, B + 1, 2 * B))
    for i = 1, B do
      for u = 1, 4 do assert.near(sequence[i][T][u]:item(), kept[i][u], 1e-6) end
    end
    assert.is_nil(fit(false).layers[1].states)
  end)

  it("counts batches in logs and bar; metrics are those of whole batches", function()
    local x, y = data(5)
    local net, batches = model(false, RECURRENT.GRU), {}
    net.optimizer.learning_rate = 0
    local history = net:fit(x, y, { tbptt = 2, batch_size = B, verbose = 0, shuffle = false,
      callbacks = { { on_train_batch_end = function(batch) batches[#batches + 1] = batch end } } })
    assert.same({ 0, 1 }, batches)
    local loss, mae = net:evaluate(x, y, { verbose = 0, batch_size = B })
    assert.near(loss, history.history.loss[1], 1e-5)
    assert.near(mae, history.history.mae[1], 1e-5)
  end)

  it("takes memory for one piece, however long the sequence", function()
    local function most(steps)
      mg.set_random_seed(6)
      local net = mg.Sequential { mg.layers.GRU(32, { return_sequences = true }), mg.layers.Dense(1) }
      net:compile { optimizer = "sgd", loss = "mse" }
      local x, y, top = mg.random.normal({ 4, steps, 1 }), mg.random.normal({ 4, steps, 1 }), 0
      local total_loss = net.total_loss
      net.total_loss = function(...)
        top = math.max(top, mg.memory().live)
        return total_loss(...)
      end
      net:build { 4, steps, 1 }
      mg.memory.collect()
      local before = mg.memory().live
      net:fit(x, y, { tbptt = 10, batch_size = 4, verbose = 0 })
      return top - before
    end
    local short = most(20)
    -- a few copies of x and y; the history of 2000 steps would be 4 * 2000 * 32 * 4 bytes for every array of the layer
    assert.is_true(most(2000) - short < 4 * (2 * 4 * 2000 * 4), "a sequence 100 times as long costs more than its own values")
  end)

  it("says what does not go", function()
    local x, y = data(7)
    local function refused(text, net, targets, options)
      net:compile { optimizer = "sgd", loss = "mse" }
      options = options or { tbptt = 3 }
      options.verbose = 0
      local ok, message = pcall(net.fit, net, x, targets or y, options)
      assert.is_false(ok)
      assert.matches(text, message)
    end
    local function sequential(...) return mg.Sequential { ..., mg.layers.Dense(1) } end
    refused("reads time from the end", sequential(mg.layers.Bidirectional(mg.layers.GRU(2, { return_sequences = true }))))
    refused("reads time from the end", sequential(mg.layers.GRU(2, { return_sequences = true, go_backwards = true })))
    refused("a target for every step.*return_sequences", sequential(mg.layers.GRU(2)), mg.zeros(2 * B))
    refused("no input has the 5 steps", sequential(mg.layers.GRU(2)), mg.zeros(2 * B, 5, 1))
    refused("tbptt", sequential(mg.layers.GRU(2)), y, { tbptt = 0 })
    refused("takes exactly 7; likely fix: mg.null", mg.Sequential { mg.layers.Input { shape = { T, F } },
      mg.layers.GRU(2, { return_sequences = true }), mg.layers.Dense(1) })
    local input, shared = mg.Input { shape = { mg.null, F } }, mg.layers.GRU(F, { return_sequences = true })
    refused("which the model calls 2 times", mg.Model { inputs = input, outputs = mg.layers.Dense(1)(shared(shared(input))) })
  end)

  it("takes several inputs and outputs; an input without steps is the same for all pieces", function()
    local function net(stateful)
      mg.set_random_seed(8)
      local sequence, row = mg.Input { shape = { mg.null, F } }, mg.Input { shape = { 4 } }
      local state = mg.layers.GRU(4, { return_sequences = true, stateful = stateful })(sequence)
      local scaled = mg.layers.Multiply() { state, mg.layers.Reshape { 1, 4 }(row) }
      local outputs = { mg.layers.Dense(1, { name = "a" })(scaled), mg.layers.Dense(2, { name = "b" })(state) }
      local two = mg.Model { inputs = { sequence, row }, outputs = outputs }
      two:compile { optimizer = mg.optimizers.Adam { learning_rate = 0.0625 }, loss = "mse", metrics = { a = { "mae" } } }
      return two
    end
    local x, y = data(9)
    local row, other = mg.random.normal { 2 * B, 4 }, mg.random.normal { 2 * B, T, 2 }
    local hand, fitted = net(true), net(false)
    for t = 1, T, 4 do
      local last = math.min(t + 3, T)
      local function cut(v) return v:slice(2, t, last) end
      local a, b = hand({ cut(x), row }, { training = true })
      local loss = hand:total_loss({ cut(y), cut(other) }, { a, b })
      hand.optimizer:apply(mg.gradients(loss, hand.trainable_weights), hand.trainable_weights)
    end
    local history = fitted:fit({ x, row }, { y, other }, { tbptt = 4, batch_size = 2 * B, shuffle = false, verbose = 0 }).history
    same_weights(hand, fitted)
    assert.near(history.loss[1], history.a_loss[1] + history.b_loss[1], 1e-5)
    assert.is_true(history.a_mae[1] > 0)
  end)
end)
