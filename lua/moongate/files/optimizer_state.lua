-- The state of an optimizer in model files. Keras 3: optimizer/vars/0, 1, ... with iteration and learning rate first, then slots in
-- the order of own_variables. tf.keras leaves the learning rate to the config; its optimizers of before 2.11, and Keras 2, have all
-- variables of one slot after the other and name them VARIABLE/slot:0. Keras before 2.3 names them Variable_1:0, ..., or param_1
-- where its backend had no names; its RMSprop, Adagrad and Adadelta keep no iteration, its Adam without amsgrad an array (1,) in
-- place of each third slot. Sources: keras/src/optimizers/base_optimizer.py, tf_keras optimizers/optimizer.py and
-- optimizers/legacy/, keras/optimizers.py of 2.2.
local create = require "moongate.tensor_create"
local legacy = require "moongate.files.legacy"
local shapes = require "moongate.shape"
local tree = require "moongate.files.tree"
local variables = require "moongate.files.variables"

local optimizer_state = {}

local KERAS_3, LEGACY = "/optimizer", "/optimizer_weights"
local OLD_SLOTS = { m = true, v = true, vhat = true, rms = true, momentum = true, mg = true, accumulator = true, linear = true,
  accum_grad = true, accum_var = true }

-- Writing ------------------------------------------------------------------------------------------------------------------------

