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

return tools
