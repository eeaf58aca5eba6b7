-- Recompute: the same outputs and gradients from the states of about sqrt(T) steps.
local mg = require "moongate"
local autograd, ops = mg.autograd, mg.ops

local GATES = { gru = 3, lstm = 4, simple_rnn = 1 }
local T, B, F, U = 23, 5, 6, 9

local function leaf(shape, scale) return mg.random.normal(shape, 0, scale or 1):requires_grad_() end

local function arguments(name, options)
  local g = GATES[name]
  local o = { x = leaf { B, T, F }, kernel = leaf({ F, g * U }, 0.3), recurrent_kernel = leaf({ U, g * U }, 0.3),
    bias = leaf(name == "gru" and { 2, g * U } or { g * U }, 0.3), initial_state = leaf { B, U }, return_sequences = true,
    reset_after = name == "gru" or nil }
  if name == "lstm" then o.initial_states, o.initial_state = { leaf { B, U }, leaf { B, U } }, nil end
  for key, value in pairs(options) do o[key] = value end
  if o.reset_after == false then o.bias = leaf({ g * U }, 0.3) end
  return o
end

-- Outputs and gradients of a weighted sum of all of them.
local function results(name, o)
  local outputs = { ops[name](o) }
  local loss
  for i, y in ipairs(outputs) do
    local weights = mg.tensor { 1, -0.5, 2, 0.25, 1, 1, -1, 3, 0.125 }
    loss = (loss or 0) + ops.sum(ops.square(y + i) * weights)
  end
  return outputs, autograd.gradients(loss, { o.x, o.kernel, o.recurrent_kernel, o.bias, o.initial_state or o.initial_states[1],
    o.initial_states and o.initial_states[2] })
end

local function same_bits(a, b, what)
  for i = 1, #a do assert.equal(0, ops.sum(ops.ne(a[i], b[i])):item(), what .. " " .. i) end
end

local function near(a, b, what)
  for i = 1, #a do
    local error = ops.max(ops.abs(a[i] - b[i])):item() / ops.max(ops.abs(b[i])):item()
    assert(error < 2e-6, ("%s %d: %g"):format(what, i, error))
  end
end

local function dropout(shape, n)
  local masks = {}
  for i = 1, n do masks[i] = ops.mul(ops.cast(ops.gt(mg.random.uniform(shape), 0.3), "float32"), 1 / 0.7) end
  return masks
end

local function lengths_mask()
  local rows = {}
  for b = 1, B do
    rows[b] = {}
    for t = 1, T do rows[b][t] = (b == 1 or (t + b) % 4 ~= 0 and t < 30 - 5 * b) and b ~= 3 and 1 or 0 end
  end
  return mg.tensor(rows, { dtype = "uint8" })
end

local CASES = {
  plain = {}, last = { return_sequences = false }, backwards = { go_backwards = true }, masked = { mask = true },
  zeroed = { mask = true, zero_output_for_mask = true, go_backwards = true }, dropped = { dropout = 1 },
  ["dropped by gate"] = { dropout = 4, mask = true }, activations = { activation = { kind = "softsign" } },
}

describe("recompute", function()
  for name, gates in pairs(GATES) do
    it("gives " .. name .. "'s outputs bit for bit, and its gradients but for the order of sums", function()
      mg.set_random_seed(4)
      for what, case in pairs(CASES) do
        local options = {}
        for key, value in pairs(case) do options[key] = value end
        if case.mask then options.mask = lengths_mask() end
        if case.dropout then
          local n = case.dropout == 1 and 1 or gates
          options.dropout_masks, options.recurrent_dropout_masks = dropout({ B, F }, n), dropout({ B, U }, name == "gru" and 3 or n)
        end
        options.dropout = nil
        local o = arguments(name, options)
        local outputs, gradients = results(name, o)
        o.recompute = true
        local outputs_again, gradients_again = results(name, o)
        same_bits(outputs_again, outputs, what .. ": output")
        near(gradients_again, gradients, what .. ": gradient")
      end
    end)
  end

  it("works without reset_after", function()
    local o = arguments("gru", { reset_after = false })
    local outputs, gradients = results("gru", o)
    o.recompute = true
    local outputs_again, gradients_again = results("gru", o)
    same_bits(outputs_again, outputs, "output")
    near(gradients_again, gradients, "gradient")
  end)

  it("gives the same bits for any number of threads", function()
    local threads, first = mg.get_threads(), nil
    local x = mg.random.normal { 40, 30, 8 }
    local layer = mg.layers.GRU(12, { recompute = true })
    for n = 1, 3 do
      mg.set_threads(n)
      local list = autograd.gradients(ops.sum(ops.square(layer(x))), layer.trainable_weights)
      first = first or list
      same_bits(list, first, n .. " threads")
    end
    mg.set_threads(threads)
  end)

  -- What a layer's forward and backward take above what was there before, scratch included.
  local function taken(recompute)
    mg.set_random_seed(1)
    local layer = mg.layers.GRU(32, { recompute = recompute })
    local x = mg.random.normal { 16, 10000, 2 }
    layer:build(x.shape)
    mg.memory.trim()
    local before, during = mg.memory(), nil
    local gradients = mg.scope(function()
      local y = layer(x, { training = true })
      during = mg.memory().live - before.live
      return autograd.gradients(ops.sum(ops.square(y)), layer.trainable_weights)
    end)
    return during + mg.memory().workspace, gradients
  end

  it("trains 10,000 steps in a tenth of the memory", function()
    local threads = mg.get_threads()
    mg.set_threads(2)
    local plain, of_plain = taken(false)
    local less, of_less = taken(true)
    mg.set_threads(threads)
    near(of_less, of_plain, "gradient")
    assert(less < plain / 10, ("%d against %d bytes"):format(less, plain))
  end)

  it("is an option of the layers that no config has", function()
    for _, class in ipairs { "GRU", "LSTM", "SimpleRNN" } do
      local layer = mg.layers[class](3, { recompute = true })
      assert.is_true(layer.recompute)
      assert.is_nil(layer:get_config().recompute)
      assert.is_false(mg.layers[class](3).recompute)
    end
  end)
end)
