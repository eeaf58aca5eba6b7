-- One step of a GRU. Source: Cho et al. 2014; keras.layers.GRUCell. Gate order z (update), r (reset), h (candidate); B batch,
-- F features, U units.
local activations = require "moongate.activations"
local check = require "moongate.check"
local class = require "moongate.class"
local defaults = require "moongate.compat.defaults"
local dropout_mask = require "moongate.dropout_mask"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local older = require "moongate.layers.older"
local ops = require "moongate.ops"
local rnn_cell = require "moongate.layers.rnn_cell"
local tensor = require "moongate.tensor"

--- A cell that does one step: (B, F) and the state (B, U) -> (B, U) and the new state.
--- Options: activation = "tanh", recurrent_activation = "sigmoid", use_bias = true, kernel_initializer = "glorot_uniform",
--- recurrent_initializer = "orthogonal", bias_initializer = "zeros", and regularizer and constraint of kernel, recurrent and
--- bias, dropout = 0, recurrent_dropout = 0, reset_after = true, seed, implementation = 2.
---@param units integer
---@param options? table
---@example local output, state = mg.layers.GRUCell(4)(x, state)
local GRUCell = class("GRUCell", Layer)
GRUCell.rows_apart = true
local list = rnn_cell.fields({
  { "units", required = true, codec = fields.positive_integer },
  { "activation", default = "tanh", codec = activations.codec },
  { "recurrent_activation", default = defaults.of "recurrent_activation", codec = activations.codec },
  { "use_bias", default = true, codec = fields.boolean },
}, {
  { "implementation", default = defaults.of "implementation", codec = fields.choice(0, 1, 2), hidden = true,
    tf2 = { hidden = false } },
  { "reset_after", default = defaults.of "reset_after", codec = fields.boolean, tf2 = { absent = false } },
  { "seed", codec = fields.seed, tf2 = { hidden = true } },
})
list.older = older.recurrent
Layer.declare(GRUCell, list, { "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer",
  "recurrent_initializer", "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer",
  "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "reset_after", "seed" })

dropout_mask.mixin(GRUCell)
GRUCell.input_spec = { ndim = 2, what = "(batch, features)" }

--- Sets the fields and what follows from them.
---@param options table
---@package
function GRUCell:setup(options)
  Layer.setup(self, options)
  rnn_cell.setup_masks(self)
  -- As in every version of Keras: three state masks cannot go through one product.
  if self.recurrent_dropout > 0 then self.implementation = 1 end
  self.state_size, self.output_size = self.units, self.units
end

--- Makes the weights.
---@param shape integer[]
function GRUCell:build(shape)
  local F, U = self:known_features(shape), self.units
  rnn_cell.add_weights(self, F, 3 * U, self.bias_initializer, self.reset_after and { 2, 3 * U } or nil)
  self.input_spec = { ndim = 2, last = F, what = GRUCell.input_spec.what }
  Layer.build(self, shape)
end

--- How many dropout masks a step uses: three in implementation 1 (which recurrent dropout needs), else one.
---@package
function GRUCell:mask_count() return self.implementation == 1 and 3 or 1 end

--- A list with the zero state (batch_size, units).
---@param batch_size integer
---@return Tensor[]
function GRUCell:get_initial_state(batch_size) return rnn_cell.zero_states(self, batch_size, 1) end

--- Whether the fused kernel knows both activations; softmax and other functions of a vector, and Lua functions, run step by step.
---@return boolean
function GRUCell:is_fused()
  return rnn_cell.is_elementwise(self.activation) and rnn_cell.is_elementwise(self.recurrent_activation)
end

-- Columns [first, last] of gate blocks of U.
local function blocks(weight, U, first, last) return ops.slice(weight, -1, (first - 1) * U + 1, last * U) end

-- The products x_g W_g + b_g of the first `gates` gates, x_g = x * masks[g]: one by one, or all in one where they share x.
local function project(x, weight, bias, masks, U, gates, separate)
  local out = {}
  if separate or masks and #masks > 1 then
    for g = 1, gates do
      out[g] = ops.linear(masks and ops.mul(x, masks[g]) or x, blocks(weight, U, g, g), bias and blocks(bias, U, g, g))
    end
    return unpack(out)
  end
  local all = ops.linear(masks and ops.mul(x, masks[1]) or x, blocks(weight, U, 1, gates), bias and blocks(bias, U, 1, gates))
  for g = 1, gates do out[g] = blocks(all, U, g, g) end
  return unpack(out)
end

local function bias_row(bias, row) return bias and ops.squeeze(ops.slice(bias, 1, row, row), 1) end

--- One step on the tape: in implementation 1 a product for each gate, otherwise one for x and one for h, for activations that
--- the fused kernel does not know. x (B,F), h (B,U) -> (B,U).
---@param x Tensor
---@param h Tensor (B, U)
---@param input_masks Tensor[]|nil
---@param recurrent_masks Tensor[]|nil
---@return Tensor h the new state
---@return Tensor z
---@return Tensor r
---@return Tensor candidate
---@package
function GRUCell:plain_step(x, h, input_masks, recurrent_masks)
  local U, R, after, separate = self.units, self.recurrent_kernel, self.reset_after, self.implementation == 1
  local s, a = self.recurrent_activation, self.activation
  local xz, xr, xh = project(x, self.kernel, after and bias_row(self.bias, 1) or self.bias, input_masks, U, 3, separate)
  local z, r, c
  if after then
    local mz, mr, mh = project(h, R, bias_row(self.bias, 2), recurrent_masks, U, 3, separate)
    z, r = s(ops.add(xz, mz)), s(ops.add(xr, mr))
    c = a(ops.add(xh, ops.mul(r, mh)))
  else
    local mz, mr = project(h, R, nil, recurrent_masks, U, 2, separate)
    z, r = s(ops.add(xz, mz)), s(ops.add(xr, mr))
    local kept = ops.mul(r, recurrent_masks and ops.mul(h, recurrent_masks[3]) or h)
    c = a(ops.add(xh, ops.matmul(kept, blocks(R, U, 3, 3))))
  end
  return ops.add(ops.mul(z, h), ops.mul(ops.sub(1, z), c)), z, r, c
end

--- The weights, masks and flags as ops.gru takes them, without x.
---@param input_masks Tensor[]|nil
---@param recurrent_masks Tensor[]|nil
---@return table
function GRUCell:fused_arguments(input_masks, recurrent_masks)
  return {
    kernel = self.kernel, recurrent_kernel = self.recurrent_kernel, bias = self.bias, reset_after = self.reset_after,
    activation = self.activation.spec, recurrent_activation = self.recurrent_activation.spec,
    dropout_masks = input_masks, recurrent_dropout_masks = recurrent_masks,
  }
end

-- The state out of a list or a tensor; nil means zeros.
local function state_of(self, x, states)
  if states ~= nil and type(states) ~= "table" then
    check.fail("%s: states is %s, expected a tensor or a list of one", self:title(), check.describe(states))
  end
  local listed = states ~= nil and not tensor.is(states)
  local h = states
  if listed then h = states[1] end
  if h == nil then return nil, listed end
  if not tensor.is(h) then
    check.fail("%s: states is %s, expected a tensor or a list of one", self:title(), check.describe(states))
  end
  if listed and #states ~= 1 then check.fail("%s: %d states were given, expected 1", self:title(), #states) end
  if #h.shape ~= 2 or h.shape[1] ~= x.shape[1] or h.shape[2] ~= self.units then
    check.fail("%s: state has shape %s, expected %s", self:title(), self.shape_text(h.shape),
      self.shape_text { x.shape[1], self.units })
  end
  return ops.cast(h, self.dtype), listed
end

--- One step: the output (B, U) and the new state, in a list where `states` was one.
---@param x Tensor (B, F)
---@param states Tensor|Tensor[] (B, U)
---@param options? table training
---@return Tensor, Tensor|Tensor[]
function GRUCell:call(x, states, options)
  tensor.expect(self:title(), "x", x)
  self:check_input(x.shape)
  local h, listed = state_of(self, x, states)
  local input_masks, recurrent_masks = self:step_masks(x.shape[1], x.shape[2], x.dtype, options and options.training)
  dropout_mask.kept(input_masks)
  dropout_mask.kept(recurrent_masks)
  local output
  if self.implementation ~= 1 and self:is_fused() then
    local arguments = self:fused_arguments(input_masks, recurrent_masks)
    arguments.x, arguments.initial_state = ops.expand_dims(x, 2), h
    output = ops.gru(arguments)
  else
    output = self:plain_step(x, h or self:get_initial_state(x.shape[1])[1], input_masks, recurrent_masks)
  end
  return output, listed and { output } or output
end

rnn_cell.callable(GRUCell)

--- The shapes of output and new state.
---@param shape integer[]
---@return integer[]
function GRUCell:compute_output_shape(shape) return rnn_cell.step_shapes(self, shape, 1) end

return GRUCell
