-- The LSTM against its formulas (Gers et al. 2000, Keras's gate order i, f, c, o) written out in Lua, and its gradients.
local mg = require "moongate"
local near = require "near"
local ops = mg.ops

local B, T, F, U = 2, 3, 2, 2
local function draw(...) return mg.random.uniform({ ... }, -0.9, 0.9, { dtype = "float64", seed = 31 + select(1, ...) }) end

local o = { x = draw(B, T, F), kernel = draw(F, 4 * U), recurrent_kernel = draw(U, 4 * U) * 0.7, bias = draw(4 * U),
  initial_states = { draw(B, U) * 0.5, draw(B, U) * 0.8 } }
local NAMES = { "x", "kernel", "recurrent_kernel", "bias" }

local function copy(from, more)
  local out = {}
  for k, v in pairs(from) do out[k] = v end
  for k, v in pairs(more or {}) do out[k] = v end
  return out
end

local function sigmoid(v) return 1 / (1 + math.exp(-v)) end
local function tanh(v) return 1 - 2 / (math.exp(2 * v) + 1) end

-- Input of gate g's activation for unit j: x kernel + bias + h recurrent_kernel.
local function sum(w, x, h, g, j)
  local column = (g - 1) * U + j
  local total = w.bias[column]
  for k = 1, F do total = total + x[k] * w.kernel[k][column] end
  for k = 1, U do total = total + h[k] * w.recurrent_kernel[k][column] end
  return total
end

local function cell(w, x, h, c)
  local new_h, new_c = {}, {}
  for j = 1, U do
    local i, f, g = sigmoid(sum(w, x, h, 1, j)), sigmoid(sum(w, x, h, 2, j)), tanh(sum(w, x, h, 3, j))
    new_c[j] = f * c[j] + i * g
    new_h[j] = sigmoid(sum(w, x, h, 4, j)) * tanh(new_c[j])
  end
  return new_h, new_c
end

-- Outputs of all steps, h and c; a masked step keeps both and repeats the output.
local function reference(mask)
  local w, outputs, states, carries = {}, {}, {}, {}
  for _, name in ipairs(NAMES) do w[name] = o[name]:to_table() end
  for b = 1, B do
    local h, c, last = o.initial_states[1]:to_table()[b], o.initial_states[2]:to_table()[b], { 0, 0 }
    outputs[b] = {}
    for t = 1, T do
      if not mask or mask[b][t] == 1 then
        h, c = cell(w, w.x[b][t], h, c)
        last = h
      end
      outputs[b][t] = last
    end
    states[b], carries[b] = h, c
  end
  return outputs, states, carries
end

describe("the LSTM operation", function()
  it("computes the formulas", function()
    for _, mask in ipairs { false, { { 1, 0, 1 }, { 0, 1, 0 } } } do
      local expected, h, c = reference(mask)
      local call = copy(o, { return_sequences = true, mask = mask and mg.tensor(mask, { dtype = "uint8" }) or nil })
      local y, state, carry = ops.lstm(call)
      near(y, expected, 1e-12)
      near(state, h, 1e-12)
      near(carry, c, 1e-12)
      call.return_sequences = false
      near(ops.lstm(call), h, 1e-12)
    end
  end)

  it("starts from zeros", function()
    local zeros = mg.zeros(B, U):double()
    near(ops.lstm(copy(o, { initial_states = false })), ops.lstm(copy(o, { initial_states = { zeros, zeros } })):to_table(), 0)
  end)

  it("has gradients", function()
    local function four(...) return { draw(...) + 1, draw(...) * 2, draw(...), draw(...) - 1 } end
    local variants = { {}, { return_sequences = true }, { go_backwards = true, return_sequences = true },
      { recompute = true, return_sequences = true },
      { mask = mg.tensor({ { 1, 0, 1 }, { 0, 1, 1 } }, { dtype = "uint8" }), return_sequences = true },
      { dropout_masks = { draw(B, F) + 1 }, recurrent_dropout_masks = { draw(B, U) + 1 }, return_sequences = true },
      { dropout_masks = four(B, F), recurrent_dropout_masks = four(B, U) },
      { activation = { kind = "softsign" }, recurrent_activation = { kind = "hard_sigmoid", a = 0.2, b = 0.5 } } }
    for number, variant in ipairs(variants) do
      local ok, message = mg.gradcheck(function(x, kernel, recurrent_kernel, bias, h, c)
        return ops.lstm(copy(variant, { x = x, kernel = kernel, recurrent_kernel = recurrent_kernel, bias = bias,
          initial_states = { h, c } }))
      end, { o.x, o.kernel, o.recurrent_kernel, o.bias, unpack(o.initial_states) })
      assert(ok, number .. ": " .. tostring(message))
    end
  end)

  it("takes time-major input, and gives gates", function()
    local y = ops.lstm(copy(o, { return_sequences = true }))
    local major, _, carry, gates = ops.lstm(copy(o, { x = o.x:permute(2, 1, 3), time_major = true, return_sequences = true,
      gates = true }))
    near(major:permute(2, 1, 3), y:to_table(), 1e-12)
    assert.equal("{3, 2, 8}", tostring(gates.shape))
    local last = gates[T]:to_table() -- i, f, g, o of the last step
    local _, _, before = ops.lstm(copy(o, { x = o.x:slice(2, 1, T - 1) }))
    for b = 1, B do
      for j = 1, U do
        local i, f, g = last[b][j], last[b][U + j], last[b][2 * U + j]
        assert(math.abs(f * before:to_table()[b][j] + i * g - carry:to_table()[b][j]) < 1e-12)
      end
    end
  end)

  it("is used up by backward", function()
    local kernel = o.kernel:copy():requires_grad_()
    local loss = ops.lstm(copy(o, { kernel = kernel })):sum()
    mg.gradients(loss, { kernel }, { retain_graph = true })
    local ok, message = pcall(mg.gradients, loss, { kernel })
    assert.is_false(ok)
    assert.truthy(message:find("lstm: backward needs", 1, true), message)
  end)

  it("explains what it would do, and packs weights", function()
    assert.equal("reference", ops.lstm_explain(o, true).kernel)
    local float = copy(o)
    for _, name in ipairs(NAMES) do float[name] = float[name]:float() end
    float.initial_states = nil
    assert.equal("fused float32, kernels of few rows", ops.lstm_explain(float, true).kernel)
    near(ops.lstm(copy(o, { packed = ops.lstm_packed() })), ops.lstm(o):to_table(), 0)
  end)

  it("refuses wrong arguments", function()
    for key, bad in pairs { x = mg.ones(2), kernel = mg.ones(2, 5), recurrent_kernel = mg.ones(2, 6), bias = mg.ones(3),
      initial_states = { mg.ones(1, 1) }, mask = mg.ones(2, 3), activation = { kind = "x" }, initial_state = mg.ones(B, U),
      reset_after = true, dropout_masks = { draw(B, F), draw(B, F) } } do
      assert.is_false(pcall(ops.lstm, copy(o, { [key] = bad })), key)
    end
    assert.is_false(pcall(ops.lstm))
  end)
end)
