-- Every declared option of every class, every option of the callbacks and of fit, evaluate, predict and compile, with values that
-- nobody means: they work, or the message is written for the reader.
local mg = require "moongate"

local VALUES = {
  true, false, "", "x", "relu", 0, 1, -1, 2.5, 0 / 0, math.huge, -math.huge, 2 ^ 53, {}, { 1 }, { -1 }, { 0 / 0 }, { "x" },
  { mg.null }, { unknown = 1 }, { class_name = "Foo" }, { class_name = 3 }, { class_name = "L2", config = { l2 = -1 } },
  { class_name = "L2", config = 3 }, { class_name = "relu", config = 3 }, mg.null, function() end, 5LL, mg.ones { 2 },
  mg.layers.Dense, mg.layers.Dense(2), coroutine.create(print),
}

-- Options without which a class cannot be made.
local NEEDED = {
  Dense = { units = 2 }, GRU = { units = 2 }, GRUCell = { units = 2 }, Embedding = { input_dim = 3, output_dim = 2 },
  Dropout = { rate = 0.5 }, Activation = { activation = "relu" }, Reshape = { target_shape = { 2 } },
  InputLayer = { shape = { 3 } }, RNN = { cell = mg.layers.GRUCell(2) },
  LSTM = { units = 2 }, SimpleRNN = { units = 2 }, LSTMCell = { units = 2 },
  SimpleRNNCell = { units = 2 }, StackedRNNCells = { cells = { mg.layers.GRUCell(2) } },
  Bidirectional = { layer = mg.layers.GRU(2) }, TimeDistributed = { layer = mg.layers.Dense(2) },
  Conv1D = { filters = 2, kernel_size = 1 }, Permute = { dims = { 1 } }, RepeatVector = { n = 2 }, Dot = { axes = 1 },
  SpatialDropout1D = { rate = 0.5 }, AlphaDropout = { rate = 0.5 }, GaussianDropout = { rate = 0.5 },
  GaussianNoise = { stddev = 0.5 }, Rescaling = { scale = 2 }, Lambda = { ["function"] = function(x) return x end },
  STFTInitializer = { side = "real" },
  ExponentialDecay = { initial_learning_rate = 0.1, decay_steps = 2, decay_rate = 0.5 },
  CosineDecay = { initial_learning_rate = 0.1, decay_steps = 2 },
  PiecewiseConstantDecay = { boundaries = { 1 }, values = { 1, 2 } },
}
local INPUTS = {
  Embedding = mg.zeros({ 2, 3 }, { dtype = "int32" }), GRU = mg.ones { 2, 3, 2 }, RNN = mg.ones { 2, 3, 2 },
  LSTM = mg.ones { 2, 3, 2 }, SimpleRNN = mg.ones { 2, 3, 2 }, Bidirectional = mg.ones { 2, 3, 2 },
  TimeDistributed = mg.ones { 2, 3, 2 },
  Masking = mg.ones { 2, 2, 2 },
}
for _, name in ipairs { "Conv1D", "MaxPooling1D", "AveragePooling1D", "GlobalMaxPooling1D", "GlobalAveragePooling1D",
  "ZeroPadding1D", "Cropping1D", "UpSampling1D", "SpatialDropout1D" } do INPUTS[name] = mg.ones { 2, 3, 2 } end
local square = mg.ones { 2, 2 }
for _, name in ipairs { "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot" } do
  INPUTS[name] = { square, square }
end
for _, name in ipairs { "Attention", "AdditiveAttention" } do INPUTS[name] = { mg.ones { 2, 3, 2 }, mg.ones { 2, 4, 2 } } end

-- What is done with an object of each kind.
local USES = {
  layers = function(object, name) object(INPUTS[name] or square, { training = true }) end,
  initializers = function(object) object { 2, 2 } end,
  regularizers = function(object) object(square) end,
  constraints = function(object) object(square) end,
  schedules = function(object) object(2) end,
  losses = function(object) object(square, square) end,
  metrics = function(object, name)
    object:update_state(square, name ~= "Mean" and name ~= "Sum" and square or nil)
    object:result()
  end,
  optimizers = function(object)
    local v = mg.Variable(mg.ones { 2 })
    for _ = 1, 2 do object:apply({ mg.ones { 2 } }, { v }) end
  end,
}

local function complaint(message)
  if type(message) ~= "string" then return "the error is a " .. type(message) end
  for _, sign in ipairs { "attempt to ", "bad argument #", "invalid value (", "has no member", "has no '", "/lua/moongate/" } do
    if message:find(sign, 1, true) then return message end
  end
