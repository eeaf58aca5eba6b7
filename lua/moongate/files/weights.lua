-- Weights in Keras 3's `.weights.h5`: the variables of the object at PATH are PATH/vars/0, 1, ...; `vars` carries the object's
-- name. A dropout's seed generator, which Keras keeps as a uint32 pair but leaves out of its files, lies under its attribute's
-- name, where Keras passes over it. Optimizers that Keras stores beside the layers are left alone: files/state.lua has ours.
local atomic = require "moongate.files.atomic"
local check = require "moongate.check"
local hdf5 = require "moongate.ffi.hdf5"
local create = require "moongate.tensor_create"
local shapes = require "moongate.shape"
local tensor = require "moongate.tensor"
local tree = require "moongate.files.tree"

local weights = {}

local DEEPEST, MOST, SHOWN = 64, 100000, 4

local function is_seed_generator(object) return object.own_variables == nil and object.get_state ~= nil end

local function check_path(op, path)
  check.type(op, "path", path, "string")
  if not path:match("%.weights%.h5$") then
    check.fail("%s: path %q must end in .weights.h5, as in Keras", op, path)
  end
end

-- Everything that has a place in the file, in order: { path, object, variable or nil (a seed generator), name }.
local function entries_of(model)
  local objects, entries = {}, {}
  tree.walk(model, "", function(object, path)
    local vars = (path == "" and "" or "/" .. path) .. "/vars"
    objects[#objects + 1] = { path = vars, object = object }
    if is_seed_generator(object) then
      entries[#entries + 1] = { path = vars .. "/0", object = object, name = "state" }
      return
    end
    for i, variable in ipairs(object.own_variables and object:own_variables() or {}) do
      entries[#entries + 1] = { path = ("%s/%d"):format(vars, i - 1), object = object, variable = variable, name = variable.name }
    end
  end)
  return entries, objects
end

local function check_built(op, model)
  if type(model) ~= "table" or not model.children then
    check.fail("%s: argument model is %s, expected a model", op, check.describe(model))
  end
  if rawget(model, "built") == false then
    check.fail("%s: %s has no weights yet; call it on data, or build it with model:build(input_shape)", op, tree.title(model))
  end
end

-- Saving -------------------------------------------------------------------------------------------------------------------------

local function write_entry(file, entry)
  if not entry.variable then return file:write_numbers(entry.path, "uint32", { 2 }, entry.object:get_state()) end
  local value = entry.variable
  local dense = value:is_contiguous() and value or value:copy()
  return file:write(entry.path, value.dtype, value.shape, tensor.read(dense))
end

local function write_all(file, model)
  local entries, objects = entries_of(model)
  for _, item in ipairs(objects) do
    local made, message = file:make_group(item.path)
    local name = rawget(item.object, "name")
    if made and type(name) == "string" then made, message = file:set_attribute(item.path, "name", name) end
    if not made then return nil, message end
  end
  for _, entry in ipairs(entries) do
    local written, message = write_entry(file, entry)
    if not written then return nil, message end
  end
  return true
end

--- Saves a model's weights to a file that Keras 3 reads. The file is complete or not there.
---@param model table with children() and own_variables()
---@param path string ends in .weights.h5
function weights.save(model, path)
  check_path("save_weights", path)
  check_built("save_weights", model)
  local saved, message = atomic.write(path, function(name)
    local file, reason = hdf5.create(name)
    if not file then return nil, reason end
    local written, problem = write_all(file, model)
    local closed, late = file:close()
    if not written then return nil, problem end
    return closed, late
  end)
  if not saved then check.fail("save_weights: %s cannot be written: %s", path, message) end
end

-- Loading ------------------------------------------------------------------------------------------------------------------------

-- All datasets below a group, as a set of paths.
local function datasets_below(file, group, found, depth)
  local names, groups = file:children(group)
  if not names then return nil, groups end
  for _, name in ipairs(names) do
    local path = (group == "/" and "" or group) .. "/" .. name
    found.count = found.count + 1
    if depth > DEEPEST or found.count > MOST then
      return nil, ("%s: more than %d groups, or deeper than %d"):format(path, MOST, DEEPEST)
    end
    if not groups[name] then
      found[path] = true
    elseif path ~= "/optimizer" then
      local good, message = datasets_below(file, path, found, depth + 1)
      if not good then return nil, message end
    end
  end
  return found
end

local function entry_text(entry)
  return ("%s (%s, %s)"):format(entry.path:sub(2), tree.title(entry.object), entry.name)
end

local function hint_for(shape, wanted)
  if #shape == 1 and #wanted == 2 and wanted[1] == 2 and shape[1] == wanted[2] then
    return "; the file's layer has reset_after = false: make the layer with it"
  end
  if #shape == 2 and #wanted == 1 and shape[1] == 2 and shape[2] == wanted[1] then
    return "; the file's layer has reset_after = true: make the layer with it"
  end
  return ""
end

-- What is wrong with an entry, or nil.
local function problem_of(file, entry, found)
  local variable = entry.variable
  if not found[entry.path] then
    return variable and entry_text(entry) .. " is not in the file" -- a seed generator may be missing: Keras leaves it out
  end
  local dtype, shape = file:shape(entry.path)
  if not dtype then return shape end
  local wanted = variable and variable.shape or { 2 }
  if not shapes.equal(shape, wanted) then
    return ("%s has shape %s in the file and %s in the model%s"):format(entry_text(entry), shapes.text(shape), shapes.text(wanted),
      hint_for(shape, wanted))
  end
  if dtype == "string" then return ("%s holds text"):format(entry_text(entry)) end
end

-- Datasets that belong to no entry.
local function leftovers(entries, found)
  local expected, rest = { count = true }, {}
  for _, entry in ipairs(entries) do expected[entry.path] = true end
  for path in pairs(found) do
    if not expected[path] and not path:match("/seed_generator/") then
      rest[#rest + 1] = ("%s is in the file, and the model has no such variable"):format(path:sub(2))
    end
  end
  table.sort(rest)
  return rest
end

local function look_through(file, entries)
  local found, message = datasets_below(file, "/", { count = 0 }, 1)
  if not found then return nil, message end
  local problems, fitting = {}, {}
  for _, entry in ipairs(entries) do
    local problem = problem_of(file, entry, found)
    if problem then problems[#problems + 1] = problem elseif found[entry.path] then fitting[#fitting + 1] = entry end
  end
  for _, rest in ipairs(leftovers(entries, found)) do problems[#problems + 1] = rest end
  return fitting, problems
end

local function fail_with(model, path, problems)
  local text = table.concat(problems, "; ", 1, math.min(#problems, SHOWN))
  if #problems > SHOWN then text = ("%s; and %d more"):format(text, #problems - SHOWN) end
  check.fail("load_weights: %s does not fit %s: %s. Nothing was loaded; build the model as it was when it was saved", path,
    tree.title(model), text)
end

local function read_entry(file, entry)
  if not entry.variable then return file:read_numbers(entry.path, 2) end
  local value = create.empty(entry.variable.shape, { dtype = entry.variable.dtype })
  local read, message = file:read(entry.path, value.dtype, value:data(), value:nbytes())
  if not read then return nil, message end
  return value
end

-- Everything is read before anything is changed.
local function read_all(file, entries, path)
  local values = {}
  for i, entry in ipairs(entries) do
    local value, message = read_entry(file, entry)
    if not value then check.fail("load_weights: %s: %s", path, message) end
    values[i] = value
  end
  return values
end

local function take(entries, values)
  for i, entry in ipairs(entries) do
    if entry.variable then entry.variable:assign(values[i]) else entry.object:set_state(values[i]) end
  end
end

--- Loads weights saved here or by Keras 3 into a built model. When anything does not fit, nothing is loaded.
---@param model table with children() and own_variables()
---@param path string ends in .weights.h5
---@param options? table { skip_mismatch = false: load what fits and pass over the rest }
function weights.load(model, path, options)
  check_path("load_weights", path)
  check_built("load_weights", model)
  options = check.options("load_weights", options, { "skip_mismatch" })
  local file, message = hdf5.open(path)
  if not file then check.fail("load_weights: %s", message) end
  local entries = entries_of(model)
  local fitting, problems = look_through(file, entries)
  local values = fitting and (#problems == 0 or options.skip_mismatch) and read_all(file, fitting, path)
  file:close()
  if not fitting then check.fail("load_weights: %s: %s", path, problems) end
  if not values then fail_with(model, path, problems) end
  take(fitting, values)
end

return weights
