-- The SimpleRNN against its formula (keras.layers.SimpleRNN: h = tanh(x kernel + bias + h recurrent_kernel)), and its gradients.
local mg = require "moongate"
local near = require "near"
local ops = mg.ops

local B, T, F, U = 2, 3, 2, 3
local function draw(...) return mg.random.uniform({ ... }, -0.9, 0.9, { dtype = "float64", seed = 51 + select(1, ...) }) end

local o = { x = draw(B, T, F), kernel = draw(F, U), recurrent_kernel = draw(U, U) * 0.7, bias = draw(U),
  initial_state = draw(B, U) }

local function copy(from, more)
  local out = {}
  for k, v in pairs(from) do out[k] = v end
  for k, v in pairs(more or {}) do out[k] = v end
  return out
end

-- Outputs of all steps and the last state, by tensor operations step by step.
local function reference(mask)
  local h, last, outputs = o.initial_state, mg.zeros(B, U):double(), {}
  for t = 1, T do
    local new = ops.tanh(o.x:slice(2, t, t):reshape { B, F }:matmul(o.kernel) + o.bias + h:matmul(o.recurrent_kernel))
    local keep = mask and mg.tensor({ { mask[1][t] }, { mask[2][t] } }, { dtype = "float64" }) or mg.ones(B, 1):double()
    h, last = new * keep + h * (1 - keep), new * keep + last * (1 - keep)
    outputs[t] = last:reshape { B, 1, U }
  end
  return ops.concat(outputs, 2):to_table(), h:to_table()
end

describe("the SimpleRNN operation", function()
  it("computes the formula", function()
    for _, mask in ipairs { false, { { 1, 0, 1 }, { 0, 1, 0 } } } do
      local expected, h = reference(mask)
      local call = copy(o, { return_sequences = true, mask = mask and mg.tensor(mask, { dtype = "uint8" }) or nil })
      local y, state = ops.simple_rnn(call)
      near(y, expected, 1e-12)
      near(state, h, 1e-12)
      call.return_sequences = false
      near(ops.simple_rnn(call), h, 1e-12)
    end
  end)

  it("has gradients", function()
    local variants = { {}, { return_sequences = true }, { go_backwards = true, return_sequences = true },
      { recompute = true, return_sequences = true },
      { mask = mg.tensor({ { 1, 0, 1 }, { 0, 1, 1 } }, { dtype = "uint8" }), return_sequences = true },
      { dropout_masks = { draw(B, F) + 1 }, recurrent_dropout_masks = { draw(B, U) + 1 }, return_sequences = true },
      { activation = { kind = "gelu" } } }
    for number, variant in ipairs(variants) do
      local ok, message = mg.gradcheck(function(x, kernel, recurrent_kernel, bias, h)
        return ops.simple_rnn(copy(variant, { x = x, kernel = kernel, recurrent_kernel = recurrent_kernel, bias = bias,
          initial_state = h }))
      end, { o.x, o.kernel, o.recurrent_kernel, o.bias, o.initial_state })
      assert(ok, number .. ": " .. tostring(message))
    end
  end)

  it("takes time-major input, and gives gates", function()
    local y = ops.simple_rnn(copy(o, { return_sequences = true }))
    local major, _, gates = ops.simple_rnn(copy(o, { x = o.x:permute(2, 1, 3), time_major = true, return_sequences = true,
      gates = true }))
    near(major:permute(2, 1, 3), y:to_table(), 1e-12)
    near(gates, major:to_table(), 0)
  end)

  it("explains what it would do, and packs weights", function()
    assert.equal("reference", ops.simple_rnn_explain(o, true).kernel)
    near(ops.simple_rnn(copy(o, { packed = ops.simple_rnn_packed() })), ops.simple_rnn(o):to_table(), 0)
  end)

  it("refuses wrong arguments", function()
    for key, bad in pairs { x = mg.ones(2), kernel = mg.ones(2, 5), recurrent_kernel = mg.ones(2, 6), bias = mg.ones(2),
      initial_state = mg.ones(1, 1), mask = mg.ones(2, 3), activation = { kind = "x" }, recurrent_activation = { kind = "tanh" },
      dropout_masks = { draw(B, F), draw(B, F) } } do
      assert.is_false(pcall(ops.simple_rnn, copy(o, { [key] = bad })), key)
    end
    assert.is_false(pcall(ops.simple_rnn))
  end)
end)
