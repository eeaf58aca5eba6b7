-- The recurrence against its formulas (Cho et al. 2014, Keras's gate order z, r, n) written out in Lua, and its gradients.
local mg = require "moongate"
local near = require "near"
local ops = mg.ops

local B, T, F, U = 2, 3, 2, 2
local function draw(...) return mg.random.uniform({ ... }, -0.9, 0.9, { dtype = "float64", seed = 11 + select(1, ...) }) end

local function weights(reset_after)
  return { x = draw(B, T, F), kernel = draw(F, 3 * U), recurrent_kernel = draw(U, 3 * U) * 0.7,
    bias = reset_after and draw(2, 3 * U) or draw(3 * U), initial_state = draw(B, U) * 0.5, reset_after = reset_after }
end

local function copy(o, more)
  local out = {}
  for k, v in pairs(o) do out[k] = v end
  for k, v in pairs(more or {}) do out[k] = v end
  return out
end

local function sigmoid(v) return 1 / (1 + math.exp(-v)) end
local function tanh(v) return 1 - 2 / (math.exp(2 * v) + 1) end

-- Column j of row vector v times matrix m.
local function dot(v, m, j)
  local sum = 0
  for i = 1, #v do sum = sum + v[i] * m[i][j] end
  return sum
end

-- One step for one row, by the formulas.
local function cell(w, x, h)
  local zero = {}
  for j = 1, 3 * U do zero[j] = 0 end
  local b, b2 = w.reset_after and w.bias[1] or w.bias, w.reset_after and w.bias[2] or zero
  local z, r, out = {}, {}, {}
  for j = 1, U do
    z[j] = sigmoid(dot(x, w.kernel, j) + b[j] + dot(h, w.recurrent_kernel, j) + b2[j])
    r[j] = sigmoid(dot(x, w.kernel, U + j) + b[U + j] + dot(h, w.recurrent_kernel, U + j) + b2[U + j])
  end
  local rh = {}
  for j = 1, U do rh[j] = r[j] * h[j] end
  for j = 1, U do
    local c = 2 * U + j
    local inner = w.reset_after and r[j] * (dot(h, w.recurrent_kernel, c) + b2[c]) or dot(rh, w.recurrent_kernel, c)
    out[j] = z[j] * h[j] + (1 - z[j]) * tanh(dot(x, w.kernel, c) + b[c] + inner)
  end
  return out
end

local function reference(o, mask)
  local w = { reset_after = o.reset_after }
  for _, name in ipairs { "x", "kernel", "recurrent_kernel", "bias", "initial_state" } do w[name] = o[name]:to_table() end
  local outputs, states = {}, {}
  for b = 1, B do
    local h, last = w.initial_state[b], { 0, 0 }
    outputs[b] = {}
    for t = 1, T do
      if not mask or mask[b][t] == 1 then
        h = cell(w, w.x[b][t], h)
        last = h
      end
      outputs[b][t] = last
    end
    states[b] = h
  end
  return outputs, states
end

describe("the GRU operation", function()
  for _, reset_after in ipairs { true, false } do
    local name = reset_after and "reset_after" or "reset before"
    local o = weights(reset_after)

    it("computes the formulas, " .. name, function()
      local expected, state = reference(o)
      local y, h = ops.gru(copy(o, { return_sequences = true }))
      near(y, expected, 1e-12)
      near(h, state, 1e-12)
      near(ops.gru(o), state, 1e-12)
      local mask = { { 1, 0, 1 }, { 0, 1, 0 } }
      expected, state = reference(o, mask)
      y, h = ops.gru(copy(o, { return_sequences = true, mask = mg.tensor(mask, { dtype = "uint8" }) }))
      near(y, expected, 1e-12)
      near(h, state, 1e-12)
    end)

    it("has gradients, " .. name, function()
      local masks = { draw(B, F) + 1 }
      local recurrent = { draw(B, U) + 1, draw(B, U) * 2, draw(B, U) }
      local variants = { {}, { return_sequences = true }, { go_backwards = true, return_sequences = true },
        { recompute = true, return_sequences = true },
        { mask = mg.tensor({ { 1, 0, 1 }, { 0, 1, 1 } }, { dtype = "uint8" }), return_sequences = true },
        { dropout_masks = masks, recurrent_dropout_masks = recurrent, return_sequences = true },
        { activation = { kind = "softsign" }, recurrent_activation = { kind = "hard_sigmoid", a = 0.2, b = 0.5 } } }
      for i, variant in ipairs(variants) do
        local ok, message = mg.gradcheck(function(x, kernel, recurrent_kernel, bias, initial_state)
          local y, h = ops.gru(copy(variant, { x = x, kernel = kernel, recurrent_kernel = recurrent_kernel, bias = bias,
            initial_state = initial_state, reset_after = reset_after }))
          return y, h
        end, { o.x, o.kernel, o.recurrent_kernel, o.bias, o.initial_state })
        assert(ok, i .. ": " .. tostring(message))
      end
    end)
  end

  local o = weights(true)

  it("takes time-major input, and gives gates", function()
    local y = ops.gru(copy(o, { return_sequences = true }))
    local major, _, gates = ops.gru(copy(o, { x = o.x:permute(2, 1, 3), time_major = true, return_sequences = true, gates = true }))
    near(major:permute(2, 1, 3), y:to_table(), 1e-12)
    assert.equal("{3, 2, 6}", tostring(gates.shape))
    assert.is_false(gates.requires_grad)
  end)

  it("packs weights again when they change", function()
    local packed = ops.gru_packed()
    local w = copy(o, { packed = packed })
    for _, name in ipairs { "x", "kernel", "recurrent_kernel", "bias", "initial_state" } do w[name] = w[name]:float():copy() end
    local first = ops.gru(w):to_table()
    near(ops.gru(w), first, 0)
    w.recurrent_kernel:mul_(0.5)
    local again = ops.gru(w):to_table()
    assert.are_not.same(first, again)
    w.packed = nil
    near(ops.gru(w), again, 0)
  end)

  it("is used up by backward", function()
    local kernel = o.kernel:copy():requires_grad_()
    local y = ops.gru(copy(o, { kernel = kernel }))
    local loss = y:sum()
    mg.gradients(loss, { kernel }, { retain_graph = true })
    local ok, message = pcall(mg.gradients, loss, { kernel })
    assert.is_false(ok)
    assert.truthy(message:find("compute the output again", 1, true), message)
  end)

  it("takes its arguments as they are at the call", function()
    local kernel = o.kernel:copy():requires_grad_()
    local own = copy(o, { kernel = kernel, dropout_masks = { mg.ones_like(o.x[{ {}, 1 }]) } })
    local expected = mg.gradients(ops.gru(own):sum(), { kernel })[1]
    local loss = ops.gru(own):sum()
    own.x, own.dropout_masks[1] = o.x * 3, own.dropout_masks[1] * 0
    near(mg.gradients(loss, { kernel })[1], expected:to_table(), 0)
  end)

  it("notices inputs changed or freed before backward", function()
    local kernel, x = o.kernel:copy():requires_grad_(), o.x:copy()
    local loss = ops.gru(copy(o, { kernel = kernel, x = x })):sum()
    x:add_(1)
    assert.truthy(select(2, pcall(mg.gradients, loss, { kernel })):find("changed in place", 1, true))
    loss = ops.gru(copy(o, { kernel = kernel, x = x })):sum()
    x:free()
    assert.truthy(select(2, pcall(mg.gradients, loss, { kernel })):find("freed", 1, true))
  end)

  it("explains what it would do", function()
    local plan = ops.gru_explain(o, true)
    assert.equal("string", type(plan.kernel))
  end)

  it("refuses wrong arguments", function()
    for key, bad in pairs { x = mg.ones(2), kernel = mg.ones(2, 5), recurrent_kernel = mg.ones(6, 2), bias = mg.ones(3),
      initial_state = mg.ones(1, 1), mask = mg.ones(2, 3), activation = { kind = "x" }, unknown = 1, dropout_masks = { 1 } } do
      assert.is_false(pcall(ops.gru, copy(o, { [key] = bad })), key)
    end
    for _, key in ipairs { "x", "kernel", "recurrent_kernel" } do
      local broken = copy(o)
      broken[key] = nil
      assert.is_false(pcall(ops.gru, broken), key)
    end
    assert.is_false(pcall(ops.gru))
  end)
end)
