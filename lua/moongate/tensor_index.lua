-- x[i], x[{ {from, to}, i, {from, to, step} }] and assignment to them. Positions count from 1, negative from the end.
local check = require "moongate.check"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local raw = require "moongate.ops.raw"
local convert = require "moongate.ops.convert"
local view = require "moongate.ops.view"

local function by_table(x, key)
  if tensors.is(key) then
    check.fail("index: the index is a tensor; use x:gather(ids) for rows by id (from 0), or mg.ops.where for masks")
  end
  if #key > #x.shape then
    check.fail("index: %d entries for a tensor of %d dimensions %s", #key, #x.shape, tostring(x.shape))
  end
  local y = x
  for dim = #key, 1, -1 do
    local entry = key[dim]
    if type(entry) == "number" then
      y = view.select(y, dim, entry)
    elseif type(entry) == "table" then
      if entry[1] ~= nil or entry[2] ~= nil then y = view.slice(y, dim, entry[1], entry[2], entry[3]) end
    else
      check.fail("index: entry %d is %s, expected a number, {from, to}, {from, to, step} or {} for all", dim, check.describe(entry))
    end
  end
  return rawequal(y, x) and view.reshape(x, x.shape) or y
end

function tensors.get_item(x, key)
  if type(key) == "number" then
    if #x.shape == 0 then check.fail("index: a tensor of no dimensions cannot be indexed; use :item()") end
    return view.select(x, 1, key)
  elseif type(key) == "table" then
    return by_table(x, key)
  end
  check.fail("index: %s, expected a number or a table such as { {1, 3}, 2 }", check.describe(key))
end

function tensors.set_item(x, key, value)
  convert.writable("assignment", x)
  local part = autograd.no_grad(tensors.get_item, x, key)
  if type(value) == "number" then
    raw.fill(part, value)
  else
    if type(value) == "table" and not tensors.is(value) then value = tensors.create.tensor(value, { dtype = x.dtype }) end
    tensors.expect("assignment", "value", value)
    if value.node and autograd.state.on then
      check.fail("assignment: the value %s requires a gradient, which would be lost; use value:detach()", tostring(value.shape))
    end
    raw.copy_to(part, value)
  end
  part:free()
end
