-- What training needs besides the layers: optimizer, losses, metrics; the total loss and the figures of a batch. Everything is kept
-- for each output; a model with one output has lists of one. Source: keras/src/trainers/compile_utils.py.
local autograd = require "moongate.autograd"
local check = require "moongate.check"
local losses = require "moongate.losses"
local metrics = require "moongate.metrics"
local null = require "moongate.null"
local ops = require "moongate.ops"
local optimizers = require "moongate.optimizers"
local structure = require "moongate.structure"
local tensor = require "moongate.tensor"

local OPTIONS = { "optimizer", "loss", "loss_weights", "metrics", "weighted_metrics" }

-- "crossentropy" means the binary, sparse or one-hot kind, as the shapes tell.
local function is_by_shape(identifier)
  local lower = type(identifier) == "string" and identifier:lower()
  return lower == "crossentropy" or lower == "ce"
end

-- A name, a function, an object or the config of one, and not a list or table of them.
local function is_one(value)
  return not structure.is_plain(value) or value.class_name ~= nil
end

-- What is given -----------------------------------------------------------------------------------------------------------------

-- One metric or a list of them as a list.
local function metric_list(value)
  if not value or value == null then return {} end
  return is_one(value) and { value } or value
end

-- A list of metrics for each output. With several outputs a plain list is one entry for each.
local function spread_metrics(op, what, given, names)
  if given == nil or given == null then given = {} end
  if is_one(given) then
    check.fail("%s: argument %s is %s, expected a list { \"accuracy\" }", op, what, check.describe(given))
  end
  local out = {}
  if #names == 1 then
    local flat = {}
    for _, item in ipairs(structure.is_plain(given) and given[1] == nil and { given[names[1]] } or given) do
      for _, metric in ipairs(metric_list(item)) do flat[#flat + 1] = metric end
    end
    out[1] = flat
  else
    if next(given) == nil then given = nil end
    for i, item in ipairs(structure.spread(op, what, given, names, function() return false end, true)) do
      out[i] = metric_list(item)
    end
  end
  for _, list in ipairs(out) do
    for _, identifier in ipairs(list) do
      if not is_by_shape(identifier) then metrics.get(identifier) end
    end
  end
  return out
end

local function spread_losses(op, given, names)
  local list = structure.spread(op, "loss", given, names, is_one)
  for _, loss in ipairs(list) do
    if loss and not is_by_shape(loss) then losses.get(loss) end
  end
  return list
end

local function spread_weights(op, given, names)
  local list = structure.spread(op, "loss_weights", given, names, function(value) return type(value) == "number" end)
  for i, weight in ipairs(list) do
    if weight then check.number(op, ("loss_weights[%d]"):format(i), weight) end
  end
  return list
end

-- Figures -------------------------------------------------------------------------------------------------------------------------

-- A name as Keras makes it unique: of two "accuracy" the second is "accuracy_1", or "weighted_accuracy" among weighted_metrics.
local function unique(prefix, name, seen, weighted)
  local full = prefix .. name
  local before = seen[full]
  if before and weighted then return unique(prefix, "weighted_" .. name, seen) end
  seen[full] = (before or 0) + 1
  return before and full .. "_" .. before or full
end

-- All figures but the total loss, in order: { name =, metric =, output =, weighted = }; those of losses have no output.
local function list_figures(self, names)
  local list, seen = {}, {}
  for _, entry in ipairs(#self.output_losses > 1 and self.output_losses or {}) do
    list[#list + 1] = { name = entry.tracker.name, metric = entry.tracker }
  end
  for k, lists in ipairs { self.metric_objects, self.weighted_objects } do
    for i, of_output in ipairs(lists) do
      local prefix = #names > 1 and names[i] .. "_" or ""
      for _, metric in ipairs(of_output) do
        list[#list + 1] = { name = unique(prefix, metric.name, seen, k == 2), metric = metric, output = i, weighted = k == 2 }
      end
    end
  end
  return list
end

-- What it becomes with the first batch -------------------------------------------------------------------------------------------

local function as_list(value, n)
  if n == 1 then return { value } end
  return value or {}
end

local function resolve_loss(given, y, y_pred)
  return losses.get(is_by_shape(given) and metrics.kind_by_shape(y, y_pred) .. "Crossentropy" or given)
end

local function resolve_metrics(lists, ys, predictions)
  local out = {}
  for i, list in ipairs(lists) do
    out[i] = {}
    for k, identifier in ipairs(list) do out[i][k] = metrics.get(identifier, ys[i] or nil, predictions[i]) end
  end
  return out
end

local function check_targets(self, ys)
  local with = self.compiled_with
  for i, name in ipairs(self.result_names) do
    local needed = with.losses[i] and "a loss" or (#with.metric_lists[i] + #with.weighted_lists[i] > 0) and "metrics"
    if needed and not ys[i] and (#self.result_names > 1 or with.losses[i]) then
      check.fail("%s: there are no targets for %q, and compile gave it %s", self:title(), name, needed)
    end
  end
end

-- Losses and metrics given by name depend on the shapes of the first batch.
local function resolve(self, ys, predictions)
  check_targets(self, ys)
  if self.metric_objects then return end
  local with, names = self.compiled_with, self.result_names
  self.output_losses = {}
  for i, given in ipairs(with.losses) do
    if given then
      local weight = with.weights[i] or nil
      local entry = { output = i, loss = resolve_loss(given, ys[i] or nil, predictions[i]), weight = weight }
      entry.tracker = metrics.Mean { name = names[i] .. "_loss" }
      table.insert(self.output_losses, entry)
    end
  end
  self.loss = self.output_losses[1] and self.output_losses[1].loss or false
  self.metric_objects = resolve_metrics(with.metric_lists, ys, predictions)
  self.weighted_objects = resolve_metrics(with.weighted_lists, ys, predictions)
  self.figure_list = list_figures(self, names)
end

return function(Model)
  --- Sets optimizer, loss and metrics for fit, evaluate and the _on_batch methods. For a model with several outputs loss,
  --- loss_weights, metrics and weighted_metrics may be lists or tables by the outputs' names.
  ---@param options table optimizer = "rmsprop", loss, loss_weights, metrics (unweighted), weighted_metrics (with sample weights)
  ---@example model:compile { optimizer = "adam", loss = "sparse_categorical_crossentropy", metrics = { "accuracy" } }
  function Model:compile(options)
    local op = self:title() .. ": compile"
    options = check.options(op, options, OPTIONS)
    local names = self.result_names
    local with = { loss = options.loss, loss_weights = options.loss_weights, metrics = options.metrics,
      weighted_metrics = options.weighted_metrics }
    with.losses = spread_losses(op, options.loss, names)
    with.weights = spread_weights(op, options.loss_weights, names)
    with.metric_lists = spread_metrics(op, "metrics", options.metrics, names)
    with.weighted_lists = spread_metrics(op, "weighted_metrics", options.weighted_metrics, names)
    self.optimizer = optimizers.get(options.optimizer or "rmsprop")
    self.compiled_with = with
    self.loss_tracker, self.loss, self.metric_objects = metrics.Mean { name = "loss" }, nil, nil
    self.output_losses, self.weighted_objects, self.figure_list = nil, nil, {}
  end

  --- An error unless `compile` was called.
  ---@package
  function Model:expect_compiled(op)
    if not self.compiled_with then
      check.fail("%s: %s before compile; call model:compile { optimizer = \"adam\", loss = ... } first", self:title(), op)
    end
  end

  local function add_extra(self, total)
    for _, extra in ipairs(self.losses) do
      tensor.expect(self:title() .. ": losses", "regularizer's result", extra)
      if #extra.shape > 0 then extra = ops.sum(extra) end
      total = total and ops.add(total, extra) or extra
    end
    return total
  end

  -- The losses of the outputs, weighted and summed, and each without its weight.
  local function output_loss(self, ys, predictions, weights)
    local total, parts = nil, {}
    for k, entry in ipairs(self.output_losses) do
      local i = entry.output
      parts[k] = entry.loss(ys[i], predictions[i], weights[i] or nil)
      local value = entry.weight and ops.mul(parts[k], entry.weight) or parts[k]
      total = total and ops.add(total, value) or value
    end
    return total, parts
  end

  local function lists_of(self, y, y_pred, sample_weight)
    local n = #self.result_names
    local weights = {}
    for i = 1, n do weights[i] = tensor.is(sample_weight) and sample_weight or sample_weight and sample_weight[i] end
    return as_list(y, n), as_list(y_pred, n), weights
  end

  --- The loss of a batch plus the layers' own (regularizers, activity); and the loss of each output that has one.
  ---@param y Tensor|Tensor[]|nil
  ---@param y_pred Tensor|Tensor[]
  ---@param sample_weight Tensor|Tensor[]|nil
  ---@return Tensor scalar
  ---@package
  function Model:total_loss(y, y_pred, sample_weight)
    self:expect_compiled "total_loss"
    local ys, predictions, weights = lists_of(self, y, y_pred, sample_weight)
    for i = 1, #self.result_names do tensor.expect(self:title() .. ": total_loss", "y_pred", predictions[i]) end
    if self.compiled_with.loss and y == nil then
      check.fail("%s: there are no targets: y is nil, and compile set a loss", self:title())
    end
    resolve(self, ys, predictions)
    local total, parts = output_loss(self, ys, predictions, weights)
    total = add_extra(self, total)
    if not total then check.fail("%s: there is no loss; give compile { loss = ... }", self:title()) end
    if #total.shape > 0 then
      check.fail("%s: the loss has shape %s, expected one number; a loss with reduction = \"none\" cannot train", self:title(),
        tostring(total.shape))
    end
    return total, parts
  end

  local function update_metrics(list, ys, predictions, weights)
    for _, figure in ipairs(list) do
      local i = figure.output
      if i and tensor.is(ys[i]) then
        figure.metric:update_state(ys[i], predictions[i], figure.weighted and weights[i] or nil)
      end
    end
  end

  --- Adds a batch to the running figures; `parts` are the losses of the outputs, as total_loss gives them.
  ---@package
  function Model:update_figures(loss, y, y_pred, sample_weight, rows, parts)
    self:expect_compiled "update_figures"
    check.type(self:title() .. ": update_figures", "loss", loss, "number")
    local ys, predictions, weights = lists_of(self, y, y_pred, sample_weight)
    resolve(self, ys, predictions)
    self.loss_tracker:update_state(loss, rows)
    if #self.output_losses > 1 then
      for k, part in ipairs(parts or {}) do
        self.output_losses[k].tracker:update_state(tensor.is(part) and part:item() or part, rows)
      end
    end
    autograd.no_grad(update_metrics, self.figure_list, ys, predictions, weights)
  end

  --- Whether any metric was asked for. Known from the first batch on.
  ---@return boolean
  ---@package
  function Model:has_metrics()
    self:expect_compiled "has_metrics"
    for _, figure in ipairs(self.figure_list) do
      if figure.output then return true end
    end
    return false
  end

  --- Loss and metrics since the last reset, by name, and the names in order: total loss, those of the outputs, the metrics, which
  --- Keras sorts by name where there are several outputs.
  ---@return table figures, string[] names
  ---@package
  function Model:figures()
    self:expect_compiled "figures"
    local values, names, others = { loss = self.loss_tracker:result() }, { "loss" }, {}
    local several = #self.result_names > 1
    for _, figure in ipairs(self.figure_list) do
      table.insert(figure.output and several and others or names, figure.name)
      values[figure.name] = figure.metric:result()
    end
    table.sort(others)
    for _, name in ipairs(others) do names[#names + 1] = name end
    return values, names
  end

  --- Starts the running figures again.
  function Model:reset_metrics()
    self:expect_compiled "reset_metrics"
    self.loss_tracker:reset_state()
    for _, figure in ipairs(self.figure_list) do figure.metric:reset_state() end
  end
end
