-- What an operation costs beside its arithmetic: ns a call for small tensors, forward with and without recording, and backward; a
-- layer's call and a training step of a tiny model. With the path of a Python that has PyTorch as the argument, PyTorch's beside
-- them: moongate tape.lua [python].
local mg = require "moongate"
local terminal = require "moongate.terminal"
local autograd, ops = mg.autograd, mg.ops

local LENGTH, ROUNDS, LEAST = 20, 9, 0.02 -- operations in a chain; median over rounds of so many seconds

mg.set_threads(1)

local function median(list)
  table.sort(list)
  return list[math.ceil(#list / 2)]
end

-- ns of one call of f, without and with a scope around it.
local function ns_of(f)
  local times = {}
  for round = 1, ROUNDS + 1 do
    local n, began = 0, terminal.now()
    repeat
      for _ = 1, 10 do mg.scope(f) end
      n = n + 10
    until terminal.now() - began > LEAST
    if round > 1 then times[round - 1] = (terminal.now() - began) * 1e9 / n end
  end
  return median(times)
end

local function nothing() end

local function leaf(shape) return mg.random.normal(shape, 0, 0.1):requires_grad_() end
local x, y, w, b = leaf { 4, 4 }, leaf { 4, 4 }, leaf { 4, 4 }, leaf { 4 }

-- One more operation on z.
local chains = {
  { "add", function(z) return ops.add(z, y) end }, { "mul", function(z) return ops.mul(z, y) end },
  { "mul by a number", function(z) return ops.mul(z, 1.5) end }, { "tanh", function(z) return ops.tanh(z) end },
  { "sum over rows, broadcast", function(z) return ops.add(z, b) end }, { "matmul", function(z) return ops.matmul(z, w) end },
  { "linear", function(z) return ops.linear(z, w, b) end }, { "reshape", function(z) return ops.reshape(z, { 4, 4 }) end },
  { "slice", function(z) return ops.slice(z, 1, 1, 4) end }, { "transpose", function(z) return ops.transpose(z) end },
  { "softmax", function(z) return ops.softmax(z) end },
}

local function chain(operation)
  return function()
    local z = x
    for _ = 1, LENGTH do z = operation(z) end
    return z
  end
end

local function row(name, ...)
  io.stdout:write(("| %s | %s |\n"):format(name, table.concat({ ... }, " | ")))
  io.stdout:flush()
end
local function number(v) return ("%.0f"):format(v) end

-- PyTorch's lines: name, then numbers, separated by tabs.
local peer = {}
if arg[1] then
  local script = (arg[0]:gsub("tape%.lua$", "tape_torch.py"))
  for line in assert(io.popen(("%s %s %d"):format(arg[1], script, LENGTH))):lines() do
    local name, numbers = line:match("^([^\t]+)\t(.*)$")
    peer[name or line] = {}
    for v in (numbers or ""):gmatch("%S+") do table.insert(peer[name], tonumber(v)) end
  end
end
local function of_peer(name, i) return peer[name] and peer[name][i] and number(peer[name][i]) or "-" end

row("ns an operation", "forward", "recorded", "backward", "PyTorch forward", "recorded", "backward")
row("---", "---", "---", "---", "---", "---", "---")
local empty = ns_of(nothing)
for _, case in ipairs(chains) do
  local f = chain(case[2])
  local function plain() autograd.no_grad(f) end
  local function recorded() f() end
  local seed = mg.random.normal({ 4, 4 })
  local function both() autograd.gradients(f(), { x }, { gradient = seed }) end
  local forward, taped, all = ns_of(plain) - empty, ns_of(recorded) - empty, ns_of(both) - empty
  row(case[1], number(forward / LENGTH), number(taped / LENGTH), number((all - taped) / LENGTH), of_peer(case[1], 1),
    of_peer(case[1], 2), of_peer(case[1], 3))
end

local dense = mg.layers.Dense(4)
dense(x)
local model = mg.Sequential { mg.layers.Dense(4, { activation = "tanh" }), mg.layers.Dense(1) }
model:compile { optimizer = mg.optimizers.Adam(1e-3), loss = "mse" }
local target = mg.random.normal { 4, 1 }
local gru = mg.layers.GRU(4)
local sequence = leaf { 1, 4, 4 }
gru(sequence)
local whole = {
  { "Dense, no gradient", function() autograd.no_grad(dense, x) end }, { "Dense, recorded", function() dense(x) end },
  { "GRU of 4 steps, recorded", function() gru(sequence) end },
  { "train_on_batch, two Dense, Adam", function() model:train_on_batch(x, target) end },
}
print()
row("ns a call", "moongate", "PyTorch")
row("---", "---", "---")
for _, case in ipairs(whole) do row(case[1], number(ns_of(case[2])), of_peer(case[1], 1)) end
