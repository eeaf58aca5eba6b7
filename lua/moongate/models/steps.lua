-- One batch: training, testing, predicting. Each step runs in a memory scope, so its intermediates are gone when it ends.
local create = require "moongate.tensor_create"
local autograd = require "moongate.autograd"
local check = require "moongate.check"
local memory = require "moongate.memory"
local ops = require "moongate.ops"
local structure = require "moongate.structure"
local tensor = require "moongate.tensor"

local OPTIONS = { "sample_weight", "class_weight", "return_dict" }

-- Class ids (B) of labels (B), (B, 1) or one-hot (B, C).
local function class_ids(y)
  local n = #y.shape
  if n > 1 then y = y.shape[n] == 1 and ops.squeeze(y, -1) or ops.argmax(y, -1) end
  return ops.cast(y, "int32")
end

-- Weights of samples from a table of weights by class id; a class that is not in it weighs 1.
local function weights_of_classes(y, class_weight)
  local ids, list, most = class_ids(y), {}, 0
  for id, weight in pairs(class_weight) do
    check.integer("class_weight", "class id", tonumber(id) or id, 0, 2 ^ 24)
    check.number("class_weight", ("weight of class %s"):format(id), weight)
    most = math.max(most, tonumber(id))
  end
  for id = 0, most + 1 do list[id + 1] = class_weight[id] or class_weight[tostring(id)] or 1 end
  return ops.gather(create.tensor(list, { dtype = tensor.floatx }), ops.clip(ids, 0, most + 1))
end

local function expect_tensor(each, at, op, name) tensor.expect(op, name .. at, each) end

local function expect_rows(each, at, op, name, rows)
  tensor.expect(op, name .. at, each)
  if each.shape[1] ~= rows then
    check.fail("%s: %s%s has %s rows and x %s; they have to agree", op, name, at, tostring(each.shape[1]), tostring(rows))
  end
end

local function check_rows(self, op, x, y, w)
  op = self:title() .. ": " .. op
  structure.each(x, expect_tensor, op, "x")
  self:expect_compiled(op)
  local rows = structure.first(x).shape[1]
  structure.each(y, expect_rows, op, "y", rows)
  structure.each(w, expect_rows, op, "sample_weight", rows)
  return rows
end

return function(Model)
  --- The weights of a batch's samples: those given, or those of their classes.
  ---@param op string
  ---@param y Tensor labels
  ---@param w Tensor|nil
  ---@param class_weight table|nil { [0] = 1.0, [1] = 2.5 }
  ---@return Tensor|nil
  ---@package
  function Model:sample_weights(op, y, w, class_weight)
    if class_weight == nil then return w end
    op = self:title() .. ": " .. op
    if #self.result_names > 1 then check.fail("%s: class_weight is for models with one output; use sample_weight", op) end
    if w then check.fail("%s: class_weight and sample_weight are both given, expected one of them", op) end
    check.type(op, "class_weight", class_weight, "table")
    return weights_of_classes(tensor.expect(op, "y", y), class_weight)
  end

  --- Gradients of a loss and one update by them.
  ---@param loss Tensor scalar
  ---@package
  function Model:update_weights(loss)
    self:expect_compiled "update_weights"
    tensor.expect(self:title() .. ": update_weights", "loss", loss)
    local variables = self.trainable_weights
    if #variables == 0 then return end
    local gradients = autograd.gradients(self.optimizer:scale_loss(loss), variables)
    self.optimizer:apply(gradients, variables)
  end

  --- A batch as the model takes it: tensors, or flat lists of them where there are several inputs or outputs.
  ---@param op string
  ---@return Tensor|Tensor[] x, Tensor|Tensor[]|nil y, Tensor|Tensor[]|nil sample_weight
  ---@package
  function Model:batch_of(op, x, y, w)
    op = self:title() .. ": " .. check.type("batch_of", "op", op, "string")
    return structure.data(op, "x", x, self.input_keys), structure.data(op, "y", y, self.result_names),
      structure.data(op, "sample_weight", w, self.result_names)
  end

  --- The output for a batch, or the list of them where there are several.
  ---@param x Tensor|Tensor[]
  ---@param options? table
  ---@return Tensor|Tensor[]
  ---@package
  function Model:results(x, options)
    if #self.result_names > 1 then return { self(x, options) } end
    return (self(x, options))
  end

  --- A batch as batch_of gives it, and its number of rows, which all parts have to have.
  ---@return any x, any y, any sample_weight, integer rows
  ---@package
  function Model:checked_batch(op, x, y, w)
    x, y, w = self:batch_of(op, x, y, w)
    return x, y, w, check_rows(self, op, x, y, w)
  end

  --- Forward, loss, gradients, update, figures. The caller provides the memory scope.
  function Model:train_step(x, y, w)
    local rows
    x, y, w, rows = self:checked_batch("fit", x, y, w)
    local y_pred = self:results(x, { training = true })
    local loss, parts = self:total_loss(y, y_pred, w)
    self:update_weights(loss)
    self:update_figures(loss:item(), y, y_pred, w, rows, parts)
  end

  --- Forward, loss, figures, without gradients.
  function Model:test_step(x, y, w)
    local rows
    x, y, w, rows = self:checked_batch("evaluate", x, y, w)
    autograd.no_grad(function()
      local y_pred = self:results(x)
      local loss, parts = self:total_loss(y, y_pred, w)
      self:update_figures(loss:item(), y, y_pred, w, rows, parts)
    end)
  end

  -- Builds model and optimizer outside the step's memory scope.
  function Model:prepare(x)
    self:build_for(x)
    if not self.optimizer.built and #self.trainable_weights > 0 then self.optimizer:build(self.trainable_weights) end
  end

  local function flatten(self, as_table)
    local values, names = self:figures()
    if as_table then return values end
    local list = {}
    for i, name in ipairs(names) do list[i] = values[name] end
    return unpack(list)
  end
  Model.flatten_figures = flatten

  local function on_batch(self, op, step, x, y, options)
    self:expect_compiled(op)
    options = check.options(self:title() .. ": " .. op, options, OPTIONS)
    local w
    x, y, w = self:batch_of(op, x, y, options.sample_weight)
    check_rows(self, op, x, y, w)
    self:prepare(x)
    self:reset_metrics()
    memory.scope(function() step(self, x, y, self:sample_weights(op, y, w, options.class_weight)) end)
    return flatten(self, options.return_dict)
  end

  --- One update from one batch. Returns its loss and metrics.
  ---@param x Tensor (B, ...)
  ---@param y Tensor (B, ...)
  ---@param options? table { sample_weight =, class_weight =, return_dict = false }
  ---@return number loss, number ... metrics
  function Model:train_on_batch(x, y, options) return on_batch(self, "train_on_batch", self.train_step, x, y, options) end

  --- Loss and metrics of one batch.
  ---@param x Tensor (B, ...)
  ---@param y Tensor (B, ...)
  ---@param options? table { sample_weight =, return_dict = false }
  ---@return number loss, number ... metrics
  function Model:test_on_batch(x, y, options) return on_batch(self, "test_on_batch", self.test_step, x, y, options) end

  --- The model's output for one batch, without gradients.
  ---@param x Tensor (B, ...)
  ---@return Tensor
  function Model:predict_on_batch(x)
    x = self:batch_of("predict_on_batch", x)
    structure.each(x, expect_tensor, self:title() .. ": predict_on_batch", "x")
    if x == nil then check.fail("%s: predict_on_batch: argument x is nil, expected a tensor", self:title()) end
    self:build_for(x)
    return autograd.no_grad(memory.scope, self, x)
  end
end
