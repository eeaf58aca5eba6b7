-- Training with several inputs and outputs. The expected figures are those of keras.Model.fit (Keras 3.15.1, float64, whose metrics
-- are float32) for the same weights and data.
local assert = require "luassert"
local mg = require "moongate"

local layers = mg.layers

-- ((i * n) mod 7 - 3) / 4 for i = 0, 1, ...
local function pattern(n, ...)
  local shape, count, list = { ... }, 1, {}
  for _, size in ipairs(shape) do count = count * size end
  for i = 0, count - 1 do list[i + 1] = (i * n % 7 - 3) / 4 end
  return mg.tensor(list, { dtype = "float64" }):reshape(shape)
end

local function build(outputs_by_name)
  local o = { dtype = "float64" }
  local function dense(units, name, activation)
    return layers.Dense(units, { name = name, activation = activation, dtype = o.dtype })
  end
  local a = mg.Input { shape = { 2 }, name = "a", dtype = "float64" }
  local b = mg.Input { shape = { 2 }, name = "b", dtype = "float64" }
  local shared = dense(2, "d", "tanh")
  local one, two = dense(1, "o1")(shared(a)), dense(2, "o2", "softmax")(shared(b))
  local model = mg.Model { inputs = { a, b }, outputs = outputs_by_name and { first = one, second = two } or { one, two } }
  local values = {}
  for i, weight in ipairs(model.weights) do values[i] = pattern(3, unpack(weight.shape)) end
  model:set_weights(values)
  return model
end

local function data()
  local x = { pattern(2, 5, 2), pattern(5, 5, 2) }
  local y = { pattern(3, 5, 1), mg.tensor { { 0 }, { 1 }, { 1 }, { 0 }, { 1 } } }
  local w = { mg.tensor({ 1, 2, 0.5, 0, 1 }, { dtype = "float64" }), mg.tensor({ 1, 1, 2, 1, 0.25 }, { dtype = "float64" }) }
  return x, y, w
end

local COMPILE = {
  loss = { o1 = "mse", o2 = "sparse_categorical_crossentropy" }, loss_weights = { o1 = 0.5, o2 = 2 },
  metrics = { o1 = { "mae" }, o2 = { "accuracy" } }, weighted_metrics = { { "mae" }, mg.null },
}

local function compiled()
  local model = build()
  local options = { optimizer = mg.optimizers.SGD(0.25) }
  for name, value in pairs(COMPILE) do options[name] = value end
  model:compile(options)
  return model
end

