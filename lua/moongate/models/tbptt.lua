-- Truncated backpropagation through time: a batch (B, T, ...) is cut along T into pieces of k steps, one update each. Recurrent
-- layers carry their states, without history, from piece to piece (layers/rnn_carry.lua); they begin at zeros in each batch unless
-- they are stateful.
local autograd = require "moongate.autograd"
local carry = require "moongate.layers.rnn_carry"
local check = require "moongate.check"
local memory = require "moongate.memory"
local ops = require "moongate.ops"
local structure = require "moongate.structure"
local tensor = require "moongate.tensor"

-- A layer that a functional model calls twice would carry the state of one call into the other.
local function check_calls(self, op, layers)
  local calls = {}
  for _, node in ipairs((rawget(self, "graph") or {}).nodes or {}) do
    calls[node.layer] = (calls[node.layer] or 0) + 1
  end
  for _, layer in ipairs(layers) do
    if (calls[layer] or 0) > 1 then
      check.fail("%s: tbptt cannot carry the state of %s, which the model calls %d times; likely fix: a layer for each call", op,
        layer:title(), calls[layer])
    end
    if layer.time_major then
      check.fail("%s: tbptt cuts (batch, time, ...), and %s has time_major = true", op, layer:title())
    end
  end
end

-- Inputs that were declared for all steps refuse pieces.
local function check_declared(self, op, T, k)
  for _, layer in ipairs(k < T and { rawget(self, "input_layer") or self.layers[1], unpack(self.layers) } or {}) do
    local shape = layer.is_input and layer.batch_shape
    if shape and #shape > 2 and shape[2] == T then
      check.fail("%s: tbptt = %d cuts %d steps, and %s takes exactly %d; likely fix: mg.null for the steps in its shape", op, k, T,
        layer:title(), T)
    end
  end
end

-- How many steps the targets have: (B, T, ...), the same for all outputs.
local function steps_of(op, y)
  local T
  structure.each(y, function(each, at)
    if #each.shape < 2 or (T and each.shape[2] ~= T) then
      check.fail("%s: tbptt needs a target for every step, y%s has shape %s, expected (batch, %s, ...); likely fix: "
        .. "return_sequences = true and targets for all steps", op, at, tostring(each.shape), T and tostring(T) or "time")
    end
    T = each.shape[2]
  end)
  return T or check.fail("%s: tbptt needs targets (batch, time, ...), and y is nil", op)
end

-- Whether an input has the time axis: all of several may not.
local function is_sequence(x, T, alone)
  if #x.shape < 2 or x.shape[2] ~= T then return false end
  return alone or #x.shape > 2 or x.dtype == "int32" or x.dtype == "uint8"
end

local function slice(t, first, last)
  local piece = ops.slice(t, 2, first, last)
  local mask = t.keras_mask
  if mask then piece.keras_mask = ops.slice(mask, 2, first, last) end
  return piece
end

local function check_inputs(op, x, T)
  local any, alone = false, not structure.is_plain(x)
  structure.each(x, function(each) any = any or is_sequence(each, T, alone) end)
  if not any then
    check.fail("%s: tbptt: no input has the %d steps of the targets; x has shape %s", op, T, tostring(structure.first(x).shape))
  end
end

-- x, y and weights of the steps first..last. What has no time axis is the same for all pieces.
local function piece_of(x, y, w, T, first, last)
  local alone = not structure.is_plain(x)
  return structure.map(x, function(t) return is_sequence(t, T, alone) and slice(t, first, last) or t end),
    structure.map(y, function(t) return slice(t, first, last) end),
    structure.map(w, function(t) return #t.shape > 1 and t.shape[2] == T and slice(t, first, last) or t end)
end

local function joined(list)
  if #list == 1 then return list[1] end
  local whole, masks = ops.concat(list, 2), {}
  for i, each in ipairs(list) do masks[i] = each.keras_mask end
  if #masks == #list then whole.keras_mask = ops.concat(masks, 2) end
  return whole
end

-- The predictions of all pieces as those of one batch.
local function join(pieces)
  if tensor.is(pieces[1]) then return joined(pieces) end
  local out = {}
  for i = 1, #pieces[1] do
    local list = {}
    for k, piece in ipairs(pieces) do list[k] = piece[i] end
    out[i] = joined(list)
  end
  return out
end

-- One prediction without history, mask and all.
local function bare(t)
  local copy = t:detach()
  copy.keras_mask = t.keras_mask
  return copy
end

-- One update by one piece: its loss and the losses of its outputs as numbers, and its predictions where metrics want them.
local function update(self, x, y, w, wants)
  local y_pred = self:results(x, { training = true })
  local loss, parts = self:total_loss(y, y_pred, w)
  self:update_weights(loss)
  local numbers = {}
  for i, part in ipairs(parts or {}) do numbers[i] = part:item() end
  return loss:item(), numbers, wants() and structure.map(y_pred, bare) or nil
end

-- All pieces of a batch: means of the losses over the steps, and the predictions.
local function run(self, x, y, w, T, k)
  local total, sums, pieces = 0, {}, {}
  local function wants() return self:has_metrics() end
  for first = 1, T, k do
    local last = math.min(first + k - 1, T)
    local share = (last - first + 1) / T
    local loss, numbers, y_pred = memory.scope(function()
      local a, b, c = piece_of(x, y, w, T, first, last)
      return update(self, a, b, c, wants)
    end)
    total = total + loss * share
    for i, number in ipairs(numbers) do sums[i] = (sums[i] or 0) + number * share end
    pieces[#pieces + 1] = y_pred
  end
  return total, sums, pieces[1] and autograd.no_grad(join, pieces)
end

return function(Model)
  --- One batch in pieces of k steps, one update each; figures count it as one batch. The caller provides the memory scope.
  ---@package
  function Model:train_pieces(x, y, w, k)
    local op = self:title() .. ": fit"
    local rows
    x, y, w, rows = self:checked_batch("fit", x, y, w)
    local T = steps_of(op, y)
    check_inputs(op, x, T)
    check_declared(self, op, T, k)
    local layers = carry.layers(self)
    check_calls(self, op, layers)
    carry.start(layers)
    local ok, loss, parts, y_pred = pcall(run, self, x, y, w, T, k)
    carry.stop(layers)
    if not ok then error(loss, 0) end
    self:update_figures(loss, y, y_pred, w, rows, parts)
  end
end
