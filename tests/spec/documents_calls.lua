-- Checks of the first document: what a call takes and gives, and the flags about time.
local assert = require "luassert"
local mg = require "moongate"
local near = require "near"
local tools = require "documents_tools"

local GRU, normal = mg.layers.GRU, tools.normal
local check = {}

-- x[:, t] .. as a sequence of one step or of those from `first` to `last`.
local function steps(x, first, last) return x[{ {}, { first, last } }] end

function check.return_sequences()
  local gru, x = tools.built("GRU", { return_sequences = true }), normal(2, 5, 4)
  local last = tools.twin(gru, "GRU", {})
  local sequence = gru(x)
  assert.are.same({ 2, 5, 3 }, { unpack(sequence.shape) })
  for t = 1, 5 do tools.same(last(steps(x, 1, t)), sequence[{ {}, t }]) end
end

function check.return_state()
  local gru, x = tools.built("GRU", { return_state = true }), normal(2, 5, 4)
  local output, state = gru(x)
  tools.same(output, state)
  local half = select(2, gru(steps(x, 1, 2)))
  tools.same(gru(steps(x, 3, 5), { initial_state = half }), output)
end

function check.go_backwards()
  local gru, x = tools.built("GRU", { return_sequences = true }), normal(2, 5, 4)
  local back = tools.twin(gru, "GRU", { return_sequences = true, go_backwards = true })
  local reversed = mg.ops.concat({ steps(x, 5, 5), steps(x, 4, 4), steps(x, 3, 3), steps(x, 2, 2), steps(x, 1, 1) }, 2)
  tools.same(back(x), gru(reversed))
end

function check.stateful()
  local gru, x = tools.built("GRU", { stateful = true }), normal(2, 6, 4)
  local plain = tools.twin(gru, "GRU", {})
  gru(steps(x, 1, 3))
  local second = gru(steps(x, 4, 6))
  tools.same(second, plain(x))
  tools.differ(second, plain(steps(x, 4, 6)))
end

function check.unroll()
  local gru, x = tools.built("GRU", { return_sequences = true }), normal(2, 5, 4)
  tools.same(tools.twin(gru, "GRU", { return_sequences = true, unroll = true })(x), gru(x))
end

function check.inputs_rank()
  for _, x in ipairs { normal(2, 4), normal(2, 3, 5, 4) } do
    tools.refused("expected 3: (batch, time, features)", GRU(3), x)
  end
end

function check.mask_shape()
  local gru, x = tools.built("GRU", {}), normal(2, 5, 4)
  assert.are.same({ 2, 3 }, { unpack(gru(x, { mask = mg.ones({ 2, 5 }, { dtype = "uint8" }) }).shape) })
  for _, shape in ipairs { { 5, 2 }, { 2, 4 }, { 2, 5, 4 } } do
    tools.refused("mask has shape", gru, x, { mask = mg.ones(shape, { dtype = "uint8" }) })
  end
end

-- A masked step is as if it were not there.
function check.mask_meaning()
  local gru, x = tools.built("GRU", {}), normal(1, 3, 4)
  local used = mg.ops.concat({ steps(x, 1, 1), steps(x, 3, 3) }, 2)
  tools.same(gru(x, { mask = mg.tensor { { true, false, true } } }), gru(used))
end

function check.mask_default()
  local gru, x = tools.built("GRU", {}), normal(2, 5, 4)
  tools.same(gru(x), gru(x, { mask = mg.ones({ 2, 5 }, { dtype = "uint8" }) }))
  tools.same(gru(x), gru(x, { mask = mg.null }))
end

function check.training_switch()
  local gru, x = tools.built("GRU", { dropout = 0.5, seed = 1 }), normal(2, 5, 4)
  local plain = tools.twin(gru, "GRU", {})
  tools.differ(gru(x, { training = true }), plain(x))
  tools.same(gru(x, { training = false }), plain(x))
end

-- A cell that notes what it is told, and the state of its first call.
local function noting_cell()
  local cell = { state_size = 2, told = {}, states = {} }
  function cell:call(x, states, options)
    self.told[#self.told + 1], self.states[#self.states + 1] = options.training, states[1]
    return x, { x }
  end
  return cell
end

function check.training_reaches_cell()
  for _, training in ipairs { true, false } do
    local cell = noting_cell()
    mg.layers.RNN(cell)(normal(1, 2, 2), { training = training })
    assert.are.same({ training, training }, cell.told)
  end
end

function check.training_without_dropout()
  local gru, x = tools.built("GRU", {}), normal(2, 5, 4)
  tools.same(gru(x, { training = true }), gru(x, { training = false }))
end

function check.training_default()
  local gru, x = tools.built("GRU", { dropout = 0.5 }), normal(2, 5, 4)
  tools.same(gru(x), gru(x, { training = false }))
end

function check.initial_state_used()
  local cell, state = noting_cell(), normal(1, 2)
  mg.layers.RNN(cell)(normal(1, 3, 2), { initial_state = { state } })
  tools.same(cell.states[1], state)
  local gru, x = tools.built("GRU", {}), normal(2, 1, 4)
  local h = normal(2, 3)
  tools.same(gru(x, { initial_state = { h } }), (gru.cell(x[{ {}, 1 }], { h })))
  tools.refused("initial_state", gru, x, { initial_state = { h, h } })
end

function check.initial_state_default()
  local gru, x = tools.built("GRU", {}), normal(2, 5, 4)
  tools.same(gru(x), gru(x, { initial_state = { mg.zeros(2, 3) } }))
  local cell = noting_cell()
  mg.layers.RNN(cell)(normal(1, 3, 2))
  near(cell.states[1], { { 0, 0 } }, 0)
end

return check