local function near(expected, found)
  assert.are.equal(#expected, #found)
  for i, value in ipairs(expected) do assert.is_true(math.abs(value - found[i]) < 1e-6, ("%d: %.9g"):format(i, found[i])) end
end

local HISTORY = {
  loss = { 1.7339359521865845, 1.429004430770874 },
  o1_loss = { 0.29553112387657166, 0.2801203727722168 },
  o1_mae = { 0.5470163226127625, 0.5600540637969971 },
  o1_weighted_mae = { 0.5314875245094299, 0.45705366134643555 },
  o2_accuracy = { 0.6, 0.6 },
  o2_loss = { 0.7930852174758911, 0.6444721221923828 },
  val_loss = { 1.4039193391799927, 1.2355668544769287 },
  val_o1_loss = { 0.22417178750038147, 0.24704328179359436 },
  val_o1_mae = { 0.5344763994216919, 0.5467544794082642 },
  val_o1_weighted_mae = { 0.40392813086509705, 0.433451384305954 },
  val_o2_accuracy = { 0.6, 0.6 },
  val_o2_loss = { 0.6459167003631592, 0.5560225248336792 },
}

local EVALUATED = { 1.2355667352676392, 0.24704328179359436, 0.5560225248336792, 0.5467544794082642, 0.433451384305954, 0.6 }

describe("several inputs and outputs", function()
  it("train at Keras's figures, with weights of losses and samples", function()
    local model, x, y, w = compiled(), data()
    local history = model:fit(x, y, { sample_weight = w, batch_size = 2, epochs = 2, shuffle = false, verbose = 0,
      validation_data = { x, y, w } })
    for name, values in pairs(HISTORY) do near(values, history.history[name]) end
    for name in pairs(history.history) do assert.is_table(HISTORY[name], name) end
    near(EVALUATED, { model:evaluate(x, y, { sample_weight = w, verbose = 0 }) })
    local first, second = model:predict(x, { verbose = 0, batch_size = 3 })
    near({ 0.20336667068283987, 0.2182243204860015, 0.207022640779428, 0.47997680671494436, 0.21077272661011648 },
      first:to_flat_table())
    assert.are.same({ 5, 2 }, { second.shape[1], second.shape[2] })
    near({ 1.289491057395935, 0.37357455492019653, 0.5513519048690796, 0.5467544794082642, 0.5467544794082642, 0.6 },
      { model:train_on_batch(x, y) })
    near({ 1.1541645526885986, 0.22436754405498505, 0.5209903717041016, 0.5278583765029907, 0.40592923760414124, 0.6 },
      { model:test_on_batch({ a = x[1], b = x[2] }, y, { sample_weight = w }) })
  end)

  it("train the same from a dataset of lists or of tables by name", function()
    local x, y, w = data()
    local lists = mg.data.from_tensors(x, y, w):batch(2)
    local named = mg.data.from_tensors({ a = x[1], b = x[2] }, { o1 = y[1], o2 = y[2] }, { o1 = w[1], o2 = w[2] }):batch(2)
    for _, set in ipairs { lists, named } do
      local history = compiled():fit(set, { epochs = 2, verbose = 0 })
      near(HISTORY.loss, history.history.loss)
    end
  end)

  it("split and shuffle lists alike", function()
    local x, y = data()
    local model = build()
    model:compile { loss = { "mse", "sparse_categorical_crossentropy" } }
    local history = model:fit(x, y, { validation_split = 0.4, verbose = 0 })
    assert.is_number(history.history.val_o2_loss[1])
  end)

  it("name figures after the keys of outputs given by name", function()
    local x, y = data()
    local model = build(true)
    model:compile { loss = { first = "mse", second = "sparse_categorical_crossentropy" } }
    local figures = model:test_on_batch(x, { first = y[1], second = y[2] }, { return_dict = true })
    assert.is_number(figures.first_loss)
    assert.is_number(figures.second_loss)
  end)

  it("leave an output without a loss alone", function()
    local x, y = data()
    local model = build()
    model:compile { loss = { "mse", mg.null } }
    assert.are.equal(1, select("#", model:test_on_batch(x, y)))
    assert.are.equal(1, select("#", model:test_on_batch(x, { o1 = y[1] })))
  end)

  it("say what does not fit", function()
    local x, y = data()
    local model = compiled()
    local function message(f, ...) return select(2, pcall(f, ...)) end
    assert.matches('loss has nothing for "o2"', message(model.compile, model, { loss = { o1 = "mse" } }))
    assert.matches("a list of 1, expected one for all outputs, a list of 2", message(model.compile, model, { loss = { "mse" } }))
    assert.matches("unknown option \"o3\"; did you mean \"o",
      message(model.compile, model, { loss = "mse", metrics = { o3 = "mae" } }))
    assert.matches("x is a list of 1, expected a list of 2 tensors", message(model.fit, model, { x[1] }, y))
    assert.matches("class_weight is for models with one output", message(model.fit, model, x, y, { class_weight = { [0] = 1 },
      verbose = 0 }))
    assert.matches('no targets for "o2"', message(model.train_on_batch, model, x, { o1 = y[1] }))
    assert.matches("y%[2%] has 4 rows and x 5", message(model.train_on_batch, model, x, { y[1], y[2]:slice(1, 1, 4) }))
  end)
end)