end

-- Calls f(value) for every value and collects what is no message for a reader.
local function each_value(what, faults, f)
  for i = 1, #VALUES do
    local ok, message = pcall(f, VALUES[i])
    local fault = not ok and complaint(message)
    if fault then faults[#faults + 1] = ("%s = %s: %s"):format(what, tostring(VALUES[i]), fault) end
  end
end

local function with(base, name, value)
  local options = { [name] = value }
  for key, other in pairs(base or {}) do
    if key ~= name then options[key] = other end
  end
  return options
end

local function none(faults) assert(#faults == 0, table.concat(faults, "\n", 1, math.min(#faults, 8))) end

local function compiled(options)
  local model = mg.Sequential { mg.layers.Dense(1) }
  model:compile(options or { optimizer = "sgd", loss = "mse" })
  return model
end

local x, y = mg.ones { 2, 2 }, mg.ones { 2, 1 }

describe("hostile options:", function()
  local stderr = io.stderr
  before_each(function()
    mg.set_floatx "float32"
    io.stderr = { write = function() end } -- luacheck: ignore
  end)
  after_each(function() io.stderr = stderr end) -- luacheck: ignore

  for kind, use in pairs(USES) do
    local module = kind == "schedules" and mg.optimizers.schedules or mg[kind]
    local names = (getmetatable(module) or {}).names or module
    it(kind, function()
      local faults = {}
      for name in pairs(names) do
        local C = module[name]
        for _, field in ipairs(type(C) == "table" and rawget(C, "fields") or {}) do
          each_value(("%s.%s %s"):format(kind, name, field[1]), faults, function(value)
            local object = C(with(NEEDED[C.name], field[1], value))
            if object.get_config then tostring(object:get_config()) end
            use(object, name)
          end)
        end
      end
      none(faults)
    end)
  end

  local CALLBACKS = {
    EarlyStopping = { {}, "monitor min_delta patience verbose mode baseline restore_best_weights start_from_epoch" },
    ModelCheckpoint = { { filepath = "/dev/null/w.weights.h5" },
      "filepath monitor verbose save_best_only save_weights_only mode save_freq initial_value_threshold save_state" },
    CSVLogger = { { filename = "/dev/null" }, "separator append" },
    LearningRateScheduler = { { schedule = function(_, rate) return rate end }, "schedule verbose" },
  }
  for name, entry in pairs(CALLBACKS) do
    it(name, function()
      local faults, show = {}, print
      _G.print = function() end -- luacheck: ignore
      for option in entry[2]:gmatch("%S+") do
        each_value(name .. " " .. option, faults, function(value)
          local callback = mg.callbacks[name](with(entry[1], option, value))
          compiled():fit(x, y, { verbose = 0, epochs = 2, validation_data = { x, y }, callbacks = { callback } })
        end)
      end
      _G.print = show -- luacheck: ignore
      none(faults)
    end)
  end

  local CALLS = {
    fit = [[batch_size callbacks validation_split validation_data shuffle class_weight sample_weight initial_epoch steps_per_epoch
      validation_steps validation_batch_size validation_freq]],
    evaluate = "batch_size sample_weight steps callbacks return_dict",
    predict = "batch_size steps callbacks",
  }
  for name, options in pairs(CALLS) do
    it(name, function()
      local faults = {}
      for option in options:gmatch("%S+") do
        each_value(name .. " " .. option, faults, function(value)
          local model = compiled()
          local given = with({ verbose = 0 }, option, value)
          if name == "predict" then model:predict(x, given) else model[name](model, x, y, given) end
        end)
      end
      none(faults)
    end)
  end

  it("verbose", function()
    for _, value in ipairs { "x", {}, -1, 3, 1.5, print } do
      for name in pairs(CALLS) do
        local model = compiled()
        local ok, message = pcall(model[name], model, x, name ~= "predict" and y or { verbose = value }, { verbose = value })
        assert.is_false(ok)
        assert.matches("verbose", message)
      end
    end
  end)

  it("compile", function()
    local faults = {}
    for _, option in ipairs { "optimizer", "loss", "metrics", "weighted_metrics" } do
      each_value("compile " .. option, faults, function(value)
        compiled(with({ optimizer = "sgd", loss = "mse" }, option, value)):fit(x, y, { verbose = 0 })
      end)
    end
    none(faults)
  end)
end)
