-- The text example's whole training step, embedding to optimizer: reads `step N` lines, answers milliseconds per step.
local mg = require "moongate"
local terminal = require "moongate.terminal"

local VOCABULARY, FEATURES, UNITS, BATCH, LENGTH = 96, 64, 256, 64, 100

mg.set_threads(tonumber(os.getenv("BENCH_THREADS") or "2"))
mg.set_random_seed(1)
local model = mg.Sequential {
  mg.layers.Embedding(VOCABULARY, FEATURES), mg.layers.GRU(UNITS, { return_sequences = true }), mg.layers.Dense(VOCABULARY),
}
model:compile { optimizer = mg.optimizers.Adam(4e-3), loss = mg.losses.SparseCategoricalCrossentropy { from_logits = true } }

local function random_ids()
  return (mg.random.uniform({ BATCH, LENGTH }, 0, VOCABULARY)):to("int32")
end
local x, y = random_ids(), random_ids()

for _ = 1, 3 do model:train_on_batch(x, y) end
for line in io.lines() do
  local steps = tonumber(line:match("^step (%d+)"))
  if steps then
    local began = terminal.now()
    for _ = 1, steps do model:train_on_batch(x, y) end
    io.stdout:write(("%.6f\n"):format((terminal.now() - began) * 1e3 / steps))
    io.stdout:flush()
  end
end
