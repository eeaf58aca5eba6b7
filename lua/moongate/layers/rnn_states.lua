-- The states of a recurrent layer. A cell says how many it has: state_size is a number, or a list of numbers and of such lists (a
-- stack of cells). Outside, states are one flat list of tensors (B, size); a cell is called with them in the form of state_size.
local check = require "moongate.check"
local create = require "moongate.tensor_create"
local null = require "moongate.null"
local ops = require "moongate.ops"
local tensor = require "moongate.tensor"

local states = {}

--- The sizes in state_size, one after another.
---@param size integer|table
---@param list? integer[]
---@return integer[]
function states.sizes(size, list)
  list = list or {}
  if type(size) == "table" then
    for _, each in ipairs(size) do states.sizes(each, list) end
  else
    list[#list + 1] = size
  end
  return list
end

--- Whether a value can be a state_size.
---@param size any
---@return boolean
function states.is_size(size)
  if type(size) == "number" then return size >= 0 and size % 1 == 0 end
  if type(size) ~= "table" or size[1] == nil then return false end
  for _, each in ipairs(size) do
    if not states.is_size(each) then return false end
  end
  return true
end

-- Rows of numbers: one state, given as nested tables.
local function is_rows(value)
  local first = value[1]
  return type(first) == "table" and not tensor.is(first) and type(first[1]) == "number"
end

--- All states in a tensor, a list, or lists in lists, one after another.
---@param value any
---@param list? table
---@return table
function states.flat(value, list)
  list = list or {}
  if type(value) ~= "table" or value.shape or is_rows(value) then
    list[#list + 1] = value
  else
    for _, each in ipairs(value) do states.flat(each, list) end
  end
  return list
end

--- Flat states in the form of state_size, as a cell takes them: always a list.
---@param size integer|table
---@param flat Tensor[]
---@return table
function states.packed(size, flat)
  local at = 0
  local function take(each)
    if type(each) == "table" then
      local list = {}
      for i, inner in ipairs(each) do list[i] = take(inner) end
      return list
    end
    at = at + 1
    return flat[at]
  end
  local all = take(size)
  return tensor.is(all) and { all } or all
end

--- Zeros for a state_size: a list in its form.
---@param size integer|table
---@param batch integer
---@param dtype string
---@return table
function states.zeros(size, batch, dtype)
  local flat = {}
  for i, each in ipairs(states.sizes(size)) do flat[i] = create.zeros({ batch, each }, { dtype = dtype }) end
  return states.packed(size, flat)
end

--- Given states, checked against the layer's sizes: a flat list in the cell's dtype, and the batch size (the first state's when
--- batch is nil).
---@param layer table
---@param what string how messages call them
---@param given any
---@param batch? integer
---@return Tensor[], integer
function states.checked(layer, what, given, batch)
  check.type(layer:title(), what, given, "table")
  local flat, sizes, out = states.flat(given), states.sizes(layer.cell.state_size), {}
  if #flat ~= #sizes then check.fail("%s: %s has %d states, expected %d", layer:title(), what, #flat, #sizes) end
  local dtype = layer:state_dtype()
  for i, size in ipairs(sizes) do
    local state = create.as_tensor(flat[i], dtype)
    batch = batch or state.shape[1]
    if #state.shape ~= 2 or state.shape[1] ~= batch or state.shape[2] ~= size then
      check.fail("%s: %s%s has shape %s, expected %s", layer:title(), what, #sizes > 1 and ("[%d]"):format(i) or "",
        layer.shape_text(state.shape), layer.shape_text { batch, size })
    end
    out[i] = ops.cast(state, dtype)
  end
  return out, batch
end

local function fits(size, wanted) return size == null or wanted == null or size == wanted end

local function expect_shape(layer, what, s, wanted)
  if #s ~= 2 or not fits(s[1], wanted[1]) or not fits(s[2], wanted[2]) then
    check.fail("%s: %s has shape %s, expected %s", layer:title(), what, layer.shape_text(s), layer.shape_text(wanted))
  end
end

--- Checks the states and the mask of a call on symbolic tensors as far as sizes are known.
---@param layer table
---@param shape integer[] of the input
---@param options table initial_state, mask
function states.check_symbolic(layer, shape, options)
  check.type(layer:title(), "options", options, "table")
  local given, mask, sizes = options.initial_state, options.mask, states.sizes(layer.cell.state_size)
  if type(given) == "table" and given ~= null then
    local flat = states.flat(given)
    if #flat ~= #sizes then check.fail("%s: initial_state has %d states, expected %d", layer:title(), #flat, #sizes) end
    for i, size in ipairs(sizes) do
      local s = type(flat[i]) == "table" and flat[i].shape
      local what = #sizes > 1 and ("initial_state[%d]"):format(i) or "initial_state"
      if s then expect_shape(layer, what, s, { layer:batch_of(shape), size }) end
    end
  end
  local s = type(mask) == "table" and mask.shape
  if s and #s < 3 then expect_shape(layer, "mask", s, { shape[1], shape[2] }) end
end

return states
