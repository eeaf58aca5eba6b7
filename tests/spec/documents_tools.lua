-- What the checks of both documents share. Everything runs in float64 with a fixed seed.
local assert = require "luassert"
local mg = require "moongate"
local near = require "near"

local tools = {}

--- Normal numbers.
function tools.normal(...) return mg.random.normal({ ... }, 0, 1, { dtype = "float64" }) end

--- The class of a document: GRU of Keras 3's page, GRUCell of TensorFlow 2.3's.
function tools.class(name) return name == "GRU" and mg.layers.GRU or mg.compat.v1.layers.GRUCell end

--- A built object of a class for 4 features.
function tools.built(name, options)
  local object = tools.class(name)(3, options)
  object:build(name == "GRU" and { 2, 5, 4 } or { 2, 4 })
  return object
end

--- The same class with other options and the same weights.
function tools.twin(object, name, options)
  local other = tools.built(name, options)
  other:set_weights(object:get_weights())
  return other
end

--- The output of a layer for x, or of a cell for x and a state.
function tools.output(object, name, x, options)
  if name == "GRU" then return (object(x, options)) end
  return (object(x, { options and options.state or mg.zeros(x.shape[1], 3) }, { training = options and options.training }))
end

--- An input that a class takes.
function tools.input(name) return name == "GRU" and tools.normal(2, 5, 4) or tools.normal(2, 4) end

--- The cell of a layer, or the cell itself.
function tools.cell(object) return rawget(object, "cell") or object end

--- Both are equal to within rounding.
function tools.same(a, b) near(a, b:to_table(), 1e-12) end

--- They are not.
function tools.differ(a, b) assert.is_true((a - b):abs():max():item() > 1e-6) end

--- The call fails, and its message has the text.
function tools.refused(text, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(text, message, 1, true)
end

-- A value that can be compared: an object's class, an activation's name.
local function shown(value)
  if type(value) ~= "table" then return value end
  return value.name or getmetatable(value).class.name
end

--- Each argument of a class that has a value here, given alone at its place, sets the property of its name and no other.
function tools.takes_in_order(class, order, values)
  local plain = class(2)
  for i, name in ipairs(order) do
    local arguments = { 2 }
    if values[name] ~= nil then arguments[i] = values[name] end
    local object = class(unpack(arguments, 1, i))
    for _, other in ipairs(values[name] ~= nil and order or {}) do
      local given, named = shown(object[other]), shown(class({ units = 2, [name] = values[name] })[other])
      assert.are.equal(named, given, name .. " at its place, " .. other)
      assert.are.equal(other == name, given ~= shown(plain[other]), name .. " at its place, " .. other)
    end
  end
end

--- Values for arguments that are not the defaults.
tools.other_values = {
  units = 3, activation = "relu", recurrent_activation = "softsign", use_bias = false, kernel_initializer = "ones",
  recurrent_initializer = "zeros", bias_initializer = "ones", kernel_regularizer = "l1", recurrent_regularizer = "l2",
  bias_regularizer = "l1", activity_regularizer = "l2", kernel_constraint = "non_neg", recurrent_constraint = "unit_norm",
  bias_constraint = "max_norm", dropout = 0.25, recurrent_dropout = 0.5, seed = 7, return_sequences = true,
  return_state = true, go_backwards = true, stateful = true, unroll = true,
}

return tools
