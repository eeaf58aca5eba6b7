-- What training needs besides the layers: optimizer, loss, metrics; the total loss and the figures of a batch.
local autograd = require "moongate.autograd"
local check = require "moongate.check"
local losses = require "moongate.losses"
local metrics = require "moongate.metrics"
local ops = require "moongate.ops"
local optimizers = require "moongate.optimizers"
local tensor = require "moongate.tensor"

local OPTIONS = { "optimizer", "loss", "metrics", "weighted_metrics" }

-- "crossentropy" means the binary, sparse or one-hot kind, as the shapes tell.
local function is_by_shape(identifier)
  local lower = type(identifier) == "string" and identifier:lower()
  return lower == "crossentropy" or lower == "ce"
end

local function resolve_loss(self, y, y_pred)
  local given = self.compiled_with.loss
  if given == nil then return false end
  return losses.get(is_by_shape(given) and metrics.kind_by_shape(y, y_pred) .. "Crossentropy" or given)
end

local function resolve_metrics(list, y, y_pred)
  local objects = {}
  for i, identifier in ipairs(list or {}) do objects[i] = metrics.get(identifier, y, y_pred) end
  return objects
end

-- A name as Keras makes it unique: of two "accuracy" the second is "accuracy_1", or "weighted_accuracy" among weighted_metrics.
local function unique(name, seen, weighted)
  local before = seen[name]
  if before and weighted then return unique("weighted_" .. name, seen) end
  seen[name] = (before or 0) + 1
  return before and name .. "_" .. before or name
end

local function check_list(name, value)
  if value ~= nil and (type(value) ~= "table" or value.update_state) then
    check.fail("compile: argument %s is %s, expected a list { \"accuracy\" }", name, check.describe(value))
  end
  for _, identifier in ipairs(value or {}) do
    if not is_by_shape(identifier) then metrics.get(identifier) end
  end
  return value
end

return function(Model)
  --- Sets optimizer, loss and metrics for fit, evaluate and the _on_batch methods.
  ---@param options table optimizer = "rmsprop", loss, metrics (a list, unweighted), weighted_metrics (a list, with sample weights)
  ---@example model:compile { optimizer = "adam", loss = "sparse_categorical_crossentropy", metrics = { "accuracy" } }
  function Model:compile(options)
    options = check.options(self:title() .. ": compile", options, OPTIONS)
    local loss = options.loss
    if loss ~= nil and not is_by_shape(loss) then losses.get(loss) end
    self.optimizer = optimizers.get(options.optimizer or "rmsprop")
    self.compiled_with = {
      loss = loss, metrics = check_list("metrics", options.metrics),
      weighted_metrics = check_list("weighted_metrics", options.weighted_metrics),
    }
    self.loss_tracker, self.loss, self.metric_objects = metrics.Mean { name = "loss" }, nil, nil
  end

  --- An error unless `compile` was called.
  ---@package
  function Model:expect_compiled(op)
    if not self.compiled_with then
      check.fail("%s: %s before compile; call model:compile { optimizer = \"adam\", loss = ... } first", self:title(), op)
    end
  end

  -- Losses and metrics given by name depend on the shapes of the first batch.
  local function resolve(self, y, y_pred)
    if self.metric_objects then return end
    self.loss = resolve_loss(self, y, y_pred)
    self.metric_objects = resolve_metrics(self.compiled_with.metrics, y, y_pred)
    self.weighted_objects = resolve_metrics(self.compiled_with.weighted_metrics, y, y_pred)
  end

  --- The loss of a batch plus the layers' own (regularizers, activity).
  ---@return Tensor scalar
  ---@package
  function Model:total_loss(y, y_pred, sample_weight)
    self:expect_compiled "total_loss"
    tensor.expect(self:title() .. ": total_loss", "y_pred", y_pred)
    if self.compiled_with.loss and y == nil then
      check.fail("%s: there are no targets: y is nil, and compile set a loss", self:title())
    end
    resolve(self, y, y_pred)
    local total = self.loss and self.loss(y, y_pred, sample_weight) or nil
    for _, extra in ipairs(self.losses) do
      tensor.expect(self:title() .. ": losses", "regularizer's result", extra)
      if #extra.shape > 0 then extra = ops.sum(extra) end
      total = total and ops.add(total, extra) or extra
    end
    if not total then check.fail("%s: there is no loss; give compile { loss = ... }", self:title()) end
    if #total.shape > 0 then
      check.fail("%s: the loss has shape %s, expected one number; a loss with reduction = \"none\" cannot train", self:title(),
        tostring(total.shape))
    end
    return total
  end

  --- Adds a batch to the running figures.
  ---@package
  function Model:update_figures(loss, y, y_pred, sample_weight, rows)
    self:expect_compiled "update_figures"
    check.type(self:title() .. ": update_figures", "loss", loss, "number")
    resolve(self, y, y_pred)
    self.loss_tracker:update_state(loss, rows)
    if #self.metric_objects + #self.weighted_objects == 0 then return end
    if not tensor.is(y) then return end
    autograd.no_grad(function()
      for _, metric in ipairs(self.metric_objects) do metric:update_state(y, y_pred) end
      for _, metric in ipairs(self.weighted_objects) do metric:update_state(y, y_pred, sample_weight) end
    end)
  end

  --- Loss and metrics since the last reset, by name, and the names in order.
  ---@return table figures, string[] names
  ---@package
  function Model:figures()
    self:expect_compiled "figures"
    local values, names, seen = { loss = self.loss_tracker:result() }, { "loss" }, {}
    for i, list in ipairs { self.metric_objects or {}, self.weighted_objects or {} } do
      for _, metric in ipairs(list) do
        local name = unique(metric.name, seen, i == 2)
        names[#names + 1] = name
        values[name] = metric:result()
      end
    end
    return values, names
  end

  --- Starts the running figures again.
  function Model:reset_metrics()
    self:expect_compiled "reset_metrics"
    self.loss_tracker:reset_state()
    for _, list in ipairs { self.metric_objects or {}, self.weighted_objects or {} } do
      for _, metric in ipairs(list) do metric:reset_state() end
    end
  end
end
