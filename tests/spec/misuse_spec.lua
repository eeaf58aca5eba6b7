-- What a newcomer writes wrong: each gets a message that names what is wrong, at their own line, and nothing crashes.
local command = require "command"
local mg = require "moongate"
local layers = mg.layers

-- The message of f(...), which has to point at this file.
local function message(f, ...)
  local ok, text = pcall(f, ...)
  assert.is_false(ok)
  assert.matches("misuse_spec%.lua:%d+: ", text)
  return (text:gsub("^[^:]*misuse_spec%.lua:%d+: ", ""))
end

local function has(part, f, ...) assert.matches(part, message(f, ...), 1, true) end

local function model(loss, options)
  local m = mg.Sequential { layers.Input { 4 }, layers.Dense(2) }
  options = options or {}
  options.optimizer, options.loss = options.optimizer or "sgd", loss or "mse"
  m:compile(options)
  return m
end

local x, y = mg.ones(6, 4), mg.zeros(6, 2)

describe("a tensor whose fields were assigned", function()
  it("is refused before memory is read by them", function()
    local changes = {
      function(t) t.shape = { 1e8 } end,
      function(t) t.shape = "4" end,
      function(t) t.shape[1] = 1e8 end,
      function(t) t.count = 1e8 end,
      function(t) t.dtype = "float64" end,
    }
    for _, change in ipairs(changes) do
      local t = mg.zeros { 2 }
      change(t)
      has("fields shape, dtype and count of a tensor were changed", function() return tostring(t) end)
      has("fields shape, dtype and count of a tensor were changed", function() return t:to_table() end)
      has("fields shape, dtype and count of a tensor were changed", function() return t:data() end)
    end
  end)
end)

describe("creation", function()
  it("refuses tables with missing entries", function()
    has("tensor: entry[2] is nil and entries follow it", function() return mg.tensor { 1, nil, 3 } end)
    has("tensor: entry[1][2] is nil and entries follow it", function() return mg.tensor { { 1, nil, 3 }, { 3, 4, 5 } } end)
  end)

  it("takes the dtype alone for the options", function()
    assert.equal("int32", mg.zeros({ 2 }, "int32").dtype)
    assert.equal("float64", mg.ones(2, 3, "float64").dtype)
    has('argument dtype is "int16"', function() return mg.zeros({ 2 }, "int16") end)
  end)
end)

describe("a call of a layer", function()
  it("takes no second tensor for options, and true or false for training", function()
    local h = mg.ones { 2, 4 }
    has("options are tensor {2, 4} float32, expected a table; likely fix: layer(x, { initial_state = h })",
      function() return layers.GRU(4)(mg.ones { 2, 3, 5 }, h) end)
    has("likely fix: layer({ a, b })", function() return layers.Add()(h, h) end)
    has("argument training is 1, expected true or false", function() return layers.Dropout(0.5)(h, { training = 1 }) end)
  end)

  it("on symbolic tensors wants states and masks that fit, one tensor, and steps to build for", function()
    local steps, states = mg.Input { 5, 3 }, "initial_state has shape (None, 5), expected (None, 4)"
    has(states, function() return layers.GRU(4)(steps, { initial_state = mg.Input { 5 } }) end)
    has("initial_state has 1 states, expected 2", function() return layers.LSTM(4) { steps, mg.Input { 4 } } end)
    has("mask has shape (None, 6), expected (None, 5)", function() return layers.GRU(4)(steps, { mask = mg.Input { 6 } }) end)
    assert.same({ mg.null, 4 }, layers.GRU(4)(steps, { initial_state = mg.ones { 2, 4 }, mask = mg.Input { mg.null } }).shape)
    has("input is a list of 2 tensors, expected one tensor", function() return layers.Dense(2) { steps, steps } end)
    has('GRU "built": input (3, 4) has 2 dimensions', function() layers.GRU(4, { name = "built" }):build { 3, 4 } end)
  end)

  it("names return_sequences where a recurrent layer gets no steps", function()
    has("likely fix: return_sequences = true in a recurrent layer before", function()
      return mg.Sequential { layers.Input { 4, 3 }, layers.GRU(3), layers.GRU(3) }
    end)
  end)
end)

