-- First contact: a GRU learns a wave and goes on with it.   moongate examples/sine_forecast.lua
local mg = require "moongate"
mg.set_random_seed(1)

local WINDOW, AHEAD = 40, 60

-- 1000 steps of a wave with a little noise.
local function wave(t) return math.sin(t / 6) end
local noise, values = mg.random.normal({ 1000 }, 0, 0.03), {}
for t = 1, 1000 do values[t] = { wave(t) + noise[t]:item() } end
local series = mg.tensor(values)

-- Rows of 40 steps each, with the step behind them as the target.
local data = mg.data.windows(series, { length = WINDOW, target = "next" })

local model = mg.Sequential { mg.layers.GRU(24), mg.layers.Dense(1) }
model:compile { optimizer = mg.optimizers.Adam(0.01), loss = "mse", metrics = { "mae" } }
model:fit(data:shuffle(1):batch(32), { epochs = 12 })
model:summary()

-- The forecast feeds every answer back as the newest step.
local window = series:slice(1, -WINDOW):reshape { 1, WINDOW, 1 }
local errors = 0
for step = 1, AHEAD do
  local answer = model:predict_on_batch(window)
  local y, truth = answer:item(), wave(1000 + step)
  errors = errors + math.abs(y - truth)
  local at, wanted = math.floor(30 + 25 * y + 0.5), math.floor(30 + 25 * truth + 0.5)
  local line = {}
  for column = 1, 60 do line[column] = column == at and "*" or column == wanted and "." or " " end
  print(table.concat(line))
  window = mg.ops.concat({ window:slice(2, 2), answer:reshape { 1, 1, 1 } }, 2)
end
print(("* forecast, . truth; mean error over %d steps: %.3f"):format(AHEAD, errors / AHEAD))
