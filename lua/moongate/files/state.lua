-- What weights leave out of a training run, in NAME.state.h5 beside NAME.weights.h5: optimizer with its step count, epochs and
-- batches done, the seed of the shuffle order, every seed generator in full, the global random stream, and the states of stateful
-- layers. With both files training goes on bit for bit as if it had not stopped, within an epoch too. A fingerprint of the weights
-- tells a pair that was torn, as by a kill between the two files.
local bytes = require "moongate.ffi.bytes"
local check = require "moongate.check"
local random = require "moongate.random"
local record = require "moongate.files.record"
local tensor = require "moongate.tensor"
local tree = require "moongate.files.tree"

local state = {}

-- Seed generators and layers that carry states, by path.
local function keepers(model)
  local generators, layers = {}, {}
  tree.walk(model, "", function(object, path)
    if object.get_state and object.set_state then generators[path] = object end
    if object.stateful and object.reset_state then layers[path] = object end
  end)
  return generators, layers
end

local function check_model(op, model)
  if type(model) ~= "table" or not model.children then
    check.fail("%s: argument model is %s, expected a model", op, check.describe(model))
  end
  if not rawget(model, "optimizer") or not model.optimizer.built then
    check.fail("%s: %s has no optimizer with state yet; compile and build the model first", op, tree.title(model))
  end
end

-- A number of 32 bits of every bit of the weights, in order; weights of bytes are not there.
local function fingerprint(model)
  local hash = 0
  for _, value in ipairs(model.weights) do
    local dense = value:is_contiguous() and value or value:copy()
    hash = bytes.hash(hash, tensor.read(dense), dense:nbytes())
  end
  return hash
end

local function optimizer_name(model) return getmetatable(model.optimizer).class.name end

--- Saves the state of a run
---@param model table a compiled model, built
---@param path string ends in .state.h5
---@param extra? table what else the run needs: a tree of numbers, strings, booleans, tensors
function state.save(model, path, extra)
  check_model("save_state", model)
  local generators, layers = keepers(model)
  local seeds, states = {}, {}
  for name, generator in pairs(generators) do seeds[name] = { generator.seed, generator.counter } end
  for name, layer in pairs(layers) do
    if rawget(layer, "states") then states[name] = layer.states end
  end
  record.save(path, {
    optimizer = model.optimizer, optimizer_name = optimizer_name(model), epochs_done = model.epochs_done or 0,
    batches_done = model.batches_done or 0,
    shuffle_seed = model.shuffle_seed, seeds = seeds, states = states, random = random.get_state(), extra = extra or {},
    fingerprint = fingerprint(model),
  }, "save_state")
end

local function check_seeds(saved, generators)
  for name in pairs(generators) do
    local pair = saved[name]
    if type(pair) ~= "table" or type(pair[1]) ~= "number" or type(pair[2]) ~= "number" then
      return ("the state of %s was not saved"):format(name)
    end
  end
end

local function check_states(saved, layers)
  for name, list in pairs(saved) do
    if not layers[name] then return ("%s had a state when this was saved and is not stateful now"):format(name) end
    for _, value in ipairs(list) do
      if not tensor.is(value) then return ("the state of %s is no tensor"):format(name) end
    end
  end
end

local function is_whole(value) return type(value) == "number" and value >= 0 and value == math.floor(value) end

local function problem_of(saved, model, generators, layers)
  for _, name in ipairs { "seeds", "states", "random", "extra" } do
    if type(saved[name]) ~= "table" then return "it has no " .. name end
  end
  if saved.optimizer_name ~= optimizer_name(model) then
    return ("it is of the optimizer %s, the model has %s"):format(tostring(saved.optimizer_name), optimizer_name(model))
  end
  for _, name in ipairs { "seed", "offset", "made" } do
    if not is_whole(saved.random[name]) then return "its random stream is incomplete" end
  end
  if not is_whole(saved.epochs_done) then return "it has no number of epochs" end
  if not is_whole(saved.batches_done) then return "it has no number of batches" end
  if saved.shuffle_seed ~= nil and not is_whole(saved.shuffle_seed) then return "its shuffle seed is no whole number" end
  return record.problem(model.optimizer, saved.optimizer) or check_seeds(saved.seeds, generators)
    or check_states(saved.states, layers)
end

local function check_fingerprint(saved, model, path)
  if saved.fingerprint == fingerprint(model) then return end
  check.fail("load_state: %s (after %d updates) was saved with other weights than %s has now; load the weights that were saved "
    .. "with it first. If they are loaded, the two files do not belong together, as when a save was cut short between them: take "
    .. "an older pair, or go on with the weights alone", path, saved.optimizer.values[1]:item(), tree.title(model))
end

--- Loads the state of a run into a model that is compiled and built as it was and has the weights of then. When anything does not
--- fit, nothing is loaded.
---@param model table
---@param path string
---@return table extra as given to save
function state.load(model, path)
  check_model("load_state", model)
  local saved = record.load(path, "load_state")
  local generators, layers = keepers(model)
  local problem = problem_of(saved, model, generators, layers)
  if problem then
    check.fail("load_state: %s does not fit %s: %s; compile and build the model as it was when this was saved", path,
      tree.title(model), problem)
  end
  check_fingerprint(saved, model, path)
  record.restore(model.optimizer, saved.optimizer)
  for name, generator in pairs(generators) do generator:set_state(saved.seeds[name]) end
  for name, list in pairs(saved.states) do layers[name]:reset_state(list) end
  random.set_state(saved.random)
  model.epochs_done, model.batches_done, model.shuffle_seed = saved.epochs_done, saved.batches_done, saved.shuffle_seed
  model.resumed = { epochs_done = saved.epochs_done, batches_done = saved.batches_done }
  return saved.extra
end

return state