describe("an object that is called", function()
  it("says that its class has no such thing", function()
    local data = mg.data.from_tensors(mg.ones { 3 }):batch(2)
    has("Dataset: a Dataset is no function, and no iterator; likely fix: for x, y in dataset:iterate() do",
      function() for _ in data do break end end) -- luacheck: ignore
    has("Adam: a Adam is no function", function() mg.optimizers.Adam()(1) end)
  end)
end)

describe("an option of Keras 2 or PyTorch", function()
  it("is answered with what there is instead", function()
    has('unknown option "input_shape"; likely fix: mg.layers.Input { steps, features } as the first layer of the model; known',
      function() return layers.GRU(4, { input_shape = { 5, 3 } }) end)
    has('unknown option "lr"; likely fix: learning_rate', function() return mg.optimizers.Adam { lr = 0.1 } end)
    has('unknown option "hidden_size"; likely fix: units', function() return layers.GRU { hidden_size = 4 } end)
  end)
end)

describe("a class of one's own and a list of one layer", function()
  it("are made as the classes want it", function()
    has("Callback:extend (with a colon): argument parent is \"Log\"", function() mg.callbacks.Callback.extend("Log") end)
    has("Layer.extend (with a dot): argument name is class Layer", function() layers.Layer:extend("Scale") end)
    has("argument layers is <GRU name=one, built=false>, expected a list; likely fix: mg.Sequential { layer, ... }",
      function() return mg.Sequential(layers.GRU(3, { name = "one" })) end)
  end)
end)

describe("a class instead of an object", function()
  it("is no layer and no callback", function()
    has("argument layer is class Dense, expected a layer", function() return mg.Sequential { layers.Dense } end)
    has("callbacks[1] is class EarlyStopping, expected a callback", function()
      model():fit(x, y, { verbose = 0, callbacks = { mg.callbacks.EarlyStopping } })
    end)
  end)

  it("stands for a metric's defaults", function()
    local history = model("mse", { metrics = { mg.metrics.MeanSquaredError } }):fit(x, y, { verbose = 0 }).history
    assert.near(history.loss[1], history.mean_squared_error[1], 1e-6)
  end)

  it("has a dot before extend", function()
    has("argument name is class Layer, expected a string", function() return layers.Layer:extend "Mine" end)
  end)
end)

describe("a cell in Lua", function()
  local function cell(call) return { state_size = 3, output_size = 3, call = call } end

  it("may be a plain table", function()
    local sums = cell(function(_, input, states)
      local h = states[1] + input:sum(-1, true)
      return h, { h }
    end)
    assert.same({ { 12, 12, 12 } }, layers.RNN(sums)(mg.ones { 1, 3, 4 }):to_table())
    has("get_config: the cell is a plain table", function() return layers.RNN(sums):get_config() end)
  end)

  it("has to return an output and its states", function()
    local input = mg.ones { 2, 3, 4 }
    has("cell:call returned nil as output", function() return layers.RNN(cell(function() end))(input) end)
    has("cell:call returned nil as states", function()
      return layers.RNN(cell(function(_, step) return step end))(input)
    end)
    has("as state 1, expected a tensor {2, 3}", function()
      return layers.RNN(cell(function(_, step) return step, { step } end))(input)
    end)
  end)
end)

