-- fit and evaluate: epochs over batches, validation, callbacks, Ctrl-C. Source: keras/src/trainers/trainer.py.
local CallbackList = require "moongate.callbacks.list"
local check = require "moongate.check"
local Dataset = require "moongate.data.dataset"
local History = require "moongate.callbacks.history"
local random = require "moongate.random"
local signal = require "moongate.ffi.signal"
local structure = require "moongate.structure"

local FIT = {
  "batch_size", "epochs", "verbose", "callbacks", "validation_split", "validation_data", "shuffle", "class_weight", "sample_weight",
  "initial_epoch", "steps_per_epoch", "validation_steps", "validation_batch_size", "validation_freq", "tbptt",
}
local EVALUATE = { "batch_size", "verbose", "sample_weight", "steps", "callbacks", "return_dict" }

-- Targets by name: a table that holds others under names which no option has.
local function is_targets(y, known)
  local names = {}
  for _, name in ipairs(known) do names[name] = true end
  for name, value in pairs(y) do
    if not names[name] and type(value) == "table" then return true end
  end
  return false
end

-- (dataset, options) is (dataset, nil, options).
local function arguments(op, y, options, known)
  if options == nil and check.is_options(y) and not is_targets(y, known) then y, options = nil, y end
  return y, check.options(op, options, known)
end

-- The last part of the rows, before any shuffling, as Keras does.
local function split(op, x, y, w, part)
  if not structure.is_data(x) then check.fail("%s: validation_split needs x as a tensor or table, not a dataset", op) end
  local rows = structure.first(x).shape[1]
  local at = math.floor(rows * (1 - part))
  if at < 1 or at >= rows then check.fail("%s: validation_split %g of %d rows leaves a part empty", op, part, rows) end
  local function cut(data, first, last)
    return structure.map(data, function(t) return t:slice(1, first, last) end)
  end
  return cut(x, 1, at), cut(y, 1, at), cut(w, 1, at), { cut(x, at + 1, rows), cut(y, at + 1, rows), cut(w, at + 1, rows) }
end

local function validation_set(self, op, data, batch_size)
  if data == nil then return nil end
  if Dataset.is_dataset(data) or type(data) == "function" then return Dataset.of(op, data) end
  if type(data) ~= "table" or getmetatable(data) then
    check.fail("%s: argument validation_data is %s, expected a list { x, y } or { x, y, sample_weight }", op, check.describe(data))
  end
  return Dataset.of(op, self:batch_of("fit: validation_data", data[1], data[2], data[3])):batch(batch_size)
end

-- The batches of fit and those of validation.
local function datasets(self, op, x, y, o)
  local w
  x, y, w = self:batch_of("fit", x, y, o.sample_weight)
  local validation = o.validation_data
  local part = check.number(op, "validation_split", o.validation_split or 0, 0, 1)
  if part > 0 and validation == nil then x, y, w, validation = split(op, x, y, w, part) end
  local size = check.integer(op, "batch_size", o.batch_size or 32, 1)
  local train = Dataset.of(op, x, y, w)
  if structure.is_data(x) then
    train = train:batch(size)
    if o.shuffle ~= false then train = train:shuffle(self:order_seed()) end
  end
  return train, validation_set(self, op, validation, o.validation_batch_size or size)
end

local function count(op, name, value) return value ~= nil and check.integer(op, name, value, 1) or nil end

local function least(a, b) return a and b and math.min(a, b) or a or b end

-- Gives the batches of span.epoch from span.first on, but those span.passed; behind the last one comes the first again where the
-- epoch did not begin with it.
local function reader(batches, span)
  local first, all = span.first or 0, batches:steps()
  local at = first + (span.passed or 0)
  if first > 0 and at >= all then at, first = at - all, 0 end
  local next_batch = batches:iterate(span.epoch, at)
  return function()
    if first > 0 and at == all then next_batch, first = batches:iterate(span.epoch), 0 end
    at = at + 1
    return next_batch()
  end
end

