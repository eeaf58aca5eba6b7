-- The order of a step: unscale, accumulate, clip, decay, update, average, constrain, count.
-- Source: keras/src/optimizers/base_optimizer.py.
local flat = require "moongate.optimizers.flat"
local ops = require "moongate.ops"

-- Norms are per variable (clipnorm) or over all gradients (global_clipnorm).
local function clip(self, targets, entries)
  if self.clipnorm and self.clipnorm > 0 then
    for _, entry in ipairs(entries) do
      local norm = math.sqrt(ops.sum(ops.square(entry.gradient)):item())
      if norm > self.clipnorm or norm ~= norm then entry.gradient:mul_(self.clipnorm / norm) end
    end
  elseif self.global_clipnorm and self.global_clipnorm > 0 then
    local total = 0
    for _, target in ipairs(targets) do total = total + ops.sum(ops.square(target.gradient)):item() end
    local norm = math.sqrt(total)
    local factor = self.global_clipnorm * math.min(1 / norm, 1 / self.global_clipnorm) + (norm - norm)
    for _, target in ipairs(targets) do target.gradient:mul_(factor) end
  elseif self.clipvalue and self.clipvalue > 0 then
    for _, target in ipairs(targets) do
      target.gradient:copy_(ops.clip(target.gradient, -self.clipvalue, self.clipvalue))
    end
  end
end

-- One engine call: Keras's formulas of SGD, RMSprop and Adam, weight decay among them.
local function update_fused(self, target, rate, step)
  local spec = self.spec
  ops.optimizer_update {
    kind = spec.kind, step = step, learning_rate = rate, momentum = self.momentum, rho = self.rho, beta_1 = self.beta_1,
    beta_2 = self.beta_2, epsilon = self.epsilon, nesterov = self.nesterov, centered = self.centered, amsgrad = self.amsgrad,
    weight_decay = target.decays and self.weight_decay or 0, parameter = target.parameter, gradient = target.gradient,
    state = spec.state(target.slots),
  }
end

local function update(self, targets)
  local spec, rate, step = self.spec, self.learning_rate, self.iterations + 1
  if spec.before then spec.before(self, step) end
  for _, target in ipairs(targets) do
    if spec.kind then
      update_fused(self, target, rate, step)
    else
      if target.decays then target.parameter:mul_(1 - self.weight_decay * rate) end
      spec.update(self, target, rate, step)
    end
  end
end

-- Whether this call updates: with accumulation only every k-th does, with the mean of k gradients.
local function accumulate(self, targets)
  local steps = self.gradient_accumulation_steps
  if not steps then return true end
  local last = (self.iteration:item() + 1) % steps == 0
  for _, target in ipairs(targets) do
    local sum = target.slots.gradient_accumulator
    if last then
      target.gradient:add_(sum):div_(steps)
      sum:fill_(0)
    else
      sum:add_(target.gradient)
    end
  end
  return last
end

local function average(self)
  local done = self.iterations
  local momentum = done == 0 and 0 or self.ema_momentum
  for _, group in ipairs(self.memory.groups) do
    group.slots.average:mul_(momentum):add_(ops.mul(group.parameter, 1 - momentum))
    if self.ema_overwrite_frequency and (done + 1) % self.ema_overwrite_frequency == 0 then
      group.parameter:copy_(group.slots.average)
    end
  end
end

return function(self, gradients, variables)
  local targets, entries = flat.take(self.name, self.memory, gradients, variables, self.loss_scale_factor)
  if accumulate(self, targets) then
    clip(self, targets, entries)
    update(self, self.spec.each and entries or targets)
  end
  if self.use_ema then average(self) end
  for _, entry in ipairs(entries) do
    local constraint = entry.variable.constraint
    if constraint then entry.variable:assign(constraint(entry.variable)) end
  end
  self.iteration:add_(1)
end
