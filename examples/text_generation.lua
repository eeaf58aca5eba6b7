-- A GRU learns to write text, character by character, as in TensorFlow's text-generation tutorial.
--   moongate examples/text_generation.lua [options]
local mg = require "moongate"

local HELP = [[
Trains a character GRU on a text and lets it write.
  --file F           the text (default: Debian's fortunes, /usr/share/games/fortunes)
  --epochs 4         --steps 150        batches an epoch
  --batch 64         --length 100       characters in a window
  --units 256        --seed 1           --temperature 0.5
  --save NAME        files NAME.weights.h5 (best) and NAME.last.* (for --resume); default text_generation
  --resume           goes on where NAME.last stopped
]]
local DEFAULTS = {
  epochs = 4, steps = 150, batch = 64, length = 100, units = 256, seed = 1, temperature = 0.5,
}
local FORTUNES, EMBEDDING, RATE, HELD_OUT = "/usr/share/games/fortunes", 64, 4e-3, 0.05

local function stop(message)
  io.stderr:write("text_generation: ", message, "\n")
  os.exit(2)
end

local function expect_positive(name, value)
  local whole = name ~= "temperature"
  local least = name == "seed" and 0 or whole and 1 or 0.01
  if value ~= value or value < least or value == math.huge or (whole and value % 1 ~= 0) then
    stop(("--%s is %s, expected a %snumber >= %s"):format(name, value, whole and "whole " or "", least))
  end
end

local function options_of(arguments)
  local options, i = { resume = false }, 1
  for name, value in pairs(DEFAULTS) do options[name] = value end
  while arguments[i] do
    local name = arguments[i]:match("^%-%-(%w+)$")
    if name == "help" then io.write(HELP) os.exit(0) end
    if name == "resume" then
      options.resume, i = true, i + 1
    elseif name == "file" or name == "save" or DEFAULTS[name] then
      local value = arguments[i + 1]
      if name ~= "file" and name ~= "save" then value = tonumber(value) end
      if value == nil then stop("--" .. name .. " needs a " .. (DEFAULTS[name] and "number" or "value")) end
      if DEFAULTS[name] then expect_positive(name, value) end
      options[name], i = value, i + 2
    else
      stop("unknown option " .. arguments[i] .. "\n" .. HELP)
    end
  end
  return options
end

-- Where files go without --save: here, or where nothing may be written here, among the temporary ones.
local function default_save()
  local name = "text_generation"
  local probe = io.open(name .. ".probe", "w")
  if not probe then
    name = ("%s/%s-%s"):format(os.getenv("TMPDIR") or "/tmp", name, os.getenv("USER") or "user")
    io.stderr:write("text_generation: this folder is read-only; the weights go to ", name, ".weights.h5\n")
    return name
  end
  probe:close()
  os.remove(name .. ".probe")
  return name
end

-- All plain files of the fortunes package, in order of name; links (.u8) and indexes (.dat) are left out.
local function fortunes()
  local names, parts = {}, {}
  local list = io.popen("ls " .. FORTUNES .. " 2>/dev/null")
  for name in list:lines() do
    if not name:match("%.u8$") and not name:match("%.dat$") then names[#names + 1] = name end
  end
  list:close()
  if #names == 0 then stop("no text in " .. FORTUNES .. "; apt-get install fortunes, or give --file FILE") end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = assert(mg.data.read_text(FORTUNES .. "/" .. name)) end
  return table.concat(parts)
end

local function read(file)
  if not file then return fortunes() end
  local text, message = mg.data.read_text(file)
  return text or stop(message)
end

-- Writes `count` characters one step at a time: the stream keeps the state, the drawn character is the next input.
local function write(model, vocabulary, o, count, keys)
  local stream, id, ids = model:stream(), vocabulary:encode("\n"):item(), {}
  local never = mg.zeros(1, vocabulary.size)
  never[{ 1, 1 }] = -1e9 -- id 0, the unknown character, is not written
  for i = 1, count do
    id = mg.random.categorical(stream:step(id) / o.temperature + never, { key = keys:next() }):item()
    ids[i] = id
  end
  return vocabulary:decode(ids)
end

local function windows(ids, length, batch)
  length = math.min(length, ids.shape[1] - 1)
  return mg.data.windows(ids, { length = length, shift = length, target = "sequence" }):batch(batch)
end

local function build(vocabulary, o)
  local model = mg.Sequential {
    -- Vectors of about unit size, as PyTorch begins: Keras's default of 0.05 costs the first epoch.
    mg.layers.Embedding(vocabulary.size, EMBEDDING, { embeddings_initializer = mg.initializers.RandomNormal { stddev = 1 } }),
    mg.layers.GRU(o.units, { return_sequences = true }),
    mg.layers.Dense(vocabulary.size),
  }
  model:build { mg.null, mg.null }
  model:compile {
    optimizer = mg.optimizers.Adam(mg.optimizers.schedules.CosineDecay(RATE, { decay_steps = o.epochs * o.steps })),
    loss = mg.losses.SparseCategoricalCrossentropy { from_logits = true },
  }
  return model
end

local function bits(model, held_out) return model:evaluate(held_out, { verbose = 0 }) / math.log(2) end

-- Share of the words of three letters and more that occur in the text.
local function known_words(sample, text)
  local words, known, all = {}, 0, 0
  for word in text:gmatch("%a%a%a+") do words[word] = true end
  for word in sample:gmatch("%a%a%a+") do
    all, known = all + 1, known + (words[word] and 1 or 0)
  end
  return known, all
end

local function train(model, data, held_out, vocabulary, o)
  local best, last = o.save .. ".weights.h5", o.save .. ".last"
  local threshold
  if o.resume then
    model:load_weights(best)
    threshold = bits(model, held_out) * math.log(2)
    model:load_weights(last .. ".weights.h5")
    model:load_state(last .. ".state.h5")
  end
  model:fit(data, {
    epochs = o.epochs, initial_epoch = model.epochs_done or 0, steps_per_epoch = o.steps, validation_data = held_out,
    callbacks = {
      mg.callbacks.ModelCheckpoint { filepath = best, save_best_only = true, initial_value_threshold = threshold },
      mg.callbacks.ModelCheckpoint { filepath = last .. ".weights.h5", save_state = true },
      { on_epoch_end = function(epoch, logs)
        local sample = write(model, vocabulary, o, 120, mg.random.SeedGenerator(o.seed + epoch + 1))
        print(("\nEpoch %d: %.4f bits per character on held-out text. A sample:\n%s\n"):format(epoch + 1,
          logs.val_loss / math.log(2), sample))
        io.stdout:flush()
      end },
    },
  })
  if io.open(best) then model:load_weights(best) end
end

local o = options_of(arg)
o.save = o.save or default_save()
mg.set_random_seed(o.seed)
local text = read(o.file)
local vocabulary = mg.data.Vocabulary(text, { min_count = 10 })
local ids = vocabulary:encode(text)
local cut = math.floor(ids.shape[1] * (1 - HELD_OUT))
if ids.shape[1] - cut < 2 then stop(("a text of %d characters is too short to learn from"):format(ids.shape[1])) end
local data = windows(ids:slice(1, 1, cut), o.length, o.batch):shuffle(o.seed)
local held_out = windows(ids:slice(1, cut + 1), 10 * o.length, o.batch) -- long ones: few of their characters lack what came before
print(("%d characters, %d different ones, %d held out"):format(ids.shape[1], vocabulary.size, ids.shape[1] - cut))
local model = build(vocabulary, o)
model:summary()
train(model, data, held_out, vocabulary, o)
print(("%.2f bits per character"):format(bits(model, held_out)))
local sample = write(model, vocabulary, o, 300, mg.random.SeedGenerator(o.seed))
print("\n" .. sample)
local known, all = known_words(sample, text)
print(("\n%d of %d words of three letters and more occur in the text"):format(known, all))
