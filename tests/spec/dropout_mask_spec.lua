-- The mask cache of a cell: when a mask is kept, made anew, of what kind, with what values.
local mg = require "moongate"

local function cell(options)
  options.units = options.units or 8
  return mg.layers.GRUCell(options)
end

local function inputs(batch, dtype) return mg.zeros({ batch or 16, 8 }, { dtype = dtype or "float32" }) end

-- The distinct values of a mask.
local function values(mask)
  local seen, list = {}, {}
  for _, v in ipairs(mask:to_flat_table()) do
    if not seen[v] then list[#list + 1] = v end
    seen[v] = true
  end
  table.sort(list)
  return list
end

for _, kind in ipairs { "dropout", "recurrent_dropout" } do
  describe("the mask cache for " .. kind, function()
    local get = kind == "dropout" and "get_dropout_mask_for_cell" or "get_recurrent_dropout_mask_for_cell"
    local reset = kind == "dropout" and "reset_dropout_mask" or "reset_recurrent_dropout_mask"

    before_each(function() mg.set_random_seed(3) end)

    it("gives nil for rate 0", function()
      assert.is_nil(cell {}[get](cell {}, inputs(), true))
    end)

    it("gives a tensor for count 1 and a list for more", function()
      local c = cell { [kind] = 0.5 }
      local mask = c[get](c, inputs(), true)
      assert.are.same({ 16, 8 }, { mask.shape[1], mask.shape[2] })
      assert.are.same({ 0, 2 }, values(mask))
      c[reset](c)
      local masks = c[get](c, inputs(), true, 3)
      assert.are.equal(3, #masks)
      assert.are_not.same(masks[1]:to_table(), masks[2]:to_table())
    end)

    it("gives ones outside training", function()
      local c = cell { [kind] = 0.5 }
      assert.are.same({ 1 }, values(c[get](c, inputs(), false)))
      assert.are.same({ 1 }, values(c[get](c, inputs(), nil)))
    end)

    it("keeps a mask until the reset", function()
      local c = cell { [kind] = 0.5 }
      local mask = c[get](c, inputs(), true)
      assert.are.equal(mask, c[get](c, inputs(), true))
      local text = tostring(mask)
      c[reset](c)
      assert.are_not.equal(text, tostring(c[get](c, inputs(), true)))
    end)

    it("makes a new one for another batch, dtype, count or training", function()
      local c = cell { [kind] = 0.5 }
      c[get](c, inputs(), true)
      assert.are.equal(5, c[get](c, inputs(5), true).shape[1])
      assert.are.equal("float64", c[get](c, inputs(5, "float64"), true).dtype)
      assert.are.equal(2, #c[get](c, inputs(5), true, 2))
      assert.are.same({ 1 }, values(c[get](c, inputs(5), false)))
    end)

    it("drops everything at rate 1", function()
      local c = cell { [kind] = 1 }
      assert.are.same({ 0 }, values(c[get](c, inputs(), true)))
    end)

    it("drops about the share asked for, scaled to keep the mean", function()
      local c = cell { [kind] = 0.2 }
      local mean = c[get](c, mg.zeros(500, 8), true):mean():item()
      -- 4000 draws of variance 0.25 around 1.
      assert.is_true(math.abs(mean - 1) < 4 * 0.5 / math.sqrt(4000))
    end)
  end)
end

describe("dropout masks", function()
  it("of input and state are apart", function()
    local c = cell { dropout = 0.5, recurrent_dropout = 0.5 }
    local a, b = c:get_dropout_mask_for_cell(inputs(), true), c:get_recurrent_dropout_mask_for_cell(inputs(), true)
    c:reset_dropout_mask()
    assert.are.equal(b, c:get_recurrent_dropout_mask_for_cell(inputs(), true))
    assert.are_not.equal(a, c:get_dropout_mask_for_cell(inputs(), true))
  end)

  it("are as many as the implementation uses", function()
    assert.is_true(mg.is_tensor(cell { dropout = 0.5 }:get_dropout_mask(inputs())))
    assert.are.equal(3, #cell { dropout = 0.5, implementation = 1 }:get_dropout_mask(inputs()))
    assert.are.equal(3, #cell { recurrent_dropout = 0.5 }:get_recurrent_dropout_mask(inputs()))
  end)

  it("outside 0..1 are an error", function()
    for _, rate in ipairs { -0.1, 1.5, 0 / 0 } do
      for _, name in ipairs { "GRU", "GRUCell" } do
        local ok, message = pcall(mg.layers[name], 3, { dropout = rate })
        assert.is_false(ok)
        assert.matches(name .. ": argument dropout is ", message, 1, true)
      end
    end
  end)

  it("of a layer change from call to call, and not without training", function()
    mg.set_random_seed(5)
    local layer, x = mg.layers.GRU(4, { dropout = 0.5 }), mg.ones(3, 5, 8)
    assert.are.same(layer(x):to_table(), layer(x):to_table())
    assert.are_not.same(layer(x, { training = true }):to_table(), layer(x, { training = true }):to_table())
    assert.are.equal(2, layer.cell.seed_generator.counter)
  end)

  it("count their draws as Keras does: 1 for implementation 2, 3 for 1 and for the state, 6 for both", function()
    local x = mg.ones(3, 5, 8)
    for _, case in ipairs { { { dropout = 0.5 }, 1 }, { { dropout = 0.5, implementation = 1 }, 3 },
      { { recurrent_dropout = 0.5 }, 3 }, { { dropout = 0.5, recurrent_dropout = 0.5 }, 6 } } do
      local layer = mg.layers.GRU(4, case[1])
      layer(x, { training = true })
      assert.are.equal(case[2], layer.cell.seed_generator.counter)
    end
  end)

  it("are the same on any number of threads", function()
    local before, outputs = mg.get_threads(), {}
    for i, threads in ipairs { 1, 2, 4 } do
      mg.set_threads(threads)
      mg.set_random_seed(1)
      local layer = mg.layers.GRU(16, { dropout = 0.5, recurrent_dropout = 0.5, seed = 7, return_sequences = true })
      outputs[i] = layer(mg.random.normal({ 33, 6, 9 }, { seed = 2 }), { training = true }):to_flat_table()
    end
    mg.set_threads(before)
    assert.are.same(outputs[1], outputs[2])
    assert.are.same(outputs[1], outputs[3])
  end)

  it("stay the same over the steps of a batch, as those of a cell that is not reset", function()
    local layer = mg.layers.GRU(4, { recurrent_dropout = 0.5, dropout = 0.25, seed = 3, return_sequences = true,
      dtype = "float64" })
    local x = mg.random.normal({ 2, 5, 3 }, 0, 1, { dtype = "float64" })
    local sequence = layer(x, { training = true })
    local alone = mg.layers.GRUCell(4, { recurrent_dropout = 0.5, dropout = 0.25, seed = 3, dtype = "float64" })
    alone:build { 2, 3 }
    alone:set_weights(layer:get_weights())
    local state = alone:get_initial_state(2)
    for t = 1, 5 do
      local output
      output, state = alone(x[{ {}, t }], state, { training = true })
      require "near"(output, sequence[{ {}, t }]:to_table(), 1e-13)
    end
  end)

  it("with equal seeds are equal", function()
    local x = mg.ones(3, 5, 8)
    local a, b = mg.layers.GRU(4, { dropout = 0.5, seed = 7 }), mg.layers.GRU(4, { dropout = 0.5, seed = 7 })
    b:build { 3, 5, 8 }
    a:build { 3, 5, 8 }
    b:set_weights(a:get_weights())
    assert.are.same(a(x, { training = true }):to_table(), b(x, { training = true }):to_table())
  end)
end)

-- As in Keras 3: a variable, and no weight.
describe("a layer with dropout", function()
  it("has the seed state of its dropout among its variables", function()
    local layer = mg.layers.GRU(3, { dropout = 0.5, seed = 7 })
    layer:build { 2, 5, 4 }
    assert.are.same({ 3, 4, 0, 1 }, { #layer.weights, #layer.variables, #layer.non_trainable_weights,
      #layer.non_trainable_variables })
    local state, x = layer.variables[4], mg.random.normal { 2, 5, 4 }
    local first = layer(x, { training = true })
    assert.are.equal(state, layer.variables[4])
    assert.are.same({ 7, 1 }, state:to_table())
    state:assign { 7, 0 }
    assert.are.same(first:to_table(), layer(x, { training = true }):to_table())
  end)
end)
