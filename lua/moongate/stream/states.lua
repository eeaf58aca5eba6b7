-- The states of a stream: read, set, zeroed, and copied from stream to stream.
local check = require "moongate.check"
local create = require "moongate.tensor_create"
local engine = require "moongate.ops.stream"
local ops = require "moongate.ops"
local shapes = require "moongate.shape"
local stacks = require "moongate.stream.stack"
local states_of = require "moongate.layers.rnn_states"

--- Gives the class of streams what is about states. `own` holds its functions open, follow and expect_stream.
---@param Stream table
---@param own table
return function(Stream, own)
  local open, follow, expect_stream = own.open, own.follow, own.expect_stream

  local function zero_row(self, row)
    check.integer(self:title() .. ": reset", "rows", row, 1, self.batch)
    follow(self)
    engine.copy_rows(self.native, row - 1, stacks.zero(self.stack), 0, 1)
  end

  --- Zeros in all states, or in those of some rows.
  ---@param rows? integer|integer[] from 1
  ---@return Stream self
  function Stream:reset(rows)
    if rows == nil then
      engine.reset(self.native)
    elseif type(rows) == "table" then
      for _, row in ipairs(rows) do zero_row(self, row) end
    else
      zero_row(self, rows)
    end
    return self
  end

  --- Copies of all states, in the order of the layers: h of a GRU or SimpleRNN, h and c of an LSTM.
  ---@return Tensor[] (batch, units) each
  function Stream:states()
    local list = {}
    for i, at in ipairs(self.stack.states) do
      list[i] = engine.read_state(self.native, at.layer, at.which, { self.batch, at.units })
    end
    return list
  end

  --- Sets all states: values in the order of `states`, as a layer's initial_state takes them.
  ---@param values Tensor|Tensor[]|table
  ---@return Stream self
  function Stream:set_states(values)
    local op = self:title() .. ": set_states"
    local given, wanted, list = states_of.flat(check.type(op, "values", values, "table")), self.stack.states, {}
    if #given ~= #wanted then check.fail("%s: %d states were given, expected %d", op, #given, #wanted) end
    for i, at in ipairs(wanted) do
      local state = ops.cast(create.as_tensor(given[i], "float32"), "float32")
      if #state.shape ~= 2 or state.shape[1] ~= self.batch or state.shape[2] ~= at.units then
        check.fail("%s: state %d has shape %s, expected %s", op, i, shapes.text(state.shape), shapes.text { self.batch, at.units })
      end
      list[i] = state
    end
    for i, at in ipairs(wanted) do engine.write_state(self.native, at.layer, at.which, list[i]) end
    return self
  end

  --- Copies the states of rows of a stream over those of this one; both are streams of the same weights, or one stream.
  ---@param to integer the first row here, from 1
  ---@param source Stream
  ---@param from? integer the first row there, default 1
  ---@param count? integer default 1
  ---@return Stream self
  function Stream:copy_rows(to, source, from, count)
    local op = self:title() .. ": copy_rows"
    expect_stream(op, "source", source)
    if source.stack ~= self.stack then
      check.fail("%s: argument source is a stream of other weights (%s); likely fix: both from one layer or model", op,
        source.stack.title)
    end
    count = check.integer(op, "count", count == nil and 1 or count, 0, math.min(self.batch, source.batch))
    check.integer(op, "to", to, 1, self.batch - count + 1)
    from = check.integer(op, "from", from == nil and 1 or from, 1, source.batch - count + 1)
    follow(self)
    follow(source)
    if count > 0 then engine.copy_rows(self.native, to - 1, source.native, from - 1, count) end
    return self
  end

  --- A stream of the same weights that stands where this one does, and goes its own way from here.
  ---@return Stream
  function Stream:clone()
    follow(self)
    local copy = open(setmetatable({}, getmetatable(self)), self.stack, self.batch)
    engine.copy_rows(copy.native, 0, self.native, 0, self.batch)
    return copy
  end
end
