-- Numbers written in the tests of Keras 3.15.1, keras/src/layers/rnn/*_test.py, as facts: each group names the file and the tests
-- that have them. Sequences count up from 0 (`counting`), weights are constants, so nothing else has to be known.
local mg = require "moongate"
local near = require "near"
local layers, constant = mg.layers, mg.initializers.Constant

local function counting(...)
  local sizes, count = { ... }, 1
  for _, size in ipairs(sizes) do count = count * size end
  return mg.arange(0, count, { dtype = "float32" }):reshape(sizes)
end

-- Every number as a list of n equal ones: outputs of units with equal weights.
local function equal(list, n)
  if type(list) == "table" then
    local out = {}
    for i, item in ipairs(list) do out[i] = equal(item, n) end
    return out
  end
  local out = {}
  for i = 1, n do out[i] = list end
  return out
end

-- The options of Keras's tests: kernel 0.01, recurrent kernel 0.02, bias 0.03, and others.
local function with(options)
  local all = { kernel_initializer = constant(0.01), recurrent_initializer = constant(0.02), bias_initializer = constant(0.03) }
  for key, value in pairs(options or {}) do all[key] = value end
  return all
end

local GAPS = { { true, true, false, true }, { true, false, false, true } }
local RIGHT = { { true, true, true, false }, { true, true, false, false } }

-- Cells of rnn_test.py: kernels of ones; output = x K + h R, and the sum of two such.
local One = layers.Layer.extend("OneStateCellForSpec", { { "units" } }, { "units" })
function One:setup(options)
  layers.Layer.setup(self, options)
  self.state_size = self.units
end
function One:build(shape)
  self.kernel = self:add_weight { name = "kernel", shape = { shape[#shape], self.units }, initializer = "ones" }
  self.recurrent = self:add_weight { name = "recurrent_kernel", shape = { self.units, self.units }, initializer = "ones" }
  layers.Layer.build(self, shape)
end
function One:call(x, states)
  local output = x:matmul(self.kernel) + states[1]:matmul(self.recurrent)
  return output, { output }
end
local Two = layers.Layer.extend("TwoStatesCellForSpec", {}, { "units" }, One)
function Two:setup(options)
  layers.Layer.setup(self, options)
  self.state_size, self.output_size = { self.units, self.units }, self.units
end
function Two:call(x, states)
  local first = x:matmul(self.kernel) + states[1]:matmul(self.recurrent)
  return first + first, { first, first }
end

-- Every output of a call, in order.
local function check(expected, layer, x, options)
  local outputs = { layer(x, options) }
  assert.are.equal(#expected, #outputs)
  for i, output in ipairs(outputs) do near(output, expected[i], 1e-5) end
end

describe("rnn_test.py", function()
  local ones = function(...) return mg.ones { ... } end

  it("forward_pass_single_state, forward_pass_two_states", function()
    for _, item in ipairs { { One, 1, {} }, { Two, 2, { { { 9, 9 } } } } } do
      local Cell, k, more = unpack(item)
      local last, all, states = { { 9 * k, 9 * k } }, { { { 3 * k, 3 * k }, { 9 * k, 9 * k } } }, { { { 9, 9 } }, unpack(more) }
      check({ last }, layers.RNN(Cell(2)), ones(1, 2, 3))
      check({ all }, layers.RNN(Cell(2), { return_sequences = true }), ones(1, 2, 3))
      check({ last, unpack(states) }, layers.RNN(Cell(2), { return_state = true }), ones(1, 2, 3))
      check({ all, unpack(states) }, layers.RNN(Cell(2), { return_sequences = true, return_state = true }), ones(1, 2, 3))
    end
  end)

  it("passing_initial_state, statefulness, go_backwards", function()
    local full = equal({ 22, 22 }, 2)
    check({ full, full }, layers.RNN(One(2), { return_state = true }), ones(2, 3, 2), { initial_state = ones(2, 2) })
    check({ equal({ 44, 44 }, 2), full, full }, layers.RNN(Two(2), { return_state = true }), ones(2, 3, 2),
      { initial_state = { ones(2, 2), ones(2, 2) } })
    local single, double = layers.RNN(One(2), { stateful = true }), layers.RNN(Two(2), { stateful = true, return_state = true })
    single(ones(1, 2, 3))
    double(ones(1, 2, 3))
    check({ { { 45, 45 } } }, single, ones(1, 2, 3))
    check({ { { 90, 90 } }, { { 45, 45 } }, { { 45, 45 } } }, double, ones(1, 2, 3))
    check({ equal({ 202, 538 }, 2) }, layers.RNN(One(2), { go_backwards = true }), counting(2, 3, 4))
    local kept = layers.RNN(One(2), { stateful = true, return_state = true })
    kept(counting(2, 3, 4))
    check({ equal({ 954, 3978 }, 2), equal({ 954, 3978 }, 2) }, kept, counting(2, 3, 4))
    assert.is_false(pcall(kept, ones(1, 3, 4)))
  end)

  it("masking", function()
    for _, unroll in ipairs { false, true } do
      local mask = mg.tensor(RIGHT)
      check({ equal({ 57, 126 }, 2) }, layers.RNN(One(2), { unroll = unroll }), counting(2, 4, 3), { mask = mask })
      check({ equal({ { 3, 18, 57, 57 }, { 39, 126, 126, 126 } }, 2) },
        layers.RNN(One(2), { unroll = unroll, return_sequences = true }), counting(2, 4, 3), { mask = mask })
    end
  end)

  it("compute_output_shape, dynamic_shapes", function()
    local null = mg.null
    local flags = { return_sequences = true, return_state = true }
    assert.are.same({ { 3, 4, 8 }, { 3, 8 } }, { layers.RNN(One(8), flags):compute_output_shape { 3, 4, 5 } })
    assert.are.same({ { 3, 8 } }, { layers.RNN(Two(8)):compute_output_shape { 3, 4, 5 } })
    assert.are.same({ { null, null, 8 }, { null, 8 }, { null, 8 } },
      { layers.RNN(Two(8), flags):compute_output_shape { null, null, 3 } })
  end)
end)

describe("stacked_rnn_cells_test.py", function()
  it("correctness and statefulness of stacks", function()
    local x = counting(2, 3, 4)
    local singles, doubles = equal({ 158, 782 }, 3), equal({ 1572, 8772 }, 2)
    check({ equal({ { 18, 156, 786 }, { 162, 1020, 4386 } }, 2), singles, equal({ 786, 4386 }, 2) },
      layers.RNN({ One(3), One(2) }, { return_sequences = true, return_state = true }), x)
    check({ equal({ { 72, 624, 3144 }, { 648, 4080, 17544 } }, 2), singles, singles, doubles, doubles },
      layers.RNN({ Two(3), Two(2) }, { return_sequences = true, return_state = true }), x)
    local one, two = layers.RNN({ One(3), One(2) }, { stateful = true }), layers.RNN({ Two(3), Two(2) }, { stateful = true })
    one(x)
    two(x)
    check({ equal({ 34092, 173196 }, 2) }, one, x)
    check({ equal({ 136368, 692784 }, 2) }, two, x)
  end)

  it("stacked_lstm_cell_mask, return_state_stacked_lstm_cell", function()
    local cells = {}
    for i = 1, 2 do cells[i] = layers.LSTMCell(1, { kernel_initializer = "ones", recurrent_initializer = "ones" }) end
    local output = layers.RNN(cells)(mg.ones(2, 3, 4), { mask = mg.tensor { { true, true, true }, { true, true, false } } })
    near(output, { { 0.7793 }, { 0.5998 } }, 1e-4)
    local outputs = { layers.RNN({ layers.LSTMCell(10), layers.LSTMCell(10) }, { return_state = true })(mg.zeros(2, 3, 5)) }
    assert.are.equal(5, #outputs)
    for _, each in ipairs(outputs) do assert.are.same({ 2, 10 }, { unpack(each.shape) }) end
  end)
end)

describe("time_distributed_test.py", function()
  it("correctness, masking", function()
    local x = counting(3, 2, 4)
    local options = { kernel_initializer = constant(0.01), use_bias = false }
    check({ { { { 0.06 }, { 0.22 } }, { { 0.38 }, { 0.54 } }, { { 0.7 }, { 0.86 } } } },
      layers.TimeDistributed(layers.Dense(1, options)), x)
    local Masked = layers.Layer.extend("MaskedDenseForSpec")
    Masked.supports_masking = true
    function Masked:build(shape)
      self.kernel = self:add_weight { name = "kernel", shape = { shape[2], 1 }, initializer = constant(0.01) }
    end
    function Masked:call(step, call) return step:matmul(self.kernel) * call.mask:cast("float32"):expand_dims(2) end
    check({ { { { 0 }, { 0.22 } }, { { 0.38 }, { 0 } }, { { 0.7 }, { 0.86 } } } }, layers.TimeDistributed(Masked()), x,
      { mask = mg.tensor { { false, true }, { true, false }, { true, true } } })
  end)

  it("mask_validation", function()
    local layer, x = layers.TimeDistributed(layers.Dense(5, { activation = "softmax" })), mg.zeros(4, 5, 3)
    local function masked(...) return pcall(layer, x, { mask = mg.ones({ ... }, { dtype = "uint8" }) }) end
    for _, shape in ipairs { { 4, 5 }, { 4, 5, 1 }, { 4, 5, 2 } } do assert.is_true((masked(unpack(shape)))) end
    for _, shape in ipairs { { 4, 6 }, { 5, 5 }, { 5, 6 }, { 4, 6, 2 } } do
      local ok, message = masked(unpack(shape))
      assert.is_false(ok)
      assert.matches("expected one that begins with (4, 5)", message, 1, true)
    end
  end)
end)

describe("gru_test.py", function()
  it("correctness, statefulness", function()
    local x, full = counting(3, 6, 4), { 0.5217289, 0.6371659, 0.39384964 }
    for _, item in ipairs {
      { {}, full }, { { implementation = 1 }, full }, { { unroll = true }, full },
      { { go_backwards = true }, { 0.24406259, 0.611516, 0.3928808 } },
      { { reset_after = false }, { 0.51447755, 0.6426879, 0.40208298 } },
      { { use_bias = false }, { 0.49988455, 0.64701194, 0.4103359 } },
    } do check({ equal(item[2], 3) }, layers.GRU(3, with(item[1])), x) end
    local kept = layers.GRU(4, with { stateful = true })
    for _ = 1, 2 do
      kept(counting(2, 3, 4))
      check({ equal({ 0.29542392, 0.5885018 }, 4) }, kept, counting(2, 3, 4))
      kept:reset_state()
    end
  end)

  it("pass_initial_state, masking", function()
    local x, mask = counting(2, 4, 3), { mask = mg.tensor(GAPS) }
    local forward, back = { { 0.23774096, 0.33508456 }, { 0.83659905, 1.0227708 } },
      { { 0.13486053, 0.23261218 }, { 0.78257304, 0.9691353 } }
    check({ forward, forward }, layers.GRU(2, with { return_state = true }), x, { initial_state = counting(2, 2) })
    check({ back, back }, layers.GRU(2, with { return_state = true, go_backwards = true }), x, { initial_state = counting(2, 2) })
    check({ equal({ 0.19393763, 0.30818558 }, 2) }, layers.GRU(2, with { unroll = true }), x, mask)
    check({ equal({ 0.11669192, 0.28380975 }, 2) }, layers.GRU(2, with { go_backwards = true }), x, mask)
    local a, b, c, d = 0.03606692, 0.09497581, 0.19393763, 0.16051409
    check({ equal({ { a, b, b, c }, { d, d, d, 0.30818558 } }, 2) }, layers.GRU(2, with { return_sequences = true }), x, mask)
    check({ equal({ { a, b, 0, c }, { d, 0, 0, 0.30818558 } }, 2) },
      layers.GRU(2, with { return_sequences = true, zero_output_for_mask = true }), x, mask)
  end)
end)

describe("lstm_test.py", function()
  it("correctness, statefulness", function()
    local full = { 0.6288687, 0.86899155, 0.9460773 }
    for _, implementation in ipairs { 1, 2 } do
      for _, item in ipairs {
        { {}, full }, { { unroll = true }, full }, { { go_backwards = true }, { 0.35622165, 0.74789524, 0.8872726 } },
        { { unit_forget_bias = false }, { 0.57019705, 0.8661914, 0.9459622 } },
        { { use_bias = false }, { 0.54986924, 0.86226785, 0.9443936 } },
      } do
        item[1].implementation = implementation
        check({ equal(item[2], 3) }, layers.LSTM(3, with(item[1])), counting(3, 6, 4))
      end
    end
    local kept = layers.LSTM(4, with { stateful = true })
    for _ = 1, 2 do
      kept(counting(2, 3, 4))
      check({ equal({ 0.3124785, 0.6863672 }, 4) }, kept, counting(2, 3, 4))
      kept:reset_state()
    end
  end)

  it("pass_initial_state, masking", function()
    local x, mask, states = counting(2, 4, 3), { mask = mg.tensor(RIGHT) }, { counting(2, 2), counting(2, 2) }
    check({ { { 0.20574439, 0.3558822 }, { 0.64930826, 0.66276 } } }, layers.LSTM(2, with()), x, { initial_state = states })
    check({ { { 0.13281618, 0.2790356 }, { 0.5839337, 0.5992567 } } }, layers.LSTM(2, with { go_backwards = true }), x,
      { initial_state = states })
    local a, b, c, d, e = 0.01588910, 0.05552048, 0.11755939, 0.14185596, 0.28556206
    check({ equal({ c, e }, 2) }, layers.LSTM(2, with { unroll = true }), x, mask)
    check({ equal({ { a, b, c, c }, { d, e, e, e } }, 2) }, layers.LSTM(2, with { return_sequences = true }), x, mask)
    check({ equal({ { a, b, c, 0 }, { d, e, 0, 0 } }, 2) },
      layers.LSTM(2, with { return_sequences = true, zero_output_for_mask = true }), x, mask)
    check({ equal({ 0.15341201, 0.3844719 }, 2) }, layers.LSTM(2, with { go_backwards = true }), x,
      { mask = mg.tensor { { false, true, true, true }, { false, false, true, true } } })
  end)
end)

describe("simple_rnn_test.py", function()
  it("correctness, statefulness", function()
    for _, unroll in ipairs { false, true } do
      check({ equal({ 0.405432, 0.73605347 }, 4) }, layers.SimpleRNN(4, with { unroll = unroll }), counting(2, 3, 4))
      check({ equal({ 0.11144729, 0.5528889 }, 4) }, layers.SimpleRNN(4, with { unroll = unroll, go_backwards = true }),
        counting(2, 3, 4))
    end
    local kept = layers.SimpleRNN(4, with { stateful = true })
    for _ = 1, 2 do
      kept(counting(2, 3, 4))
      check({ equal({ 0.40559256, 0.7361247 }, 4) }, kept, counting(2, 3, 4))
      kept:reset_state()
    end
  end)

  it("pass_initial_state, masking", function()
    local x, mask, state = counting(2, 4, 3), { mask = mg.tensor(GAPS) }, { initial_state = counting(2, 4) }
    check({ equal({ 0.33621645, 0.6262637 }, 4) }, layers.SimpleRNN(4, with()), x, state)
    check({ equal({ 0.07344437, 0.43043602 }, 4) }, layers.SimpleRNN(4, with { go_backwards = true }), x, state)
    check({ equal({ 0.32951632, 0.61799484 }, 4) }, layers.SimpleRNN(4, with { unroll = true }), x, mask)
    check({ equal({ 0.07376196, 0.43645123 }, 4) }, layers.SimpleRNN(4, with { go_backwards = true }), x, mask)
    local a, b, c, d, e = 0.0599281, 0.15122814, 0.32394567, 0.3969304, 0.608085
    check({ equal({ { a, b, b, c }, { d, d, d, e } }, 2) }, layers.SimpleRNN(2, with { return_sequences = true }), x, mask)
    check({ equal({ { a, b, 0, c }, { d, 0, 0, e } }, 2) },
      layers.SimpleRNN(2, with { return_sequences = true, zero_output_for_mask = true }), x, mask)
  end)
end)

describe("bidirectional_test.py", function()
  it("correctness", function()
    local x, forward = counting(2, 3, 4), layers.SimpleRNN(2, with())
    local ahead, back = equal({ 0.39687276, 0.7237238 }, 2), equal({ 0.10004295, 0.53391594 }, 2)
    check({ { { 0.39687276, 0.39687276, 0.10004295, 0.10004295 }, { 0.7237238, 0.7237238, 0.53391594, 0.53391594 } } },
      layers.Bidirectional(forward), x)
    check({ equal({ 0.24845785, 0.6288199 }, 2) }, layers.Bidirectional(forward, { merge_mode = "ave" }), x)
    check({ ahead, back }, layers.Bidirectional(forward, { merge_mode = mg.null }), x)
    local own = { kernel_initializer = constant(0.03), bias_initializer = constant(0.01), go_backwards = true }
    local mul = layers.Bidirectional(forward, { backward_layer = layers.SimpleRNN(2, with(own)), merge_mode = "mul" })
    check({ equal({ 0.08374989, 0.6740834 }, 2) }, mul, x)
    check({ equal({ { 0.20937867, 0.34462988, 0.40290534 }, { 0.59829646, 0.6734641, 0.6479671 } }, 2) },
      layers.Bidirectional(layers.GRU(2, with { return_sequences = true }), { merge_mode = "sum" }), x)
  end)

  it("statefulness, pass_initial_state, masking, return_state", function()
    local x, kept = counting(2, 4, 3), layers.Bidirectional(layers.LSTM(2, with { stateful = true }))
    local function pairs_of(a, b, c, d) return { { a, a, b, b }, { c, c, d, d } } end
    for _ = 1, 2 do
      kept(x)
      check({ pairs_of(0.26234663, 0.16959146, 0.6137073, 0.5381646) }, kept, x)
      kept:reset_state()
    end
    local states = {}
    for i = 1, 4 do states[i] = counting(2, 2) * i end
    check({ { { 0.20794602, 0.4577124, 0.14046375, 0.48191673 }, { 0.6682636, 0.6711909, 0.60943645, 0.60950446 } } },
      layers.Bidirectional(layers.LSTM(2, with())), x, { initial_state = states })
    check({ pairs_of(0.19393763, 0.11669192, 0.30818558, 0.28380975) }, layers.Bidirectional(layers.GRU(2, with())), x,
      { mask = mg.tensor(GAPS) })
    local h, back = { 0.1990008, 0.52335435 }, { 0.12659755, 0.44717982 }
    check({ pairs_of(h[1], back[1], h[2], back[2]), equal(h, 2), equal({ 0.35567185, 1.0492687 }, 2), equal(back, 2),
      equal({ 0.2501858, 0.941473 }, 2) }, layers.Bidirectional(layers.LSTM(2, with { return_state = true })), x)
  end)
end)
