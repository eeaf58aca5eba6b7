-- predict: the model's output for any number of rows, batch by batch. Source: keras/src/trainers/trainer.py.
local autograd = require "moongate.autograd"
local CallbackList = require "moongate.callbacks.list"
local check = require "moongate.check"
local Dataset = require "moongate.data.dataset"
local ops = require "moongate.ops"
local structure = require "moongate.structure"

local OPTIONS = { "batch_size", "verbose", "steps", "callbacks" }

local function join(parts)
  return #parts == 1 and parts[1] or ops.concat(parts, 1)
end

local function run(self, data, steps, list)
  local outputs, done = {}, 0
  local next_batch = data:iterate(0)
  list:on_predict_begin()
  while not steps or done < steps do
    list:on_predict_batch_begin(done, {})
    local results = data:scoped(function()
      local x = next_batch()
      return x ~= nil and { self(x) } or nil
    end)
    if not results then break end
    for i, result in ipairs(results) do
      outputs[i] = outputs[i] or {}
      table.insert(outputs[i], result)
    end
    list:on_predict_batch_end(done, {})
    done = done + 1
  end
  list:on_predict_end({})
  for i, parts in ipairs(outputs) do outputs[i] = join(parts) end
  return outputs
end

return function(Model)
  --- The model's output for all rows, without gradients.
  ---@param x Tensor|table|Dataset (N, ...)
  ---@param options? table batch_size = 32, verbose = 1, steps, callbacks
  ---@return Tensor (N, ...)
  ---@example local y = model:predict(x, { verbose = 0 })
  function Model:predict(x, options)
    local op = self:title() .. ": predict"
    local o = check.options(op, options, OPTIONS)
    x = self:batch_of("predict", x)
    local data = Dataset.of(op, x)
    if structure.is_data(x) then data = data:batch(check.integer(op, "batch_size", o.batch_size or 32, 1)) end
    local first = data:peek()
    if first == nil then check.fail("%s: x has no rows", op) end
    self:build_for(first)
    local steps = o.steps and check.integer(op, "steps", o.steps, 1) or data:steps()
    local list = CallbackList(self, o, { epochs = 1, steps = steps })
    return unpack(autograd.no_grad(run, self, data, steps, list))
  end
end
