-- The parts of a training step beside the recurrent layer, one at a time: reads `part NAME SIZES SECONDS`, answers the median time
-- of a call in microseconds. parts.py drives it beside PyTorch.
local mg = require "moongate"
local terminal = require "moongate.terminal"

local autograd, ops = mg.autograd, mg.ops

mg.set_threads(tonumber(os.getenv("BENCH_THREADS") or "2"))

local function normal(shape) return mg.random.normal(shape):keep() end
local function ids(n, limit) return (mg.random.uniform({ n }, 0, limit)):to("int32"):keep() end
local function leaf(shape) return normal(shape):requires_grad_() end

-- Each part: a function of the sizes that gives what to time.
local parts = {}

function parts.gather(rows, vocabulary, units)
  local table_, id = normal { vocabulary, units }, ids(rows, vocabulary)
  return function() return ops.gather(table_, id) end
end

-- f() makes a tensor of which only the gradients are timed, with a retained graph.
local function backward(f, inputs)
  local y = f():keep()
  local g = normal(y.shape)
  return function() return autograd.gradients(y, inputs, { gradient = g, retain_graph = true }) end
end

function parts.gather_backward(rows, vocabulary, units)
  local table_, id = leaf { vocabulary, units }, ids(rows, vocabulary)
  return backward(function() return ops.gather(table_, id) end, { table_ })
end

function parts.cross_entropy(rows, classes)
  local logits, id = leaf { rows, classes }, ids(rows, classes)
  return function() return ops.mean(ops.cross_entropy(logits, id)) end
end

function parts.cross_entropy_backward(rows, classes)
  local logits, id = leaf { rows, classes }, ids(rows, classes)
  return backward(function() return ops.mean(ops.cross_entropy(logits, id)) end, { logits })
end

function parts.softmax(rows, classes)
  local logits = normal { rows, classes }
  return function() return ops.softmax(logits) end
end

function parts.softmax_backward(rows, classes)
  local logits = leaf { rows, classes }
  return backward(function() return ops.softmax(logits) end, { logits })
end

local function layer(class, options, shape)
  local made = mg.layers[class](options)
  local x = leaf(shape)
  made(x)
  local inputs = { x, unpack(made.trainable_weights) }
  local function forward() return made(x, { training = true }) end
  return forward, function() return backward(forward, inputs) end
end

local LAYERS = {
  layer_normalization = function(b, t, f) return layer("LayerNormalization", {}, { b, t, f }) end,
  batch_normalization = function(b, t, f) return layer("BatchNormalization", {}, { b, t, f }) end,
  conv1d = function(b, t, f) return layer("Conv1D", { filters = f, kernel_size = 3, padding = "same" }, { b, t, f }) end,
  dense = function(b, t, f, u) return layer("Dense", { units = u }, { b, t, f }) end,
}
for name, make in pairs(LAYERS) do
  parts[name] = function(...) return (make(...)) end
  parts[name .. "_backward"] = function(...)
    local _, back = make(...)
    return back()
  end
end

-- The text example's parameters: Embedding, GRU, Dense.
local function parameters(vocabulary, units)
  local shapes = { { vocabulary, units }, { units, 3 * units }, { units, 3 * units }, { 2, 3 * units }, { units, vocabulary },
    { vocabulary } }
  local variables, gradients = {}, {}
  for i, shape in ipairs(shapes) do
    variables[i] = mg.Variable(normal(shape), { name = "v" .. i })
    gradients[i] = normal(shape)
  end
  return variables, gradients
end

local function updates(class, options)
  return function(vocabulary, units)
    local variables, gradients = parameters(vocabulary, units)
    local optimizer = mg.optimizers[class](options)
    return function() optimizer:apply(gradients, variables) end
  end
end

for name, made in pairs {
  sgd = updates("SGD", {}), momentum = updates("SGD", { momentum = 0.9 }), rmsprop = updates("RMSprop", {}),
  adam = updates("Adam", {}), amsgrad = updates("Adam", { amsgrad = true }), adamw = updates("AdamW", {}),
  adagrad = updates("Adagrad", {}), adadelta = updates("Adadelta", {}), adamax = updates("Adamax", {}),
  nadam = updates("Nadam", {}), adafactor = updates("Adafactor", {}), lion = updates("Lion", {}), lamb = updates("Lamb", {}),
  ftrl = updates("Ftrl", {}), adam_global_clipnorm = updates("Adam", { global_clipnorm = 1 }),
  adam_clipnorm = updates("Adam", { clipnorm = 1 }), adam_clipvalue = updates("Adam", { clipvalue = 0.5 }),
  adam_average = updates("Adam", { use_ema = true }),
} do parts[name] = made end

local function median_us(call, seconds)
  local times, began = {}, terminal.now()
  local function dropped() call() end
  while #times < 3 or terminal.now() - began < seconds do
    local from = terminal.now()
    mg.scope(dropped)
    times[#times + 1] = (terminal.now() - from) * 1e6
  end
  table.sort(times)
  return times[math.floor(#times / 2) + 1]
end

local made = {}
for line in io.lines() do
  local name, sizes, seconds = line:match("^part (%S+) (%S+) (%S+)")
  local key = name .. sizes
  if made.key ~= key then
    made = { key = key }
    mg.memory.trim()
    local list = {}
    for size in sizes:gmatch("%d+") do list[#list + 1] = tonumber(size) end
    made.call = parts[name](unpack(list))
    median_us(made.call, 0.05)
  end
  io.stdout:write(("%.3f\n"):format(median_us(made.call, tonumber(seconds))))
  io.stdout:flush()
end
