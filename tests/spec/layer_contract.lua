-- What every layer has to hold, checked in one call: config round trip, build, shapes, gradients, weights out and in, freezing.
--   contract { make = function(options) return layer end, input = tensor, weights = { { "kernel", { 3, 4 } }, ... } }
-- make is called with { dtype = "float64" } merged into its own options. Also: output_shape (what the shapes must be), call
-- (options of the call), gradient = false (no gradient check), integers = true (the input is ids). input may be a list of tensors.
local assert = require "luassert"
local mg = require "moongate"

local function shape_text(shape)
  local words = {}
  for i = 1, #shape do words[i] = tostring(shape[i]) end
  return table.concat(words, ",")
end

local function shape_of(tensor)
  local shape = {}
  for i = 1, #tensor.shape do shape[i] = tensor.shape[i] end
  return shape
end

-- The shape of a tensor, or those of a list of them.
local function shapes_of(input)
  if input.shape then return shape_of(input) end
  local list = {}
  for i, each in ipairs(input) do list[i] = shape_of(each) end
  return list
end

local function check_config(layer)
  local text = mg.json.encode(layer:get_config())
  local class = getmetatable(layer).class
  local again = class.from_config(text)
  assert.are.equal(text, mg.json.encode(again:get_config()))
  assert.are.equal(text, mg.json.encode(class.from_config(layer:get_config()):get_config()))
  assert.is_false(pcall(class, { no_such_option = 1 }))
  -- A class of an older Keras writes its own form.
  local whole = mg.layers.deserialize(mg.layers.serialize(layer, class.dialect))
  assert.are.equal(text, mg.json.encode(whole:get_config(class.dialect)))
end

local function check_weights(layer, expected)
  assert.are.equal(#expected, #layer.weights)
  for i, item in ipairs(expected) do
    assert.are.equal(item[1], layer.weights[i].name)
    assert.are.equal(shape_text(item[2]), shape_text(layer.weights[i].shape))
    assert.are.equal(layer.dtype, layer.weights[i].dtype)
  end
  local count = 0
  for _, v in ipairs(layer.weights) do count = count + v.count end
  assert.are.equal(count, layer:count_params())
end

local function check_shapes(layer, input, outputs, expected)
  local shapes = { layer:compute_output_shape(shapes_of(input)) }
  for i, output in ipairs(outputs) do
    assert.are.equal(shape_text(shapes[i]), shape_text(output.shape))
    if expected and expected[i] then assert.are.equal(shape_text(expected[i]), shape_text(output.shape)) end
  end
  local open = shapes_of(input)
  for _, shape in ipairs(input.shape and { open } or open) do shape[1] = mg.null end
  assert.are.equal("null", shape_text(layer:compute_output_shape(open)):match("^[^,]+"))
end

-- sum(output * coefficients), the coefficients being 1, 2, 3, ... over the number of elements.
local function loss_of(layer, input, call)
  local output = layer(input, call)
  local coefficients = mg.arange(1, output.count + 1, { dtype = output.dtype }):reshape(shape_of(output)) / output.count
  return (output * coefficients):sum()
end

local STEP, TOLERANCE = 1e-6, 1e-7

local function check_gradient(label, tensor, gradient, loss)
  local values, found = tensor:to_flat_table(), gradient:to_flat_table()
  local function loss_with(i, value)
    local old = values[i]
    values[i] = value
    tensor:assign(mg.tensor(values, { dtype = "float64" }):reshape(shape_of(tensor)))
    values[i] = old
    return mg.no_grad(loss):item()
  end
  for i = 1, #values do
    local wanted = (loss_with(i, values[i] + STEP) - loss_with(i, values[i] - STEP)) / (2 * STEP)
    local apart = math.abs(found[i] - wanted)
    if apart > TOLERANCE * math.max(1, math.abs(wanted)) then
      error(("gradient of %s[%d] is %.12g, by central differences %.12g"):format(label, i, found[i], wanted), 0)
    end
    loss_with(i, values[i])
  end
end

local function check_gradients(layer, input, call, integers)
  local tensors, labels = {}, {}
  for _, v in ipairs(layer.trainable_weights) do
    tensors[#tensors + 1], labels[#labels + 1] = v, v.name
  end
  local leaves = {}
  for i, each in ipairs(integers and {} or input.shape and { input } or input) do
    leaves[i] = each:copy():detach():requires_grad_()
    tensors[#tensors + 1], labels[#labels + 1] = leaves[i], "input " .. i
  end
  if not integers then input = input.shape and leaves[1] or leaves end
  if #tensors == 0 then return end
  local function loss() return loss_of(layer, input, call) end
  for i, gradient in ipairs(mg.gradients(loss(), tensors)) do check_gradient(labels[i], tensors[i], gradient, loss) end
end

local function check_set_weights(make, layer, input, call)
  local other = make { dtype = "float64" }
  other:build(shapes_of(input))
  other:set_weights(layer:get_weights())
  assert.are.same(layer(input, call):to_table(), other(input, call):to_table())
  if #layer.weights > 0 then
    assert.is_false(pcall(other.set_weights, other, {}))
    other.trainable = false
    assert.are.equal(0, #other.trainable_weights)
    assert.are.equal(#layer.weights, #other.non_trainable_weights)
    other.trainable = true
    assert.are.equal(#layer.trainable_weights, #other.trainable_weights)
  end
end

return function(o)
  local layer = o.make { dtype = "float64" }
  assert.is_false(layer.built)
  check_config(layer)
  local outputs = { layer(o.input, o.call) }
  assert.is_true(layer.built)
  check_weights(layer, o.weights or {})
  check_shapes(layer, o.input, outputs, o.output_shape)
  check_config(layer)
  check_set_weights(o.make, layer, o.input, o.call)
  if o.gradient ~= false then check_gradients(layer, o.input, o.call, o.integers) end
end