-- What Keras says when there are fewer batches than were asked for; once for each call of fit or evaluate.
local function ran_out(notice, done, limit)
  if notice.said then return end
  notice.said = true
  io.stdout:flush()
  io.stderr:write(("moongate: Your input ran out of data; interrupting training. It gave %d of the %d batches that %s asks for.\n")
    :format(done, limit, notice.option))
end

-- Runs step(x, y, w) over the batches of a span, at most up to span.limit, each in a memory scope of its own. before(i) is called
-- ahead of each (as in Keras also ahead of the end of data of unknown length), after(i) behind it; after may end the epoch with
-- true.
local function each_batch(self, batches, span, step, before, after)
  local limit, done, next_batch = span.limit, span.passed or 0, reader(batches, span)
  local function one()
    local x, y, w = next_batch()
    if x == nil then return false end
    step(self, x, y, w)
    return true
  end
  local known = least(limit, batches:steps())
  while not known or done < known do
    before(done)
    if not batches:scoped(one) then break end
    done = done + 1
    if after(done) then return done, true end
  end
  if limit and done < limit then ran_out(span.notice, done, limit) end
  return done, false
end

-- Builds model and optimizer from the first batch.
local function prepare(self, batches)
  if self.built and self.optimizer.built then return end
  local x = batches:peek()
  if x == nil then check.fail("%s: the data has no batches", self:title()) end
  self:prepare(x)
end

local function evaluate_batches(self, batches, limit, list, notice)
  self:reset_metrics()
  list:on_test_begin()
  local function before(i) list:on_test_batch_begin(i, {}) end
  each_batch(self, batches, { epoch = 0, limit = limit, notice = notice }, self.test_step, before, function(i)
    list:on_test_batch_end(i - 1, (self:figures()))
    return signal.pending()
  end)
  local values = self:figures()
  list:on_test_end(values)
  return values
end

-- What is done with a batch: one update, or with tbptt one for each piece of its steps; samples weighted by their class.
local function step_of(self, op, o)
  local k, class_weight, step = count(op, "tbptt", o.tbptt), o.class_weight, self.train_step
  if k then step = function(model, x, y, w) model:train_pieces(x, y, w, k) end end
  if not class_weight then return step end
  return function(model, x, y, w) step(model, x, y, model:sample_weights("fit", y, w, class_weight)) end
end

-- Batches of `epoch` that were done when the state that this model loaded was saved: once, in the first epoch after that.
local function passed_batches(self, epoch)
  local resumed = rawget(self, "resumed")
  self.resumed = nil
  return resumed and resumed.epochs_done == epoch and resumed.batches_done or 0
end

-- One epoch; when Ctrl-C ended it, the number of its batches that are done.
local function train_epoch(self, run, epoch)
  self:reset_metrics()
  run.list:on_epoch_begin(epoch, {})
  local span = { epoch = epoch, passed = passed_batches(self, epoch), limit = run.limit, notice = run.notice }
  span.first = run.train:first_batch(epoch, run.steps)
  local batch, interrupted = each_batch(self, run.train, span, run.step, run.before, function(i)
    self.epochs_done, self.batches_done = epoch, i
    run.list:on_train_batch_end(i - 1, (self:figures()))
    return signal.pending() or self.stop_training
  end)
  if signal.pending() then return batch end
  local logs = self:figures()
  if run.validation and not (interrupted and signal.pending()) and run.validates(epoch + 1) then
    local figures = evaluate_batches(self, run.validation, run.validation_steps, run.list, run.validation_notice)
    for name, value in pairs(figures) do logs["val_" .. name] = value end
    if signal.pending() then return batch end
  end
  self.epochs_done, self.batches_done = epoch + 1, 0
  run.list:on_epoch_end(epoch, logs)
  return false
end

-- Whether an epoch (from 1) ends with validation: every n epochs, or after those of a list.
local function when(op, frequency)
  if type(frequency) ~= "table" then
    local every = check.integer(op, "validation_freq", frequency or 1, 1)
    return function(epoch) return epoch % every == 0 end
  end
  local chosen = {}
  for i, epoch in ipairs(frequency) do chosen[check.integer(op, ("validation_freq[%d]"):format(i), epoch, 1)] = true end
  return function(epoch) return chosen[epoch] == true end
