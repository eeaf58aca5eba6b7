-- Weights in files. Keras 3's `.weights.h5`, which a `.keras` file holds too: the variables of the object at PATH are PATH/vars/0,
-- 1, ...; `vars` carries the object's name. A dropout's seed generator, which Keras keeps as a uint32 pair but leaves out of its
-- files, lies under its attribute's name, where Keras passes over it. Optimizers and metrics that Keras stores beside the layers
-- are left alone here. Older forms are in files/legacy.lua, .npz in files/npz.lua.
local arrays = require "moongate.files.arrays"
local atomic = require "moongate.files.atomic"
local check = require "moongate.check"
local hdf5 = require "moongate.ffi.hdf5"
local legacy = require "moongate.files.legacy"
local create = require "moongate.tensor_create"
local shapes = require "moongate.shape"
local tensor = require "moongate.tensor"
local tree = require "moongate.files.tree"

local weights = {}

local DEEPEST, MOST, SHOWN = 64, 100000, 4

local function is_seed_generator(object) return object.own_variables == nil and object.get_state ~= nil end

--- Everything that has a place in a file, in order: { path, object, variable or nil (a seed generator), name }; and the objects
---@param model table
---@return table[], table[]
function weights.entries(model)
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

--- Raises unless the model has weights
function weights.check_built(op, model)
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

--- Writes a model's weights into an open file
---@return boolean|nil, string?
function weights.write(file, model)
  local entries, objects = weights.entries(model)
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
---@param path string ends in .weights.h5, or in .npz
function weights.save(model, path)
  check.type("save_weights", "path", path, "string")
  weights.check_built("save_weights", model)
  if path:match("%.npz$") then return require("moongate.files.npz").save_weights(model, path) end
  if not path:match("%.weights%.h5$") then
    check.fail("save_weights: path %q must end in .weights.h5, as in Keras, or in .npz", path)
  end
  local saved, message = atomic.write(path, function(name)
    local file, reason = hdf5.create(name)
    if not file then return nil, reason end
    local written, problem = weights.write(file, model)
    local closed, late = file:close()
    if not written then return nil, problem end
    return closed, late
  end)
  if not saved then check.fail("save_weights: %s cannot be written: %s", path, message) end
end

-- Loading ------------------------------------------------------------------------------------------------------------------------

-- What Keras stores beside the layers: the state of the optimizer, of losses and of metrics.
local ASIDE = { ["/optimizer"] = true, ["/metrics"] = true, ["/loss_tracker"] = true, ["/compile_metrics"] = true,
  ["/compile_loss"] = true }

-- All datasets below a group, as a set of paths. No group may be reached twice: there would be more and more ways to it.
local function datasets_below(file, group, found, depth)
  local names, groups, identities = file:children(group)
  if not names then return nil, groups end
  for _, name in ipairs(names) do
    local path = (group == "/" and "" or group) .. "/" .. name
    found.count = found.count + 1
    if depth > DEEPEST or found.count > MOST then
      return nil, ("%s: more than %d groups, or deeper than %d"):format(path, MOST, DEEPEST)
    end
    if groups[name] and found.seen[identities[name]] then
      return nil, ("%s is the same group as %s; a model file may not hold links"):format(path, found.seen[identities[name]])
    end
    if not groups[name] then
      found[path] = true
    elseif not ASIDE[path] then
      found.seen[identities[name]] = path
      local good, message = datasets_below(file, path, found, depth + 1)
      if not good then return nil, message end
    end
  end
  return found
end

local function entry_text(entry)
  return ("%s (%s, %s)"):format(entry.path:sub(2), tree.title(entry.object), entry.name)
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
      arrays.hint(shape, wanted))
  end
  if dtype == "string" then return ("%s holds text"):format(entry_text(entry)) end
end

-- Datasets that belong to no entry.
local function leftovers(entries, found)
  local expected, rest = { count = true, seen = true }, {}
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
  local found, message = datasets_below(file, "/", { count = 0, seen = {} }, 1)
  if not found then return nil, { message } end
  local problems, fitting = {}, {}
  for _, entry in ipairs(entries) do
    local problem = problem_of(file, entry, found)
    if problem then problems[#problems + 1] = problem elseif found[entry.path] then fitting[#fitting + 1] = entry end
  end
  for _, rest in ipairs(leftovers(entries, found)) do problems[#problems + 1] = rest end
  return fitting, problems
end

local function read_entry(file, entry)
  if not entry.variable then return file:read_numbers(entry.path, 2) end
  local value = create.empty(entry.variable.shape, { dtype = entry.variable.dtype })
  local read, message = file:read(entry.path, value.dtype, value:data(), value:nbytes())
  if not read then return nil, message end
  return value
end

-- Of Keras 3's form: a list of { variable or seed generator, value }, or nil and what does not fit.
local function read_by_path(file, model, skip_mismatch)
  local entries, values = weights.entries(model), {}
  local fitting, problems = look_through(file, entries)
  if not fitting or (#problems > 0 and not skip_mismatch) then return nil, problems end
  for i, entry in ipairs(fitting) do
    local value, message = read_entry(file, entry)
    if not value then return nil, { message } end
    values[i] = { entry.variable or entry.object, value }
  end
  return values
end

--- Reads a model's weights from an open file of any form: a list of { variable or seed generator, value }, or nil and a list of
--- what does not fit. Nothing is changed yet
---@param file table
---@param model table
---@param skip_mismatch? boolean
---@return table[]|nil, string[]?
function weights.read(file, model, skip_mismatch)
  local root = legacy.root(file)
  if root then return legacy.read(file, root, model, skip_mismatch) end
  return read_by_path(file, model, skip_mismatch)
end

--- Gives variables and seed generators what `read` read
---@param values table[]
function weights.take(values)
  for _, pair in ipairs(values) do
    if pair[1].set_state then pair[1]:set_state(pair[2]) else pair[1]:assign(pair[2]) end
  end
end

--- Raises with what does not fit
---@param op string
---@param model table
---@param path string
---@param problems string[]
function weights.fail_with(op, model, path, problems)
  local text = table.concat(problems, "; ", 1, math.min(#problems, SHOWN))
  if #problems > SHOWN then text = ("%s; and %d more"):format(text, #problems - SHOWN) end
  check.fail("%s: %s does not fit %s: %s. Nothing was loaded; build the model as it was when it was saved", op, path,
    tree.title(model), text)
end

local function open(path)
  if path:match("%.keras$") then return require("moongate.files.archive").open_weights(path) end
  if path:match("%.h5$") or path:match("%.hdf5$") then return hdf5.open(path) end
  return check.fail("load_weights: path %q must end in .h5, .hdf5, .keras or .npz", path)
end

--- Loads weights saved here, by Keras 3 or by tf.keras into a built model. When anything does not fit, nothing is loaded
---@param model table with children() and own_variables()
---@param path string ends in .h5 (.weights.h5 among them), .keras or .npz
---@param options? table { skip_mismatch = false: load what fits and pass over the rest }
function weights.load(model, path, options)
  check.type("load_weights", "path", path, "string")
  weights.check_built("load_weights", model)
  options = check.options("load_weights", options, { "skip_mismatch" })
  local values, problems
  if path:match("%.npz$") then
    values, problems = require("moongate.files.npz").read_weights(model, path, options.skip_mismatch)
  else
    local file, message = open(path)
    if not file then check.fail("load_weights: %s", message) end
    values, problems = weights.read(file, model, options.skip_mismatch)
    file:close()
  end
  if not values then weights.fail_with("load_weights", model, path, problems) end
  weights.take(values)
end

return weights
