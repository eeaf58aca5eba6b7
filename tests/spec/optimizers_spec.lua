local mg = require "moongate"
local optimizers = mg.optimizers

local function variable(list, name) return mg.Variable(mg.tensor(list, { dtype = "float64" }), { name = name }) end
local function gradient(list) return mg.tensor(list, { dtype = "float64" }) end

describe("optimizers", function()
  it("descend, with momentum", function()
    local w, sgd = variable { 1, 2 }, optimizers.SGD { learning_rate = 0.5, momentum = 0.5 }
    sgd:apply({ gradient { 1, 0 } }, { w })
    assert.same({ 0.5, 2 }, w:to_table())
    sgd:apply({ gradient { 1, 0 } }, { w }) -- v = 0.5 * -0.5 - 0.5
    assert.same({ -0.25, 2 }, w:to_table())
    assert.equal(2, sgd.iterations)
  end)

  it("keep variables what they are: assigning, and other optimizers, still work", function()
    local a, b = variable({ 1 }, "a"), variable({ 2, 3 }, "b")
    local first, second = optimizers.SGD(1), optimizers.SGD(1)
    first:apply({ gradient { 1 }, gradient { 1, 1 } }, { a, b })
    second:apply({ gradient { 1 }, gradient { 1, 1 } }, { a, b })
    assert.same({ 0, 1 }, b:to_table())
    b:assign { 5, 5 }
    first:apply({ gradient { 1 }, gradient { 1, 1 } }, { a, b })
    assert.same({ -2 }, a:to_table())
    assert.same({ 4, 4 }, b:to_table())
  end)

  it("leave a variable without gradient alone", function()
    local a, b = variable { 1 }, variable { 1 }
    optimizers.SGD(1):apply({ gradient { 1 }, nil }, { a, b })
    assert.same({ 0, 1 }, { a:item(), b:item() })
  end)

  it("clip by norm, each by itself or all together, and by value", function()
    local function step(options, list)
      local a, b = variable { 0, 0 }, variable { 0 }
      options.learning_rate = 1
      optimizers.SGD(options):apply({ gradient(list[1]), gradient(list[2]) }, { a, b })
      return { -a[1]:item(), -a[2]:item(), -b:item() }
    end
    local function close(expected, found)
      for i, v in ipairs(expected) do assert.near(v, found[i], 1e-12) end
    end
    close({ 0.6, 0.8, 0.5 }, step({ clipnorm = 1 }, { { 3, 4 }, { 0.5 } }))
    close({ 3 / 13, 4 / 13, 12 / 13 }, step({ global_clipnorm = 1 }, { { 3, 4 }, { 12 } }))
    close({ 1, -1, 0.5 }, step({ clipvalue = 1 }, { { 3, -4 }, { 0.5 } }))
  end)

  it("apply constraints after the update", function()
    local w = variable { -1, 1 }
    w.constraint = mg.constraints.get "non_neg"
    optimizers.SGD(0.5):apply({ gradient { 0, 4 } }, { w })
    assert.same({ 0, 0 }, w:to_table())
  end)

  it("follow a schedule, and refuse to be set then", function()
    local sgd = optimizers.SGD(optimizers.schedules.PiecewiseConstantDecay { boundaries = { 0 }, values = { 1, 0.5 } })
    local w = variable { 0 }
    sgd:apply({ gradient { 1 } }, { w })
    sgd:apply({ gradient { 1 } }, { w })
    assert.equal(-1.5, w:item())
    assert.has_error(function() sgd.learning_rate = 1 end)
  end)

  it("name their state as Keras does", function()
    local w, adam = variable({ 1 }, "kernel"), optimizers.Adam()
    adam:apply({ gradient { 1 } }, { w })
    local names = {}
    for i, v in ipairs(adam:own_variables()) do names[i] = v.name end
    assert.same({ "iteration", "learning_rate", "kernel_momentum", "kernel_velocity" }, names)
  end)

  it("come by name and from configs", function()
    assert.is_true(optimizers.get("adam"):is(optimizers.Adam))
    local again = optimizers.deserialize(optimizers.serialize(optimizers.RMSprop { rho = 0.5, clipnorm = 2 }))
    assert.equal(0.5, again.rho)
    assert.equal(2, again.clipnorm)
    local ok, message = pcall(optimizers.Adam, { learning_rat = 1 })
    assert.is_false(ok)
    assert.matches('did you mean "learning_rate"', message)
  end)

  it("refuse gradients of other shapes and unknown variables", function()
    local w, sgd = variable({ 1, 2 }, "w"), optimizers.SGD()
    local ok, message = pcall(sgd.apply, sgd, { gradient { 1 } }, { w })
    assert.is_false(ok)
    assert.matches("gradients%[1%] {1} does not fit w {2}", message)
    ok, message = pcall(sgd.apply, sgd, { gradient { 1 } }, { variable({ 1 }, "other") })
    assert.is_false(ok)
    assert.matches("other", message)
  end)

  it("leave gradients as they are, and take them from the memory of a variable", function()
    for _, options in ipairs { { clipnorm = 1 }, { global_clipnorm = 1 }, { clipvalue = 0.5 } } do
      options.learning_rate = 1
      local g = gradient { 3, 4 }
      optimizers.SGD(options):apply({ g }, { variable { 0, 0 } })
      assert.same({ 3, 4 }, g:to_table())
    end
    local a, b, sgd = variable({ 1, 2 }, "a"), variable({ 8, 9 }, "b"), optimizers.SGD(1)
    sgd:build { a, b }
    sgd:apply({ b, a }, { a, b }) -- each by what the other was before
    assert.same({ -7, -7 }, a:to_table())
    assert.same({ 7, 7 }, b:to_table())
  end)

  it("take gradients from the memory of a variable with and without decay, and of one that comes from another optimizer", function()
    local a, b = variable({ 1, 2 }, "a"), variable({ 8, 9 }, "b")
    local sgd = optimizers.SGD { learning_rate = 1, weight_decay = 0.5 }
    sgd:exclude_from_weight_decay { var_list = { b } } -- a group of its own
    sgd:build { a, b }
    sgd:apply({ b, a }, { a, b })
    assert.same({ 0.5 - 8, 1 - 9 }, a:to_table())
    assert.same({ 8 - 1, 9 - 2 }, b:to_table())
    optimizers.SGD(0):apply({ gradient { 0, 0 }, gradient { 0, 0 } }, { a, b }) -- they move away, and home again below
    sgd:apply({ b, a }, { a, b })
    assert.same({ -3.75 - 7, -4 - 7 }, a:to_table())
    assert.same({ 7 + 7.5, 7 + 8 }, b:to_table())
  end)

  it("take gradients from their own state", function()
    local a, b = variable({ 0 }, "a"), variable({ 0 }, "b")
    local sgd = optimizers.SGD { learning_rate = 1, momentum = 0.5 }
    sgd:apply({ gradient { 1 }, gradient { 4 } }, { a, b }) -- momenta -1 and -4
    local of_a
    for _, one in ipairs(sgd.variables) do
      if one.name == "a_momentum" then of_a = one end
    end
    sgd:apply({ gradient { 1 }, of_a }, { a, b }) -- of b: 0.5 * -4 - (-1)
    assert.same({ -4 - 1 }, b:to_table())
  end)
end)
