-- What Conv1D and the pooling layers share: padding, the number of windows, and where the features are.
local check = require "moongate.check"
local fields = require "moongate.fields"
local null = require "moongate.null"
local ops = require "moongate.ops"

local windows = {}

--- A codec of one of the given words, which null is not.
---@param ... string
---@return table
function windows.word(...)
  local codec = fields.choice(...)
  codec.plain = true
  return codec
end

windows.data_format = { "data_format", default = "channels_last", codec = windows.word("channels_last", "channels_first") }

--- (batch, steps, features) whichever order the layer's data_format has; it is its own inverse.
---@param layer table
---@param x Tensor
---@return Tensor
function windows.steps_first(layer, x)
  if layer.data_format == "channels_last" then return x end
  return ops.permute(x, { 1, 3, 2 })
end

--- The axes of steps and features in a shape.
---@param layer table
---@return integer, integer
function windows.axes(layer)
  if layer.data_format == "channels_last" then return 2, 3 end
  return 3, 2
end

-- The steps that padding adds in front and behind, as TensorFlow places them: of an odd number the larger part behind.
local function added(padding, steps, size, stride, dilation)
  local reach = (size - 1) * dilation
  if padding == "causal" then return reach, 0 end
  if padding == "valid" then return 0, 0 end
  local total = math.max((math.ceil(steps / stride) - 1) * stride + reach + 1 - steps, 0)
  local before = math.floor(total / 2)
  return before, total - before
end

--- The options of the window operations for an input of `steps` steps.
---@param layer table with padding and strides, and dilation_rate where it has one
---@param steps integer
---@param size integer
---@return table size, stride, dilation, before, after
function windows.options(layer, steps, size)
  local stride, dilation = layer.strides[1], layer.dilation_rate and layer.dilation_rate[1] or 1
  local before, after = added(layer.padding, steps, size, stride, dilation)
  return { size = size, stride = stride, dilation = dilation, before = before, after = after }
end

--- The number of windows in `steps` steps (mg.null when unknown); none at all is an error that names the layer.
---@param layer table
---@param shape integer[] the input's
---@param size integer
---@param argument string the option that sets the size
---@return integer
function windows.count(layer, shape, size, argument)
  local steps = shape[windows.axes(layer)]
  if steps == null then return null end
  local o = windows.options(layer, steps, size)
  local room = steps + o.before + o.after - (size - 1) * o.dilation - 1
  if room < 0 and steps > 0 then
    check.fail('%s: input %s has %d steps, and a window of %s = %d%s needs %d; likely fix: padding = "same", or a smaller %s',
      layer:title(), layer.shape_text(shape), steps, argument, size,
      o.dilation > 1 and (" with dilation_rate = %d"):format(o.dilation) or "", (size - 1) * o.dilation + 1, argument)
  end
  return math.max(math.floor(room / o.stride) + 1, 0)
end

return windows
