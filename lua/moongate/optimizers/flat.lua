-- Flat memory: variables of one dtype lie one after the other in one tensor, the optimizer's state likewise, and the gradients
-- where they are not read where they lie. A group and each of its entries have the same fields (parameter, gradient, slots,
-- decays), so an update can take either.
local create = require "moongate.tensor_create"
local check = require "moongate.check"
local ops = require "moongate.ops"
local tensor = require "moongate.tensor"
local Variable = require "moongate.variable"

local flat = {}

local function view(whole, entry)
  return ops.reshape(ops.slice(whole, 1, entry.first, entry.last), entry.variable.shape):keep()
end

-- Variables by dtype and by whether weight decay touches them, in order.
local function sort_out(variables, decays)
  local groups, by_key, entries = {}, {}, {}
  for i, variable in ipairs(variables) do
    tensor.expect("optimizer", ("variables[%d]"):format(i), variable)
    local key = variable.dtype .. tostring(decays(variable))
    local group = by_key[key]
    if not group then
      group = { dtype = variable.dtype, decays = decays(variable), size = 0, entries = {}, slots = {} }
      by_key[key], groups[#groups + 1] = group, group
    end
    local count = variable.count
    local entry = { variable = variable, first = group.size + 1, last = group.size + count, decays = group.decays, slots = {} }
    group.size = group.size + count
    group.entries[#group.entries + 1] = entry
    entries[variable] = entry
  end
  return groups, entries
end

-- The variable's values move into its place, and the variable becomes that place.
local function adopt(entry)
  entry.parameter:copy_(entry.variable)
  entry.variable:share_(entry.parameter)
  entry.variable.home = entry
end

-- A slot is a name, or { name =, value = at the start }; one with `shape(variable)` -> shape, dtype has its own tensor for each
-- variable, outside the flat ones, and is called as `title(variable)` says; of another dtype than the variable it only fills a
-- place among the state.
local function as_slot(slot) return type(slot) == "table" and slot or { slot } end

local function own_slot(slot, variable)
  local shape, dtype = slot.shape(variable)
  return create.full(shape, slot.value or 0, { dtype = dtype or variable.dtype }):keep()
end

local function lay_out(group, lists)
  local function new(value) return create.full({ group.size }, value or 0, { dtype = group.dtype }):keep() end
  group.parameter = new()
  local own = {}
  for _, list in ipairs(lists) do
    for _, slot in ipairs(list) do
      slot = as_slot(slot)
      if slot.shape then own[#own + 1] = slot else group.slots[slot[1]] = new(slot.value) end
    end
  end
  for _, entry in ipairs(group.entries) do
    entry.parameter, entry.group = view(group.parameter, entry), group
    for name, slot in pairs(group.slots) do entry.slots[name] = view(slot, entry) end
    for _, slot in ipairs(own) do entry.slots[slot[1]] = own_slot(slot, entry.variable) end
    adopt(entry)
  end
end

local function state_variable(entry, slot)
  local variable, memory = entry.variable, entry.slots[slot[1]]
  local path = (variable.path or variable.name or "variable"):gsub("/", "_")
  local name = slot.title and slot.title(variable) or path .. "_" .. slot[1]
  local own = Variable(memory, { name = name, trainable = false }):share_(memory)
  own.fills_a_place = slot.shape and memory.dtype ~= variable.dtype or nil
  return own
end

-- The state as variables, as Keras orders them: the slots of one list interleaved over the variables.
local function state_variables(variables, entries, lists)
  local all = {}
  for _, list in ipairs(lists) do
    for _, variable in ipairs(variables) do
      for _, slot in ipairs(list) do all[#all + 1] = state_variable(entries[variable], as_slot(slot)) end
    end
  end
  return all
end

-- The flat memory that an update writes, of all groups: a gradient may be a view of another group's parameter.
local function written(groups)
  local list = {}
  for _, group in ipairs(groups) do
    list[#list + 1] = group.parameter
    for _, slot in pairs(group.slots) do list[#list + 1] = slot end
  end
  return list
end

--- Lays out parameters, gradients and the state (lists of slots) for the variables.
---@return table { groups =, entries = by variable, variables = the state, written = what updates write }
function flat.build(variables, lists, decays)
  local groups, entries = sort_out(variables, decays)
  for _, group in ipairs(groups) do lay_out(group, lists) end
  return { groups = groups, entries = entries, variables = state_variables(variables, entries, lists),
    written = written(groups) }
end

-- Memory for gradients, where they are written to.
local function make_gradients(group)
  group.gradient = create.full({ group.size }, 0, { dtype = group.dtype }):keep()
  for _, entry in ipairs(group.entries) do entry.gradient = view(group.gradient, entry) end
end

local function entry_of(op, state, gradient, variable, i)
  local entry = state.entries[variable]
  if not entry then
    check.fail("%s.apply: variables[%d] (%s) is not one of those the optimizer was built with; make a new optimizer", op, i,
      tostring(variable and variable.name))
  end
  tensor.expect(op .. ".apply", ("gradients[%d]"):format(i), gradient)
  if gradient.shape ~= variable.shape then
    check.fail("%s.apply: gradients[%d] %s does not fit %s %s; likely fix: gradients in the order of the variables", op, i,
      tostring(gradient.shape), variable.name, tostring(variable.shape))
  end
  if variable.home ~= entry then adopt(entry) end
  return entry
end

local function placed(entry, gradient)
  if not entry.group.gradient then make_gradients(entry.group) end
  return entry.gradient:copy_(gradient)
end

--- Copies gradients to their places. Whole groups come back where every variable has a gradient, else single entries.
---@return table[] targets what to update; table[] entries the variables concerned
function flat.take(op, state, gradients, variables, scale)
  local entries, active = {}, {}
  for i, variable in ipairs(variables) do
    if gradients[i] then
      local entry = entry_of(op, state, gradients[i], variable, i)
      placed(entry, gradients[i])
      if scale then entry.gradient:div_(scale) end
      entries[#entries + 1], active[entry] = entry, true
    end
  end
  local targets = {}
  for _, group in ipairs(state.groups) do
    local list, whole = {}, true
    for _, entry in ipairs(group.entries) do
      if active[entry] then list[#list + 1] = entry else whole = false end
    end
    if whole then list = { group } end
    for _, target in ipairs(list) do targets[#targets + 1] = target end
  end
  return targets, entries
end

--- The variables' entries, each with the gradient in a target of its own: where it lies, unless an update could not read it there.
---@param state_of function the state in the order of ops.optimizer_update, from slots
---@return table[] targets { parameter =, gradient =, state =, decays = }; table[] entries
function flat.read(op, state, gradients, variables, state_of)
  local targets, entries, given = {}, {}, {}
  for i, variable in ipairs(variables) do -- all of them first: a gradient may be a variable that moves home here
    if gradients[i] then
      entries[#entries + 1] = entry_of(op, state, gradients[i], variable, i)
      given[#entries] = gradients[i]
    end
  end
  for i, entry in ipairs(entries) do
    local gradient = given[i]
    entry.state = entry.state or state_of(entry.slots)
    if not ops.optimizer_reads(gradient, entry.parameter, state.written) then gradient = placed(entry, gradient) end
    targets[i] = { parameter = entry.parameter, gradient = gradient, state = entry.state, decays = entry.decays, scale = false }
  end
  return targets, entries
end

return flat