end

local function say_interrupted(epoch, epochs, batch)
  print(("\nInterrupted in epoch %d/%d after %d batches: the weights of this moment are kept."):format(epoch + 1, epochs, batch))
  io.stdout:flush()
end

local function train(self, run, first, epochs)
  run.list:on_train_begin({})
  for epoch = first, epochs - 1 do
    local batch = train_epoch(self, run, epoch)
    if batch then
      run.history.interrupted = true
      if run.list.verbose > 0 then say_interrupted(epoch, epochs, batch) end
      break
    end
    if self.stop_training then break end
  end
  self.optimizer:finalize_variable_values()
  run.list:on_train_end({})
end

-- Catches Ctrl-C while f runs.
local function guarded(f, ...)
  signal.begin()
  local ok, message = pcall(f, ...)
  signal.finish()
  if not ok then error(message, 0) end
end

return function(Model)
  --- The seed of the shuffle order; the order of an epoch follows from it and the epoch's number.
  ---@package
  function Model:order_seed()
    self.shuffle_seed = self.shuffle_seed or random.make_seed()
    return self.shuffle_seed
  end

  --- Trains the model. `x` is a tensor or table (B, ...) with targets `y`, or a dataset (mg.data) whose batches hold both.
  --- Ctrl-C ends training after the running batch and keeps the weights; a second one stops at once. `tbptt = k` is truncated
  --- backpropagation: sequences (B, T, ...) in pieces of k steps, one update each, states carried on without their history.
  ---@param x Tensor|table|Dataset
  ---@param y Tensor|table|nil
  ---@param options? table batch_size = 32, epochs = 1, verbose = 1, callbacks, validation_split, validation_data = { x, y, w }, ...
  ---@return History
  ---@example local history = model:fit(x, y, { epochs = 5, batch_size = 64, validation_split = 0.1 })
  function Model:fit(x, y, options)
    local op = self:title() .. ": fit"
    self:expect_compiled "fit"
    local o
    y, o = arguments(op, y, options, FIT)
    local data, validation = datasets(self, op, x, y, o)
    prepare(self, data)
    local run = { train = data, validation = validation, history = History(), validates = when(op, o.validation_freq) }
    run.validation_steps = count(op, "validation_steps", o.validation_steps)
    run.limit, run.step = count(op, "steps_per_epoch", o.steps_per_epoch), step_of(self, op, o)
    run.steps = least(run.limit, data:steps())
    run.notice, run.validation_notice = { option = "steps_per_epoch" }, { option = "validation_steps" }
    local epochs = check.integer(op, "epochs", o.epochs or 1, 0)
    local first = check.integer(op, "initial_epoch", o.initial_epoch or 0, 0)
    run.list = CallbackList(self, o, { epochs = epochs, steps = run.steps }, run.history)
    run.before = function(i) run.list:on_train_batch_begin(i, {}) end
    self.stop_training = false
    guarded(train, self, run, first, epochs)
    return run.history
  end

  --- Loss and metrics over all batches.
  ---@param x Tensor|table|Dataset
  ---@param y Tensor|table|nil
  ---@param options? table batch_size = 32, verbose = 1, sample_weight, steps, callbacks, return_dict = false
  ---@return number loss, number ... metrics; or a table by name with return_dict
  function Model:evaluate(x, y, options)
    local op = self:title() .. ": evaluate"
    self:expect_compiled "evaluate"
    local o
    y, o = arguments(op, y, options, EVALUATE)
    local data = Dataset.of(op, self:batch_of("evaluate", x, y, o.sample_weight))
    if not Dataset.is_dataset(x) and type(x) ~= "function" then data = data:batch(o.batch_size or 32) end
    prepare(self, data)
    local steps = count(op, "steps", o.steps)
    local list = CallbackList(self, o, { epochs = 1, steps = least(steps, data:steps()) })
    guarded(function()
      evaluate_batches(self, data, steps, list, { option = "steps" })
      if signal.pending() then check.fail("%s: interrupted; the figures of a part of the data are not returned", op) end
    end)
    return self:flatten_figures(o.return_dict)
  end
end
