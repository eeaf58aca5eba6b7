-- Nine speakers told apart by one vowel each: sequences of 7 to 29 steps, padded and masked (Kudo, Toyama & Shimbo 1999). Every
-- fifth training sequence is kept for validation.
--   moongate examples/japanese_vowels.lua [train.npz test.npz]
local mg = require "moongate"
mg.set_random_seed(1)

local LONGEST, SOURCE = 29, "the UCI archive, as in github.com/sktime/sktime, sktime/datasets/data/JapaneseVowels"

-- Sequences (N, 29, 12), zeros behind the end, and class ids (N).
local function read(part, given)
  local arrays = mg.data.npz.load(mg.data.path("japanese_vowels/" .. part .. ".npz", SOURCE, given))
  local sequences, first = {}, 1
  for i, length in ipairs(arrays.lengths:to_flat_table()) do
    sequences[i] = arrays.x:slice(1, first, first + length - 1)
    first = first + length
  end
  return mg.utils.pad_sequences(sequences, { maxlen = LONGEST, padding = "post", dtype = "float32" }), arrays.y:to("int32")
end

local x, y = read("train", arg[1])
local test_x, test_y = read("test", arg[2])

local function rows(t, kept)
  local ids = {}
  for i = 0, t.shape[1] - 1 do
    if (i % 5 == 0) == kept then ids[#ids + 1] = i end
  end
  return mg.ops.gather(t, mg.tensor(ids, { dtype = "int32" }))
end

local model = mg.Sequential {
  mg.layers.Input { shape = { LONGEST, 12 } },
  mg.layers.Masking(),
  mg.layers.GRU(96, { dropout = 0.2, recurrent_dropout = 0.3 }),
  mg.layers.Dropout(0.5),
  mg.layers.Dense(9),
}
model:compile { optimizer = mg.optimizers.Adam(0.005), loss = mg.losses.SparseCategoricalCrossentropy { from_logits = true },
  metrics = { "accuracy" } }

local begin = os.time()
local stop = mg.callbacks.EarlyStopping { patience = 40, restore_best_weights = true }
model:fit(rows(x, false), rows(y, false), { epochs = 150, batch_size = 16, callbacks = { stop },
  validation_data = { rows(x, true), rows(y, true) } })
local _, accuracy = model:evaluate(test_x, test_y, { verbose = 0 })
print(("test accuracy %.3f (published: 0.941, hidden Markov model 0.962), %d s"):format(accuracy, os.time() - begin))
