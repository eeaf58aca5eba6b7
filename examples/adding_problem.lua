-- The adding problem (Hochreiter & Schmidhuber 1997): T random numbers, two of them marked; the answer is the sum of the two.
-- Always answering 1 gives a mean squared error of 0.1767 (Le, Jaitly & Hinton 2015).
--   moongate examples/adding_problem.lua [--length 200] [--units 64] [--recurrent-dropout 0] [--epochs 20]
local mg = require "moongate"

local options = { length = 200, units = 64, recurrent_dropout = 0, epochs = 20 }
for i = 1, #arg, 2 do
  local name = (arg[i]:match("^%-%-(.*)") or ""):gsub("-", "_")
  options[name] = options[name] and tonumber(arg[i + 1]) or error("options: --length, --units, --recurrent-dropout, --epochs", 0)
end
local T, HALF = options.length, math.floor(options.length / 2)
mg.set_random_seed(1)

-- Rows (N, T, 2) of numbers and marks, one in each half, and sums (N, 1).
local function examples(count)
  local function mark(first, last)
    local place = mg.random.uniform({ count }, first, last):floor():clip(first, last - 1):to("int32")
    return mg.ops.one_hot(place, T, "float32")
  end
  local numbers = mg.random.uniform { count, T, 1 }
  local marks = (mark(0, HALF) + mark(HALF, T)):reshape { count, T, 1 }
  return mg.ops.concat({ numbers, marks }, 3), (numbers * marks):sum(2)
end

local model = mg.Sequential {
  mg.layers.Input { shape = { T, 2 } },
  mg.layers.GRU(options.units, { recurrent_dropout = options.recurrent_dropout }),
  mg.layers.Dense(1),
}
model:compile { optimizer = mg.optimizers.Adam { learning_rate = 0.005, global_clipnorm = 1 }, loss = "mse" }

local begin = os.time()
local validation = { examples(1000) }
local test_x, test_y = examples(10000)
-- Every epoch draws 100 new batches; the weights that are best on the validation rows are kept.
local best, weights = math.huge, nil
for epoch = 1, options.epochs do
  local x, y = examples(6400)
  local history = model:fit(x, y, { batch_size = 64, verbose = 0, validation_data = validation }).history
  print(("epoch %2d: loss %.5f, validation %.5f"):format(epoch, history.loss[1], history.val_loss[1]))
  if history.val_loss[1] < best then best, weights = history.val_loss[1], model:get_weights() end
end
model:set_weights(weights)
print(("T = %d: test MSE %.6f (always 1: 0.1767), %d s"):format(T, model:evaluate(test_x, test_y, { verbose = 0 }),
  os.time() - begin))
