-- Sequences of unequal length as one tensor, and class ids as one-hot rows. Source: keras.utils.
local create = require "moongate.tensor_create"
local check = require "moongate.check"
local ops = require "moongate.ops"
local tensor = require "moongate.tensor"

local sequences = {}

local OPTIONS = { "maxlen", "dtype", "padding", "truncating", "value" }
local SIDES = { "pre", "post" }

local function longest(list)
  local most = 0
  for i = 1, #list do most = math.max(most, #list[i]) end
  return most
end

-- A row of `size` values: the sequence cut and filled on the chosen sides.
local function row(sequence, size, padding, truncating, value)
  local n, out = #sequence, {}
  local kept = math.min(n, size)
  local from = truncating == "pre" and n - kept or 0
  local at = padding == "pre" and size - kept or 0
  for i = 1, size do out[i] = value end
  for i = 1, kept do out[at + i] = sequence[from + i] end
  return out
end

-- The same for sequences of vectors or larger items, as tensors: (T, ...) to (size, ...).
local function block(sequence, size, o, padding, truncating)
  local n = sequence.shape[1]
  if n > size then
    local from = truncating == "pre" and n - size or 0
    sequence, n = sequence:slice(1, from + 1, from + size), size
  end
  local widths = { padding == "pre" and { size - n, 0 } or { 0, size - n } }
  for i = 2, #sequence.shape do widths[i] = { 0, 0 } end
  return ops.pad(sequence, widths, o.value or 0)
end

local function items(op, list, dtype)
  local out = {}
  for i = 1, #list do
    local item = ops.cast(create.as_tensor(list[i], dtype), dtype)
    local fits = #item.shape == (i == 1 and #item.shape or #out[1].shape)
    for d = 2, fits and #item.shape or 1 do fits = fits and item.shape[d] == (out[1] or item).shape[d] end
    if not fits then
      check.fail("%s: list[%d] %s does not go with list[1] %s; only the first axis may differ", op, i, tostring(item.shape),
        tostring(out[1].shape))
    end
    out[i] = item
  end
  return out
end

local function is_deep(first)
  if tensor.is(first) then return #first.shape > 1 end
  return type(first) == "table" and type(first[1]) == "table"
end

local function pad_deep(op, list, o, dtype, padding, truncating)
  local blocks, size = items(op, list, dtype), 0
  for i = 1, #blocks do size = math.max(size, blocks[i].shape[1]) end
  size = o.maxlen or size
  for i = 1, #blocks do blocks[i] = block(blocks[i], size, o, padding, truncating) end
  return ops.stack(blocks, 1)
end

--- Sequences of unequal length as one tensor, filled up with `value` and cut to maxlen on the sides named.
---@param list table[] lists of numbers or of vectors, or tensors (T, ...)
---@param options? table { maxlen = longest, dtype = "int32", padding = "pre", truncating = "pre", value = 0 }
---@return Tensor (N, maxlen, ...)
---@example mg.utils.pad_sequences({ { 1, 2 }, { 3 } }, { padding = "post" })
function sequences.pad_sequences(list, options)
  local op = "pad_sequences"
  check.type(op, "list", list, "table")
  local o = check.options(op, options, OPTIONS)
  local dtype = o.dtype or "int32"
  if o.maxlen then check.integer(op, "maxlen", o.maxlen, 0) end
  local padding = check.one_of(op, "padding", o.padding or "pre", SIDES)
  local truncating = check.one_of(op, "truncating", o.truncating or "pre", SIDES)
  if is_deep(list[1]) then return pad_deep(op, list, o, dtype, padding, truncating) end
  local plain = {}
  for i = 1, #list do
    plain[i] = tensor.is(list[i]) and list[i]:to_table() or check.type(op, ("list[%d]"):format(i), list[i], "table")
  end
  local size = o.maxlen or longest(plain)
  if #plain == 0 or size == 0 then return create.zeros({ #plain, size }, { dtype = dtype }) end
  for i = 1, #plain do plain[i] = row(plain[i], size, padding, truncating, o.value or 0) end
  return create.tensor(plain, { dtype = dtype })
end

--- Class ids as rows with a 1 at the id; a last axis of size 1 is dropped.
---@param ids Tensor|integer[] (...) from 0
---@param num_classes? integer default: the largest id + 1
---@return Tensor (..., num_classes)
---@example mg.utils.to_categorical({ 0, 2, 1 }, 3)
function sequences.to_categorical(ids, num_classes)
  local op = "to_categorical"
  ids = ops.cast(create.as_tensor(ids, "int32"), "int32")
  local n = #ids.shape
  if n > 1 and ids.shape[n] == 1 then ids = ops.squeeze(ids, -1) end
  if not num_classes then
    if ids.count == 0 then check.fail("%s: ids is empty; give num_classes", op) end
    num_classes = ops.max(ids):item() + 1
  end
  check.integer(op, "num_classes", num_classes, 1)
  if ids.count > 0 and (ops.max(ids):item() >= num_classes or ops.min(ids):item() < 0) then
    check.fail("%s: ids reach from %d to %d, expected 0..%d", op, ops.min(ids):item(), ops.max(ids):item(), num_classes - 1)
  end
  return ops.one_hot(ids, num_classes, tensor.floatx)
end

return sequences