describe("training", function()
  it("names a metric function that returns nothing", function()
    has("metric: the metric function returned nil", function()
      model("mse", { metrics = { function() end } }):fit(x, y, { verbose = 0 })
    end)
  end)

  it("wants class ids and numbers in class_weight", function()
    local ids = mg.zeros({ 6 }, "int32")
    local wrong = { ['class id is "a"'] = { a = 1 }, ["class id is -1"] = { [-1] = 1 }, ["weight of class 0 is"] = { [0] = "x" } }
    for part, weights in pairs(wrong) do
      has(part, function()
        model("sparse_categorical_crossentropy"):fit(x, ids, { verbose = 0, class_weight = weights })
      end)
    end
  end)

  it("warns once when the data hold fewer batches than a limit asks for", function()
    local path = command.file [[
local mg = require "moongate"
local model = mg.Sequential { mg.layers.Dense(1) }
model:compile { loss = "mse", optimizer = "sgd" }
local x = mg.ones(8, 2)
model:fit(x, mg.ones(8, 1), { batch_size = 4, steps_per_epoch = 2, epochs = 2, verbose = 0 })
model:fit(x, mg.ones(8, 1), { batch_size = 4, steps_per_epoch = 5, epochs = 3, verbose = 0 })
]]
    local text = command.run(path)
    os.remove(path)
    assert.equal("moongate: Your input ran out of data; interrupting training. It gave 2 of the 5 batches that steps_per_epoch "
      .. "asks for.\n", text)
  end)

  it("refuses class ids that are no whole numbers, but in rows of weight 0", function()
    local labels = mg.tensor { 0, 1, 0, 1, 0, 1 }
    for _, options in ipairs { {}, { class_weight = { [0] = 2 } } } do
      options.epochs, options.verbose = 1, 0
      for _, bad in ipairs { 0 / 0, 0.5, 1 / 0, -1.5 } do
        labels:slice(1, 3, 3):fill_(bad)
        has(("labels hold %g in row"):format(bad), function()
          model("sparse_categorical_crossentropy"):fit(x, labels, options)
        end)
        if not options.class_weight then
          local weighted = { sample_weight = mg.tensor { 1, 1, 0, 1, 1, 1 }, verbose = 0 }
          model("sparse_categorical_crossentropy"):fit(x, labels, weighted)
        end
      end
    end
  end)

  it("takes a table of tensors by name for targets", function()
    has('argument y: unknown option "densse"', function() model():fit(x, { densse = y }) end)
    has("validation_data is tensor {6, 4} float32, expected a list { x, y }", function()
      model():fit(x, y, { validation_data = x })
    end)
  end)

  it("names the loss whose targets do not fit", function()
    has("mean_squared_error: y_true (6,) does not fit y_pred (6, 2)", function()
      model():fit(x, mg.zeros { 6 }, { verbose = 0 })
    end)
    has("binary_crossentropy: y_true (6, 1) does not fit y_pred (6, 2)", function()
      model("binary_crossentropy"):fit(x, mg.zeros { 6, 1 }, { verbose = 0 })
    end)
    has("categorical_crossentropy: y_true (6, 1) does not fit y_pred (6, 2)", function()
      model("categorical_crossentropy"):fit(x, mg.zeros { 6, 1 }, { verbose = 0 })
    end)
  end)

  it("refuses a learning rate that is no number", function()
    local m = model()
    has('argument learning_rate is "fast", expected a number', function() m.optimizer.learning_rate = "fast" end)
    assert.near(0.01, m.optimizer.learning_rate, 1e-9)
  end)

  it("sets an optimizer's learning rate by Keras 2's name too", function()
    local optimizer = mg.optimizers.SGD(0.5)
    optimizer.lr = 3
    assert.equal(3, optimizer.learning_rate)
    assert.equal(3, optimizer.lr)
    has('argument learning_rate is "fast", expected a number', function() optimizer.lr = "fast" end)
  end)
end)

describe("weights that no memory holds", function()
  it("are refused before any is filled", function()
    has("weight kernel (1000, 1000000000) takes 4000000000000 bytes", function() layers.Dense(1e9)(mg.ones { 1, 1000 }) end)
    local started = os.clock()
    has("weight recurrent_kernel (1000000000, 3000000000) takes 12000000000000000000 bytes", function()
      layers.GRU(1e9)(mg.ones { 1, 1, 1 })
    end)
    has("weight recurrent_kernel (1000000000, 4000000000)", function() layers.LSTM(1e9)(mg.ones { 1, 1, 1 }) end)
    has("weight recurrent_kernel (1000000000, 1000000000)", function() layers.SimpleRNN(1e9)(mg.ones { 1, 1, 1 }) end)
    assert.is_true(os.clock() - started < 1)
  end)
end)

describe("a Lambda whose function gives nothing", function()
  it("says so", function()
    has("the function gave nothing, expected a tensor", function() layers.Lambda(function() end)(x) end)
  end)
end)
