-- Daily minimum temperatures of Melbourne, 1981 to 1990: tomorrow's from those of the last 30 days. The last fifth of the days is
-- the test set, the fifth before it validation.
--   moongate examples/daily_temperatures.lua [daily-minimum-temperatures.csv]
local mg = require "moongate"
mg.set_random_seed(1)

local WINDOW = 30

local function read(path)
  local values = {}
  for line in io.lines(path) do
    values[#values + 1] = tonumber(line:match(',"?(-?[%d.]+)"?%s*$'))
  end
  return mg.tensor(values):reshape { #values, 1 }
end

local path = mg.data.path("timeseries/daily-minimum-temperatures.csv",
  "the Australian Bureau of Meteorology, as in github.com/jbrownlee/Datasets", arg[1])
local celsius = read(path)
local days = celsius.shape[1]
local train_end, validation_end = math.floor(days * 0.6), math.floor(days * 0.8)

-- Scaled by what the training days alone tell.
local known = celsius:slice(1, 1, train_end)
local mean = known:mean():item()
local deviation = math.sqrt((known - mean):square():mean():item())
local scaled = (celsius - mean) / deviation

-- Windows whose targets are the days from `first` to `last`.
local function windows(first, last)
  return mg.data.windows(scaled:slice(1, first - WINDOW, last), { length = WINDOW, target = "next" })
end

local model = mg.Sequential { mg.layers.Input { shape = { WINDOW, 1 } }, mg.layers.GRU(32), mg.layers.Dense(1) }
model:compile { optimizer = mg.optimizers.Adam(0.003), loss = "mse" }

local begin = os.time()
local stop = mg.callbacks.EarlyStopping { patience = 8, restore_best_weights = true }
model:fit(windows(WINDOW + 1, train_end):shuffle(1):batch(32), { epochs = 60, callbacks = { stop },
  validation_data = windows(train_end + 1, validation_end):batch(256) })

local function rmse(mean_square) return math.sqrt(mean_square) * deviation end
local first = validation_end + 1
local persistence = (scaled:slice(1, first, days) - scaled:slice(1, first - 1, days - 1)):square():mean():item()
local test = model:evaluate(windows(first, days):batch(days), { verbose = 0 })
print(("test RMSE %.2f degrees (tomorrow as today: %.2f), %d s"):format(rmse(test), rmse(persistence), os.time() - begin))
