-- Configs that are wrong: every value of every class's config is replaced by values of other kinds. A reader may take them or
-- refuse them with a message that names the path; it may not crash, hang or say something about its own code.
local mg = require "moongate"

local WRONG = { "text", "", "4", -1, 0, 2.5, 1e300, 0 / 0, math.huge, true, false, mg.null, {}, { 1, 2 }, { -1, "a" }, { a = 1 },
  mg.json.array {}, mg.json.object {}, { class_name = "Nothing", config = {} }, { class_name = 3 }, { class_name = "Dense" },
  { class_name = "Zeros", config = { nothing = 1 } }, { class_name = "L1", config = { l1 = -1 } }, { name = "WeightRegularizer" },
  { class_name = "function", config = 3 }, { module = 1, class_name = "Zeros", config = "x", registered_name = {} } }

-- Options of the classes that need some.
local NEEDED = {
  GRU = { units = 2 }, GRUCell = { units = 2 }, LSTM = { units = 2 }, LSTMCell = { units = 2 }, SimpleRNN = { units = 2 },
  SimpleRNNCell = { units = 2 }, Dense = { units = 2 }, Embedding = { input_dim = 3, output_dim = 2 }, Dropout = { rate = 0.5 },
  Activation = { activation = "tanh" }, Reshape = { target_shape = { 2 } }, Permute = { dims = { 2, 1 } }, RepeatVector = { n = 2 },
  Conv1D = { filters = 2, kernel_size = 3 }, Dot = { axes = 1 }, GaussianNoise = { stddev = 0.1 }, GaussianDropout = { rate = 0.5 },
  AlphaDropout = { rate = 0.5 }, SpatialDropout1D = { rate = 0.5 }, InputLayer = { shape = { 2 } }, Rescaling = { scale = 2 },
  STFTInitializer = { side = "real" }, IoU = { num_classes = 2, target_class_ids = { 0 } }, MeanIoU = { num_classes = 2 },
  OneHotIoU = { num_classes = 2, target_class_ids = { 0 } }, OneHotMeanIoU = { num_classes = 2 },
  PrecisionAtRecall = { recall = 0.5 }, RecallAtPrecision = { precision = 0.5 }, SensitivityAtSpecificity = { specificity = 0.5 },
  SpecificityAtSensitivity = { sensitivity = 0.5 },
  ExponentialDecay = { initial_learning_rate = 1, decay_steps = 2, decay_rate = 0.5 },
  InverseTimeDecay = { initial_learning_rate = 1, decay_steps = 2, decay_rate = 0.5 },
  PolynomialDecay = { initial_learning_rate = 1, decay_steps = 2 }, CosineDecay = { initial_learning_rate = 1, decay_steps = 2 },
  CosineDecayRestarts = { initial_learning_rate = 1, first_decay_steps = 2 },
  PiecewiseConstantDecay = { boundaries = { 1 }, values = { 1, 2 } },
}
NEEDED.RNN = function() return { cell = mg.layers.GRUCell(2) } end
NEEDED.StackedRNNCells = function() return { cells = { mg.layers.GRUCell(2) } } end
NEEDED.Bidirectional = function() return { layer = mg.layers.GRU(2) } end
NEEDED.Lambda = function()
  return { ["function"] = mg.utils.register_keras_serializable("hostile", "twice")(function(x) return x * 2 end) }
end
NEEDED.LossScaleOptimizer = function() return { inner_optimizer = mg.optimizers.SGD() } end
NEEDED.TimeDistributed = function() return { layer = mg.layers.Dense(2) } end

