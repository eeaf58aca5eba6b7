-- Windows that slide along the steps of (B, T, F), for convolution and pooling: their options, and the views that all of them are
-- made of. Element j of window i is step i stride + j dilation of the padded input.
local check = require "moongate.check"
local shapes = require "moongate.shape"
local raw = require "moongate.ops.raw"

local view = {}

local OPTIONS = { "size", "stride", "dilation", "before", "after" }

--- The options, checked, and the number of windows in x.
---@param op string
---@param x Tensor (B, T, F)
---@param options table size, stride = 1, dilation = 1, before = 0, after = 0
---@return table
function view.of(op, x, options)
  options = check.options(op, options, OPTIONS)
  local w = { before = 0, after = 0, stride = 1, dilation = 1 }
  for _, name in ipairs(OPTIONS) do
    local least = (name == "before" or name == "after") and 0 or 1
    w[name] = check.integer(op, name, options[name] or w[name], least, 2 ^ 31)
  end
  if #x.shape ~= 3 then
    check.fail("%s: argument x %s, expected (batch, steps, features); likely fix: x:reshape or x:expand_dims", op,
      tostring(x.shape))
  end
  local room = x.shape[2] + w.before + w.after - (w.size - 1) * w.dilation - 1
  w.count = room < 0 and 0 or math.floor(room / w.stride) + 1
  return w
end

--- x with w.before and w.after steps of `value` around it.
function view.padded(x, w, value)
  if w.before == 0 and w.after == 0 then return x end
  local steps = x.shape[2]
  local y = raw.full(shapes.with(x.shape, 2, w.before + steps + w.after), x.dtype, value, x)
  if x.count > 0 then raw.copy_to(raw.slice(y, 1, w.before, steps, 1), x) end
  return y
end

--- Element j (from 0) of all windows of a padded input, a view (B, T', F).
function view.element(x, w, j)
  return raw.slice(x, 1, w.count > 0 and j * w.dilation or 0, w.count, w.stride)
end

--- Zeros as the padded input, for the windows to add gradients to, and the part of them that belongs to x.
function view.zeros(x, w)
  local steps = x.shape[2]
  local whole = raw.full(shapes.with(x.shape, 2, w.before + steps + w.after), x.dtype, 0, x)
  if w.before == 0 and w.after == 0 then return whole, whole end
  return whole, raw.slice(whole, 1, steps > 0 and w.before or 0, steps, 1)
end

return view
