-- Stored states: what stateful layers, and layers under truncated backpropagation (rnn_carry.lua), keep from batch to batch.
local check = require "moongate.check"
local create = require "moongate.tensor_create"
local null = require "moongate.null"
local ops = require "moongate.ops"
local states_of = require "moongate.layers.rnn_states"
local tensor = require "moongate.tensor"

local function zero_rows(self, rows)
  check.type(self:title() .. ": reset_state", "rows", rows, "table")
  if not rawget(self, "state_batch") then return end
  local keep = {}
  for i = 1, self.state_batch do keep[i] = { 1 } end
  for _, row in ipairs(rows) do
    keep[check.integer(self:title() .. ": reset_state", "rows", row, 1, self.state_batch)] = { 0 }
  end
  local factor = create.tensor(keep, { dtype = "uint8" })
  local states = {}
  for i, state in ipairs(self.states) do states[i] = ops.where(factor, state, 0) end
  self:store_states(states, self.state_batch)
end

--- Gives the class of recurrent layers its stored states.
---@param RNN table
return function(RNN)
  --- The flat list of states to begin with: given, stored, or nil for the cell's own.
  ---@param batch integer
  ---@param given any
  ---@return Tensor[]|nil
  ---@package
  function RNN:first_states(batch, given)
    local keeps = self.stateful or rawget(self, "carrying")
    if keeps and rawget(self, "state_batch") and self.state_batch ~= batch then
      check.fail("%s: this batch has %s rows and the stored state %d; call reset_state() before a batch of another size",
        self:title(), tostring(batch), self.state_batch)
    end
    if given ~= nil and given ~= null then return (states_of.checked(self, "initial_state", given, batch)) end
    return keeps and rawget(self, "state_batch") and self.states or nil
  end

  --- Keeps states beyond the step that made them, without their history.
  ---@param states Tensor[] (batch, size) each
  ---@param batch integer
  ---@package
  function RNN:store_states(states, batch)
    check.type(self:title(), "states", states, "table")
    local kept = {}
    for i, state in ipairs(states) do kept[i] = (self.return_state and state:copy() or state):detach():keep() end
    self.states, self.state_batch = kept, batch
  end

  --- Forgets the stored state: zeros, and the next batch may have any size. With states, sets them; with { rows = { 2, 5 } },
  --- zeroes single rows. An error on a layer that is not stateful.
  ---@param states? Tensor|Tensor[]|table
  function RNN:reset_state(states)
    if not self.stateful then
      check.fail("%s: reset_state on a layer that is not stateful; make it with stateful = true", self:title())
    end
    if type(states) == "table" and not tensor.is(states) and states ~= null and states.rows then
      return zero_rows(self, check.options(self:title() .. ": reset_state", states, { "rows" }).rows)
    end
    if states ~= nil and states ~= null then return self:store_states(states_of.checked(self, "states", states)) end
    if rawget(self, "states") then
      local batch = self.state_batch or self.states[1].shape[1]
      self:store_states(states_of.flat(self:get_initial_state(batch)), batch)
    end
    self.state_batch = nil
  end

  --- The older name of reset_state.
  ---@param states Tensor[]|Tensor|nil
  function RNN:reset_states(states) return self:reset_state(states) end
end