-- Every class of a module that can be written and made from its config, once.
local function classes_of(module, names)
  local list, seen = {}, {}
  for _, name in ipairs(names) do
    local C = module[name]
    if type(C) == "table" and rawget(C, "from_config") and not seen[C] and C ~= mg.layers.Layer then
      seen[C] = true
      list[#list + 1] = C
    end
  end
  return list
end

local function sorted_names(entries)
  local names = {}
  for name in pairs(entries) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function all_classes()
  local list = classes_of(mg.layers, mg.layers.names())
  for _, module in ipairs { mg.initializers, mg.regularizers, mg.constraints, mg.losses, mg.metrics, mg.optimizers,
    mg.optimizers.schedules } do
    for _, C in ipairs(classes_of(module.registry.entries, sorted_names(module.registry.entries))) do list[#list + 1] = C end
  end
  return list
end

local function copy_of(value)
  if type(value) ~= "table" or value == mg.null then return value end
  local copy = {}
  for key, item in pairs(value) do copy[key] = copy_of(item) end
  return copy
end

-- Calls f(config with one value replaced, key) for every value of a config, nested ones too.
local function mutations(config, f)
  local function walk(container)
    for _, key in ipairs(sorted_names(container)) do
      local value = container[key]
      for _, wrong in ipairs(WRONG) do
        container[key] = wrong
        f(config, key)
      end
      container[key] = value
      if type(value) == "table" and value ~= mg.null and not value[1] then walk(value) end
    end
  end
  walk(config)
end

local function object_of(C)
  local needed = NEEDED[C.name]
  if type(needed) == "function" then needed = needed() end
  return C(needed or {})
end

-- A message that a user may see: of the reader, at a line of the caller, with the path.
local function is_clean(message)
  if type(message) ~= "string" or not message:find("config", 1, true) then return false end
  for _, words in ipairs { "attempt to", "bad argument", "stack overflow" } do
    if message:find(words, 1, true) then return false end
  end
  return true
end

local function try(C, config, dialect, key)
  local ok, message = pcall(C.from_config, config, { dialect = dialect })
  if ok or is_clean(message) then return end
  error(("%s with another %s (%s): %s"):format(C.name, key, tostring(config[key]), tostring(message)), 0)
end

describe("hostile configs", function()
  for _, dialect in ipairs { "keras3", "tf2" } do
    it("are taken or refused with their path, " .. dialect, function()
      local count = 0
      for _, C in ipairs(all_classes()) do
        local config = copy_of(object_of(C):get_config(dialect))
        mutations(config, function(changed, key)
          count = count + 1
          try(C, changed, dialect, key)
        end)
      end
      assert.is_true(count > 5000)
    end)
  end

  -- A functional model whose layers, nodes and ends are each replaced.
  it("of whole models are refused with their path", function()
    local input = mg.Input { shape = { 3, 2 }, name = "in" }
    local model = mg.Model { inputs = input, outputs = mg.layers.Dense(1)(mg.layers.GRU(2)(input)), name = "m" }
    local wrong = { "text", -1, 0 / 0, true, { 1, 2 }, mg.json.object {}, { class_name = "Dense" } }
    local function attempt(config, path)
      local ok, message = pcall(mg.models.model_from_json, mg.json.encode(config))
      if not ok and not is_clean(message) then error(path .. ": " .. tostring(message), 0) end
    end
    local function walk(top, value, path, depth)
      for key, item in pairs(copy_of(value)) do
        local original = value[key]
        for _, each in ipairs(wrong) do
          value[key] = each
          attempt(top, path .. "." .. key)
        end
        value[key] = original
        if type(item) == "table" and item ~= mg.null and depth < 5 then walk(top, original, path .. "." .. key, depth + 1) end
      end
    end
    for _, dialect in ipairs { "keras3", "tf2" } do
      local top = mg.json.decode(model:to_json(dialect))
      walk(top, top, "model", 1)
    end
  end)

  it("as wholes are refused too", function()
    for _, wrong in ipairs(WRONG) do
      for _, f in ipairs { mg.layers.deserialize, mg.layers.Dense.from_config, mg.initializers.deserialize,
        mg.optimizers.deserialize, mg.losses.deserialize } do
        local ok, message = pcall(f, wrong)
        assert.is_true(ok or (type(message) == "string" and not message:find("attempt to", 1, true)), tostring(message))
      end
    end
  end)

  it("that hold themselves or go very deep end in an error", function()
    local ring = { class_name = "RNN", config = {} }
    ring.config.cell = ring
    local ok, message = pcall(mg.layers.deserialize, ring)
    assert.is_false(ok)
    assert.matches("nested too deep", message, 1, true)
    local deep = "1"
    for _ = 1, 300 do deep = '{"class_name": "RNN", "config": {"cell": ' .. deep .. "}}" end
    assert.is_false(pcall(mg.layers.deserialize, deep))
    assert.is_false(pcall(mg.layers.deserialize, ("["):rep(100000)))
  end)
end)
