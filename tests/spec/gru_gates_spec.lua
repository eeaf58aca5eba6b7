-- GRU:gates against the formulas: z, r and the candidate are what makes the state.
local mg = require "moongate"
local near = require "near"

local function normal(...) return mg.random.normal({ ... }, 0, 1, { dtype = "float64" }) end

before_each(function()
  mg.set_floatx "float64"
  mg.set_random_seed(6)
end)

after_each(function() mg.set_floatx "float32" end)

-- h' = z h + (1 - z) n over the steps of one row, from h = 0; returns the last state.
local function last_state(z, r, candidate)
  local h = mg.zeros(z.shape[3])
  for t = 1, z.shape[2] do h = z[1][t] * h + (1 - z[1][t]) * candidate[1][t] end
  return h, r
end

describe("GRU:gates", function()
  it("gives what the state is made of, on every road", function()
    for _, options in ipairs { {}, { reset_after = false }, { go_backwards = true }, { activation = "softmax" },
      { time_major = true }, { implementation = 1 } } do
      local layer = mg.layers.GRU(3, options)
      local x = normal(1, 6, 2)
      local expected = layer(options.time_major and x:transpose(1, 2) or x)
      local z, r, candidate = layer:gates(options.time_major and x:transpose(1, 2) or x)
      if options.time_major then
        z, r, candidate = z:transpose(1, 2), r:transpose(1, 2), candidate:transpose(1, 2)
      end
      near(last_state(z, r, candidate), expected[1]:to_table(), 1e-12)
    end
  end)

  it("has z and r by hand for one unit", function()
    local layer = mg.layers.GRU(1, { activation = "linear", recurrent_activation = "linear", reset_after = false })
    layer:build { 1, 1, 1 }
    layer:set_weights { { { 0.5, 0.25, 2 } }, { { 1, 2, 4 } }, { 0.1, 0.2, 0.3 } }
    -- x = 1, h = 0.5: z = 0.5+0.1+0.5 = 1.1, r = 0.25+0.2+1 = 1.45, n = 2+0.3+4*(1.45*0.5) = 5.2
    local z, r, candidate = layer:gates(mg.tensor { { { 1 } } }, { initial_state = mg.tensor { { 0.5 } } })
    near(z, { { { 1.1 } } }, 1e-12)
    near(r, { { { 1.45 } } }, 1e-12)
    near(candidate, { { { 5.2 } } }, 1e-12)
  end)

  it("is 0 at masked steps and uses the same dropout masks on both roads", function()
    for _, activation in ipairs { "tanh", "softmax" } do
      local layer = mg.layers.GRU(2, { activation = activation })
      local z = layer:gates(normal(1, 3, 2), { mask = mg.tensor { { true, false, true } } })
      near(z[{ 1, 2 }], { 0, 0 })
      assert.is_true(z[1][1][1]:item() ~= 0)
    end
    local found = {}
    for i, activation in ipairs { "tanh", function(v) return v:tanh() end } do
      mg.set_random_seed(2)
      local layer = mg.layers.GRU(3, { activation = activation, dropout = 0.5, recurrent_dropout = 0.5, seed = 4 })
      local x = mg.random.normal({ 2, 4, 2 }, { seed = 3 })
      found[i] = { layer:gates(x, { training = true }) }
      found[i].layer = layer
      assert.is_nil(next(layer.cell.dropout_cache))
    end
    for k = 1, 3 do near(found[1][k], found[2][k]:to_table(), 1e-12) end
  end)

  it("leaves a stored state alone and starts from it", function()
    local layer, x = mg.layers.GRU(2, { stateful = true }), normal(1, 3, 2)
    layer(x)
    local stored = layer.states[1]:to_table()
    local z = layer:gates(x)
    near(layer.states[1], stored, 0)
    near(z, (layer:gates(x, { initial_state = mg.tensor(stored) })):to_table(), 1e-14)
  end)

  it("checks what it is given", function()
    local layer = mg.layers.GRU(2)
    for _, arguments in ipairs { { normal(2, 3) }, { normal(2, 3, 4), { masks = 1 } }, {} } do
      local ok, message = pcall(layer.gates, layer, arguments[1], arguments[2])
      assert.is_false(ok)
      assert.matches("GRU", message, 1, true)
    end
  end)
end)
