-- Weights in the .h5 files of before .keras: a group for each layer, named in the attribute layer_names; in it the arrays named in
-- weight_names, trainable ones first. Lists too long for one attribute are split into layer_names0, layer_names1, ...
-- Source: keras/src/legacy/saving/legacy_h5_format.py.
local arrays = require "moongate.files.arrays"
local create = require "moongate.tensor_create"
local shapes = require "moongate.shape"
local tree = require "moongate.files.tree"
local variables = require "moongate.files.variables"

local legacy = {}

local MOST = 100000

--- The texts of an attribute, whole or split; nil when there is none
---@param file table
---@param group string
---@param name string
---@return string[]|nil, string?
function legacy.texts(file, group, name)
  local list, message = file:texts(group, name)
  if list then return list end
  local all, part = {}, 0
  while true do
    list = file:texts(group, name .. part)
    if not list then break end
    for _, text in ipairs(list) do all[#all + 1] = text end
    part = part + 1
    if #all > MOST then return nil, ("%s has more than %d %s"):format(group, MOST, name) end
  end
  if part == 0 then return nil, message end
  return all
end

--- The group that holds the weights of a file of this form, or nil
---@param file table
---@return string|nil
function legacy.root(file)
  for _, group in ipairs { "/", "/model_weights" } do
    if legacy.texts(file, group, "layer_names") then return group end
  end
end

-- The arrays of a group in order: { path =, shape = }.
local function stored_arrays(file, group)
  local names, message = legacy.texts(file, group, "weight_names")
  if not names then
    if message:find("has no attribute", 1, true) then return {} end
    return nil, message
  end
  local list = {}
  for i, name in ipairs(names) do
    local path = group .. "/" .. name
    local dtype, shape = file:shape(path)
    if not dtype then return nil, shape end
    if dtype == "string" then return nil, path .. " holds text" end
    list[i] = { path = path, shape = shape }
  end
  return list
end

-- The file's layers that have weights: { name =, arrays = }, in order.
local function stored_layers(file, root)
  local names, message = legacy.texts(file, root, "layer_names")
  if not names then return nil, message end
  names[#names + 1] = "top_level_model_weights"
  local list, groups = {}, select(2, file:children(root))
  for _, name in ipairs(names) do
    local top = name == "top_level_model_weights"
    if not top or (type(groups) == "table" and groups[name]) then
      local found, problem = stored_arrays(file, (root == "/" and "" or root) .. "/" .. name)
      if not found then return nil, problem end
      if #found > 0 then list[#list + 1] = { name = name, arrays = found } end
    end
  end
  return list
end

-- A layer's variables as the file has them, trainable ones first, in runs of one owner: { owner =, variables = }.
local function runs_of(layer)
  local owners, runs = variables.owners(layer), {}
  for _, list in ipairs { layer.trainable_weights, layer.non_trainable_weights } do
    for _, variable in ipairs(list) do
      local run = runs[#runs]
      if not run or run.owner ~= owners[variable] then
        run = { owner = owners[variable], variables = {} }
        runs[#runs + 1] = run
      end
      table.insert(run.variables, variable)
    end
  end
  return runs
end

local function class_name(object)
  local meta = object and getmetatable(object)
  return meta and meta.class and meta.class.name
end

local function part_of(list, first, count)
  local part = {}
  for i = 1, count do part[i] = list[first + i - 1] end
  return part
end

local function shapes_in(list)
  local out = {}
  for i, item in ipairs(list) do out[i] = item.shape end
  return out
end

-- The form in which the arrays from `first` on are a run's variables; nil when none fits.
local function form_of(run, stored, first)
  for _, form in ipairs(arrays.forms(class_name(run.owner), run.variables)) do
    if first + form.count - 1 <= #stored and form.fits(shapes_in(part_of(stored, first, form.count))) then return form end
  end
end

-- The first array that does not fit the run, in words.
local function misfit(layer, run, stored, first)
  for i, variable in ipairs(run.variables) do
    local item = stored[first + i - 1]
    if not item then return ("%s: %s is not in the file"):format(tree.title(layer), variable.name) end
    if not shapes.equal(item.shape, variable.shape) then
      return ("%s: %s (%s) has shape %s in the file and %s in the model%s"):format(tree.title(layer), variable.name,
        item.path:sub(2), shapes.text(item.shape), shapes.text(variable.shape), arrays.hint(item.shape, variable.shape))
    end
  end
end

-- What to read for a layer: { { variables =, items =, convert = } }, or nil and what does not fit.
local function plan_layer(layer, stored)
  local jobs, at = {}, 1
  for _, run in ipairs(runs_of(layer)) do
    local form = form_of(run, stored, at)
    if not form then return nil, misfit(layer, run, stored, at) end
    jobs[#jobs + 1] = { variables = run.variables, items = part_of(stored, at, form.count), convert = form.convert }
    at = at + form.count
  end
  if at <= #stored then
    return nil, ("%s: the file has %d arrays for it, and the model has no variable for %s"):format(tree.title(layer), #stored,
      stored[at].path:sub(2))
  end
  return jobs
end

-- The model's layers with weights; by the file's names where those are the model's, else in order.
local function matched(model, stored)
  local list, by_name, all_named = {}, {}, true
  for _, layer in ipairs(model.layers or { model }) do
    if #layer.weights > 0 then
      list[#list + 1] = layer
      by_name[layer.name] = layer
    end
  end
  if #list ~= #stored then return nil, ("the file has weights of %d layers, the model of %d"):format(#stored, #list) end
  for _, item in ipairs(stored) do all_named = all_named and by_name[item.name] end
  for i, item in ipairs(stored) do list[i] = all_named and by_name[item.name] or list[i] end
  return list
end

local function read_job(file, job, values)
  local list = {}
  for i, item in ipairs(job.items) do
    local value = create.empty(item.shape, { dtype = job.variables[1].dtype })
    local read, message = file:read(item.path, value.dtype, value:data(), value:nbytes())
    if not read then return nil, message end
    list[i] = value
  end
  for i, value in ipairs(job.convert(list)) do values[#values + 1] = { job.variables[i], value } end
  return true
end

local function read_jobs(file, jobs)
  local values = {}
  for _, job in ipairs(jobs) do
    local read, message = read_job(file, job, values)
    if not read then return nil, { message } end
  end
  return values
end

--- Reads the weights of a built model: a list of { variable, value }, or nil and a list of what does not fit
---@param file table
---@param root string what `root` gave
---@param model table
---@param skip_mismatch? boolean leave out the layers that do not fit
---@return table[]|nil, string[]?
function legacy.read(file, root, model, skip_mismatch)
  local stored, message = stored_layers(file, root)
  if not stored then return nil, { message } end
  local layers
  layers, message = matched(model, stored)
  if not layers then return nil, { message } end
  local jobs, problems = {}, {}
  for i, layer in ipairs(layers) do
    local planned, problem = plan_layer(layer, stored[i].arrays)
    if not planned then problems[#problems + 1] = problem end
    for _, job in ipairs(planned or {}) do jobs[#jobs + 1] = job end
  end
  if #problems > 0 and not skip_mismatch then return nil, problems end
  return read_jobs(file, jobs)
end

return legacy
