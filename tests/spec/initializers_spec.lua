-- Initializers: seeds, fans, shapes, messages; the distributions are held against the library's in tests/keras.
local mg = require "moongate"
local near = require "near"
local initializers = mg.initializers

describe("initializers", function()
  before_each(function()
    mg.set_floatx("float32")
    mg.set_random_seed(8)
  end)

  it("make constants", function()
    near(initializers.Zeros()({ 2, 2 }), { { 0, 0 }, { 0, 0 } })
    near(initializers.Ones()({ 2 }, "int32"), { 1, 1 })
    near(initializers.Constant(0.5)({ 2 }, "float64"), { 0.5, 0.5 }, 0)
    near(initializers.Identity({ gain = 3 })({ 2, 3 }), { { 3, 0, 0 }, { 0, 3, 0 } })
    assert.is_false(pcall(initializers.Identity(), { 2 }))
  end)

  it("make Fourier kernels", function()
    local STFT = initializers.STFTInitializer
    near(STFT("real", mg.null)({ 4, 1, 3 }), { { { 1, 1, 1 } }, { { 1, 0, -1 } }, { { 1, -1, 1 } }, { { 1, 0, -1 } } }, 1e-6)
    near(STFT("imag", mg.null)({ 2, 1, 3 }), { { { 0, 0, 0 } }, { { 0, -1, 0 } } }, 1e-6)
    -- Hann of five steps: 0, 1/2, 1, 1/2, 0; its sum is 2, its sum of squares 3/2.
    near(STFT({ side = "real", scaling = "spectrum" })({ 5, 1, 2 })[{ {}, 1, 1 }], { 0, 0.25, 0.5, 0.25, 0 }, 1e-6)
    near(STFT("real")({ 5, 1, 2 })[{ 3, 1 }], { 1 / math.sqrt(1.5), 1 / math.sqrt(1.5) }, 1e-6)
    near(STFT({ side = "real", window = { 2, 2 }, scaling = mg.null })({ 2, 1, 2 }), { { { 2, 2 } }, { { 2, -2 } } }, 1e-6)
    assert.are.equal('{"side": "real", "window": "hann", "periodic": false, "scaling": "density"}',
      tostring(STFT("real"):get_config()))
    assert.is_false(pcall(STFT, "left"))
    assert.is_false(pcall(STFT("real"), { 2, 3 }))
    assert.is_false(pcall(STFT("real", { 1 }), { 2, 1, 2 }))
  end)

  it("repeat with a seed, and for one object, and after set_random_seed", function()
    local a, b = initializers.GlorotUniform(3), initializers.GlorotUniform({ seed = 3 })
    assert.are.same(a({ 3, 4 }):to_table(), b({ 3, 4 }):to_table())
    local free = initializers.HeNormal()
    assert.are.same(free({ 3, 4 }):to_table(), free({ 3, 4 }):to_table())
    assert.are_not.same(free({ 3, 4 }):to_table(), initializers.HeNormal()({ 3, 4 }):to_table())
    mg.set_random_seed(1)
    local first = initializers.HeNormal()({ 3, 4 }):to_table()
    mg.set_random_seed(1)
    assert.are.same(first, initializers.HeNormal()({ 3, 4 }):to_table())
  end)

  it("take fans from the axes that are named", function()
    assert.are.same({ 3, 4 }, { initializers.compute_fans({ 3, 4 }) })
    assert.are.same({ 4, 3 }, { initializers.compute_fans({ 3, 4 }, -1, -2) })
    assert.are.same({ 6 * 4, 4 * 5 }, { initializers.compute_fans({ 2, 3, 5, 4 }, { 0, 1 }, 2) })
    assert.is_false(pcall(initializers.compute_fans, { 3, 4 }, 5))
  end)

  it("bound glorot_uniform by sqrt(6 / (fan_in + fan_out)), all gates counted", function()
    local layer = mg.layers.GRU(16)
    layer:build { 1, 1, 8 }
    local limit = math.sqrt(6 / (8 + 48))
    local largest = layer.cell.kernel:abs():max():item()
    assert.is_true(largest <= limit and largest > 0.98 * limit)
  end)

  it("give the recurrent kernel orthonormal rows over all three gates", function()
    local layer = mg.layers.GRU(4, { dtype = "float64" })
    layer:build { 1, 1, 8 }
    local R = layer.cell.recurrent_kernel
    near(R:matmul(R:transpose(1, 2)), { { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 }, { 0, 0, 0, 1 } }, 1e-12)
    assert.is_false(pcall(initializers.Orthogonal(), { 3 }))
  end)

  it("refuse options that make no sense", function()
    assert.is_false(pcall(initializers.VarianceScaling, { mode = "fan_middle" }))
    assert.is_false(pcall(initializers.VarianceScaling, { distribution = "cauchy" }))
    assert.is_false(pcall(initializers.GlorotUniform, { seed = -1 }))
    assert.is_false(pcall(initializers.Zeros(), 3))
  end)

  it("may be Lua functions, whose result is checked", function()
    local function sevens(shape, dtype) return mg.full(shape, 7, { dtype = dtype }) end
    local layer = mg.layers.Dense(2, { kernel_initializer = sevens })
    layer:build { 1, 1 }
    near(layer.kernel, { { 7, 7 } })
    local bad = mg.layers.Dense(2, { kernel_initializer = function() return mg.ones(3) end })
    local ok, message = pcall(bad.build, bad, { 1, 1 })
    assert.is_false(ok)
    assert.matches("the initializer of kernel gave tensor {3} float32, expected a tensor (1, 2)", message, 1, true)
  end)

  -- keras.initializers.Constant(array).get_config() (3.15): a NumPy array is an object, a list stays one; tf_keras writes lists.
  it("make constants of arrays", function()
    local rows = { { 1, 2 }, { 3, 4 } }
    local text = '{"value": {"class_name": "__numpy__", "config": {"value": [[1.0, 2.0], [3.0, 4.0]], "dtype": "float32"}}}'
    local of_tensor, of_list = initializers.Constant(mg.tensor(rows)), initializers.Constant(rows)
    near(of_tensor({ 2, 2 }, "float64"), rows, 0)
    near(of_list({ 2, 2 }), rows, 0)
    near(initializers.Constant { 5, 6 }({ 2, 2 }), { { 5, 6 }, { 5, 6 } }, 0)
    assert.equal(text, tostring(of_tensor:get_config()))
    assert.equal('{"value": [[1.0, 2.0], [3.0, 4.0]]}', tostring(of_list:get_config()))
    assert.equal('{"value": [[1.0, 2.0], [3.0, 4.0]]}', tostring(of_tensor:get_config "tf2"))
    assert.equal(text, tostring(initializers.Constant.from_config(text):get_config()))
    local layer = mg.layers.Embedding(2, 2, { embeddings_initializer = of_tensor })
    local again = mg.layers.deserialize(mg.json.encode(mg.layers.serialize(layer)))
    near(again(mg.tensor({ 1 }, { dtype = "int32" })), { { 3, 4 } }, 0)
    assert.matches("expected a number, nested tables of numbers or a tensor", select(2, pcall(initializers.Constant, "a")))
    assert.is_false(pcall(initializers.Constant, { { 1, 2 }, { 3 } }))
    local wide = mg.layers.Embedding(3, 2, { embeddings_initializer = of_tensor })
    assert.is_false(pcall(wide.build, wide, { 1 }))
  end)
end)