-- Each object that has variables, and where they are.
local function holders(optimizer)
  local list = {}
  tree.walk(optimizer, KERAS_3, function(object, path)
    if object.own_variables then list[#list + 1] = { path = path .. "/vars", object = object } end
  end)
  return list
end

--- Writes an optimizer's state as Keras 3 has it
---@param file table an open HDF5 file
---@param optimizer Optimizer built
---@return boolean|nil, string?
function optimizer_state.write(file, optimizer)
  for _, holder in ipairs(holders(optimizer)) do
    local done, message = file:make_group(holder.path)
    local name = rawget(holder.object, "name")
    if done and type(name) == "string" then done, message = file:set_attribute(holder.path, "name", name) end
    for i, variable in ipairs(done and holder.object:own_variables() or {}) do
      done, message = variables.write(file, ("%s/%d"):format(holder.path, i - 1), variable)
      if not done then break end
    end
    if not done then return nil, message end
  end
  return true
end

-- What is stored -----------------------------------------------------------------------------------------------------------------

local function described(file, paths)
  local list = {}
  for i, item in ipairs(paths) do
    local dtype, shape = file:shape(item.path)
    if not dtype then return nil, shape end
    list[i] = { path = item.path, name = item.name, shape = shape }
  end
  return list
end

-- The datasets "0", "1", ... of a group, in order.
local function numbered(file, group)
  local names = file:children(group)
  local paths = {}
  for i = 1, #(names or {}) do paths[i] = { path = ("%s/%d"):format(group, i - 1) } end
  return described(file, paths)
end

local function named(file)
  local names, message = legacy.texts(file, LEGACY, "weight_names")
  if not names then return nil, message end
  local paths = {}
  for i, name in ipairs(names) do paths[i] = { path = LEGACY .. "/" .. name, name = name } end
  return described(file, paths)
end

-- What belongs to what -----------------------------------------------------------------------------------------------------------

local function is_head(optimizer, variable)
  return variable == optimizer.iteration or variable == rawget(optimizer, "rate")
end

-- What an update needs besides the variables' own slots (Nadam's product), and the slots in Keras 3's order.
local function extras_and_slots(optimizer)
  local extras, slots = {}, {}
  for _, variable in ipairs(optimizer:own_variables()) do
    if not is_head(optimizer, variable) then table.insert(#variable.shape == 0 and extras or slots, variable) end
  end
  return extras, slots
end

-- The same slots with all variables of one together.
local function blocked(optimizer, slots)
  local groups, count, total = optimizer.spec and optimizer.spec.slots(optimizer) or {}, #(optimizer.trained or {}), 0
  for _, group in ipairs(groups) do total = total + #group * count end
  local list, first = {}, #slots - total -- averages and accumulators of gradients stay in front
  for i = 1, first do list[i] = slots[i] end
  for _, group in ipairs(groups) do
    for slot = 1, #group do
      for i = 1, count do list[#list + 1] = slots[first + (i - 1) * #group + slot] end
    end
    first = first + #group * count
  end
  return list
end

local function joined(a, b)
  local list = {}
  for _, part in ipairs { a, b } do
    for _, item in ipairs(part) do list[#list + 1] = item end
  end
  return list
end

local function fits(own, stored)
  if #own ~= #stored then return false end
  for i, variable in ipairs(own) do
    if not shapes.equal(variable.shape, stored[i].shape) then return false end
  end
  return true
end

local function is_old(stored)
  for _, item in ipairs(stored) do
    local name = item.name or ""
    if name:match("Variable[_%d]*:%d+$") or name:match("^param_%d+$") then return true end
    local slot = name:match("/([%l_]+):%d+$")
    if slot and OLD_SLOTS[slot] and not name:match("/[mv]/") then return true end
  end
  return false
end

-- tf.keras: the variables that the stored ones after the iteration are, in order, and whether the extras are missing; nil when they
-- fit in no order.
local function order_of(optimizer, stored)
  local extras, ours = extras_and_slots(optimizer)
  local by_slot = blocked(optimizer, ours)
  local first, second = ours, by_slot
  if is_old(stored) then first, second = by_slot, ours end
  for _, order in ipairs { first, second } do
    if fits(order, stored) then return order, #extras > 0 end
    if fits(joined(extras, order), stored) then return joined(extras, order) end
  end
  -- not built when it was saved; or it keeps momenta that it does not use
  return (#stored == 0 or #ours == 0) and {} or nil
end

-- What follows the iteration, without the arrays (1,) that Keras before 2.3 has for slots that are not used.
local function rest(optimizer, stored)
  local used, places = #stored, #(optimizer.trained or {})
  local extras, slots = extras_and_slots(optimizer)
  if is_old(stored) and used - 1 == #extras + #slots + places then
    used = used - places
    for i = used + 1, #stored do
      if not shapes.equal(stored[i].shape, { 1 }) then used = #stored end
    end
  end
  local list = {}
  for i = 2, used do list[i - 1] = stored[i] end
  return list
end

local function mismatch(optimizer, stored)
  return nil, ("the optimizer's state: %d arrays in the file, and %s has %d variables of other shapes or another order"):format(
    #stored, tree.title(optimizer), #optimizer:own_variables())
end

-- Pairs { variable, path }, or nil and what does not fit.
local function matched(optimizer, stored, has_rate)
  local own = optimizer:own_variables()
  local head = {}
  for _, variable in ipairs(own) do
    local counts = is_head(optimizer, variable) and (has_rate or variable == optimizer.iteration)
    if counts then head[#head + 1] = variable end
  end
  local order, incomplete
  if has_rate and (fits(own, stored) or fits(head, stored)) then
    order = #stored == #own and own or head
  elseif not has_rate and stored[1] and #stored[1].shape == 0 then
    order, incomplete = order_of(optimizer, rest(optimizer, stored))
    if order then order = { optimizer.iteration, unpack(order) } end
  elseif not has_rate and stored[1] and is_old(stored) then
    order = order_of(optimizer, stored)
  end
  if not order then return mismatch(optimizer, stored) end
  local pairs_of = {}
  for i, variable in ipairs(order) do pairs_of[i] = { variable, stored[i].path } end
  return pairs_of, incomplete
end

-- Nadam's product of momenta, which tf.keras does not store, follows from the number of steps; after some thousand it is 0.
local function replay(optimizer, steps)
  for step = 1, math.min(steps, 10000) do optimizer.spec.before(optimizer, step) end
end

local function read_pair(file, pair)
  local variable = pair[1]
  local value = create.empty(variable.shape, { dtype = variable.dtype })
  local read, message = file:read(pair[2], value.dtype, value:data(), value:nbytes())
  if not read then return nil, message end
  return { variable, value }
end

-- For one object and what is stored for it, appends { variable, value }.
local function read_object(file, object, stored, has_rate, values)
  local list, message = matched(object, stored, has_rate)
  if not list then return nil, message end
  local incomplete = message and #list > 0
  for _, pair in ipairs(list) do
    local value
    value, message = read_pair(file, pair)
    if not value then return nil, message end
    values[#values + 1] = value
  end
  if incomplete and object.spec and object.spec.before then replay(object, values[1][2]:item()) end
  return true
end

--- Reads the state of a built optimizer: a list of { variable, value }, empty when the file has none; or nil and what does not fit
---@param file table an open HDF5 file
---@param optimizer Optimizer
---@param dialect string
---@return table[]|nil, string?
function optimizer_state.read(file, optimizer, dialect)
  local values, groups = {}, select(2, file:children("/"))
  local has_rate = dialect == "keras3"
  if groups[LEGACY:sub(2)] then
    local stored, message = named(file)
    if not stored then return nil, message end
    local done, problem = read_object(file, optimizer, stored, has_rate, values)
    return done and values, problem
  end
  if not groups[KERAS_3:sub(2)] then return values end
  for _, holder in ipairs(holders(optimizer)) do
    local stored, message = numbered(file, holder.path)
    if not stored then return nil, message end
    local done, problem = read_object(file, holder.object, stored, has_rate, values)
    if not done then return nil, problem end
  end
  return values
end

return optimizer_state
