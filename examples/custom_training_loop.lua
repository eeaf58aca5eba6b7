-- A training loop by hand: tape, gradients, optimizer.   moongate examples/custom_training_loop.lua
local mg = require "moongate"
mg.set_random_seed(1)

-- Sequences of 20 random numbers; the class says whether the first half has the larger sum.
local x = mg.random.uniform({ 512, 20, 1 })
local halves = x:slice(2, 1, 10):sum(2):gt(x:slice(2, 11, 20):sum(2))
local labels = halves:to("int32"):reshape { 512 }

local model = mg.Sequential { mg.layers.GRU(16), mg.layers.Dense(2) }
model:build { mg.null, 20, 1 }
local loss_of = mg.losses.SparseCategoricalCrossentropy { from_logits = true }
local optimizer = mg.optimizers.Adam(0.01)
local data = mg.data.from_tensors(x, labels):shuffle(1):batch(64)

for epoch = 1, 20 do
  local total, steps = 0, 0
  for inputs, targets in data:iterate(epoch) do
    mg.scope(function() -- frees what the step made
      local loss = loss_of(targets, model(inputs, { training = true }))
      optimizer:apply(mg.gradients(loss, model.trainable_weights), model.trainable_weights)
      total, steps = total + loss:item(), steps + 1
    end)
  end
  if epoch % 5 == 0 then print(("epoch %d: loss %.4f"):format(epoch, total / steps)) end
end

local correct = mg.metrics.SparseCategoricalAccuracy()
correct:update_state(labels, mg.no_grad(function() return model(x) end))
print(("accuracy %.3f"):format(correct:result()))
