-- The order of a step: unscale, accumulate, clip, decay, update, average, constrain, count.
-- Source: keras/src/optimizers/base_optimizer.py.
local flat = require "moongate.optimizers.flat"
local ops = require "moongate.ops"

-- What each gradient is to be multiplied by, or false: norms are per variable (clipnorm) or over all gradients (global_clipnorm).
local function set_scales(self, targets)
  local most, all = self.clipnorm, self.global_clipnorm
  if most and most > 0 then
    for _, target in ipairs(targets) do
      local norm = math.sqrt(ops.optimizer_squares(target.gradient))
      target.scale = (norm > most or norm ~= norm) and most / norm
    end
  elseif all and all > 0 then
    local total = 0
    for _, target in ipairs(targets) do total = total + ops.optimizer_squares(target.gradient) end
    local norm = math.sqrt(total)
    local factor = all * math.min(1 / norm, 1 / all) + (norm - norm)
    for _, target in ipairs(targets) do target.scale = factor ~= 1 and factor end
  end
end

local function limit_of(self) return self.clipvalue and self.clipvalue > 0 and self.clipvalue or nil end

-- Clips gradients that lie in memory of ours.
local function clip(self, targets, entries)
  for _, entry in ipairs(entries) do entry.scale = false end
  set_scales(self, entries)
  for _, entry in ipairs(entries) do
    if entry.scale then entry.gradient:mul_(entry.scale) end
  end
  local limit = limit_of(self)
  for _, target in ipairs(limit and targets or {}) do target.gradient:copy_(ops.clip(target.gradient, -limit, limit)) end
end

-- One engine call for each variable: Keras's formulas, clipping and weight decay among them.
local function update_fused(self, targets, rate, step, limit)
  local spec = self.spec
  ops.optimizer_update_all({
    kind = spec.kind, step = step, learning_rate = rate, momentum = self.momentum, rho = spec.rho and spec.rho(self) or self.rho,
    beta_1 = self.beta_1, beta_2 = self.beta_2, epsilon = self.epsilon, nesterov = self.nesterov, centered = self.centered,
    amsgrad = self.amsgrad, weight_decay = self.weight_decay, gradient_limit = limit,
  }, targets)
end

local function update(self, targets, limit)
  local spec, rate, step = self.spec, self.learning_rate, self.iterations + 1
  if spec.before then spec.before(self, step) end
  if spec.kind then return update_fused(self, targets, rate, step, limit) end
  for _, target in ipairs(targets) do
    if target.decays then target.parameter:mul_(1 - self.weight_decay * rate) end
    spec.update(self, target, rate, step)
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
    ops.optimizer_update { kind = "average", parameter = group.slots.average, gradient = group.parameter, momentum = momentum }
    if self.ema_overwrite_frequency and (done + 1) % self.ema_overwrite_frequency == 0 then
      group.parameter:copy_(group.slots.average)
    end
  end
end

-- Gradients are read where they lie, which leaves them as they are, unless they have to be kept or divided first.
local function update_from(self, gradients, variables)
  local targets, entries = flat.read(self.name, self.memory, gradients, variables, self.spec.state)
  set_scales(self, targets)
  update(self, targets, limit_of(self))
  return entries
end

local function update_from_copies(self, gradients, variables)
  local targets, entries = flat.take(self.name, self.memory, gradients, variables, self.loss_scale_factor)
  if not accumulate(self, targets) then return entries end
  clip(self, targets, entries)
  if self.spec.kind then
    for _, target in ipairs(targets) do target.state, target.scale = self.spec.state(target.slots), false end
  end
  update(self, self.spec.each and entries or targets)
  return entries
end

return function(self, gradients, variables)
  local is_direct = self.spec.kind and not self.gradient_accumulation_steps and not self.loss_scale_factor
  local entries = (is_direct and update_from or update_from_copies)(self, gradients, variables)
  if self.use_ema then average(self) end
  for _, entry in ipairs(entries) do
    local constraint = entry.variable.constraint
    if constraint then entry.variable:assign(constraint(entry.variable)) end
  end
  self.iteration:add_(1)
end
