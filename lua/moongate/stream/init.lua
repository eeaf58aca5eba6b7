-- Streams: layers and models that run one step of time at a call, with states of their own. What a layer does in a step is in
-- steps.lua; the steps themselves are the engine's (ops/stream.lua).
local check = require "moongate.check"
local class = require "moongate.class"
local create = require "moongate.tensor_create"
local engine = require "moongate.ops.stream"
local raw = require "moongate.ops.raw"
local shapes = require "moongate.shape"
local stacks = require "moongate.stream.stack"
local tensor = require "moongate.tensor"

--- A layer or model that runs step by step: gru:stream(), model:stream(). It has states of its own, zeros at first; a stateful
--- layer's stored states are neither used nor changed. Weights are the layer's: a step sees what training, set_weights or
--- load_weights have made of them. Inference alone: no gradients, dropout does nothing. Any number of streams share the packed
--- weights; a stream of batch = n steps n rows together. Fields: batch, inputs and outputs (values of a row), output (the tensor
--- that step gives).
---@example
---  local stream = model:stream()
---  for t = 1, T do print(stream:step(x[t])) end
---  stream:reset()
local Stream = class "Stream"

-- A step's input by its number of dimensions: (batch, inputs), (batch, 1, inputs), and without the axis of one row or one value.
local function input_shapes(self)
  local B, I = self.batch, self.inputs
  local list = { [2] = { B, I }, [3] = { B, 1, I } }
  if I == 1 then list[1] = { B } elseif B == 1 then list[1] = { I } end
  if I == 1 and B == 1 then list[0] = {} end
  return list
end

-- Memory of the stream's own for inputs that cannot be read where they are, as its views by their number of dimensions.
local function make_input(self)
  self.input = create.zeros({ self.batch, self.inputs }, { dtype = "float32" }):keep()
  self.pointer, self.views = engine.pointer(self.input), { [2] = self.input }
end

-- Makes the object: states of `batch` rows on a stack.
local function open(self, stack, batch)
  self.stack, self.batch, self.inputs, self.outputs = stack, batch, stack.inputs, stack.outputs
  self.skips_zero = stack.skips_zero or false
  self.stepper, self.moves = stacks.current(stack), tensor.moves
  self.native = engine.create(self.stepper, batch)
  self.output = create.zeros({ batch, stack.outputs }, { dtype = "float32" }):keep()
  self.input = false -- until it is needed: there may be thousands of streams
  if self.inputs == 1 then make_input(self) end
  return self
end

local function expect_stream(op, name, value)
  local meta = type(value) == "table" and getmetatable(value)
  if not meta or meta.class ~= Stream then
    check.fail("%s: argument %s is %s, expected a stream", op, name, check.describe(value))
  end
end

--- A stream of a layer or model: owner:stream(options) makes it.
---@param owner table a built layer or model
---@param options? table batch = 1, with
---@package
function Stream:init(owner, options)
  if type(owner) ~= "table" or not owner.title then
    check.fail("stream: called on %s, expected a layer or model; likely fix: a colon instead of a dot, gru:stream(...)",
      check.describe(owner))
  end
  local op = owner:title() .. ": stream"
  options = check.options(op, options, { "batch", "with" })
  local with = options.with
  if with ~= nil then expect_stream(op, "with", with) end
  local batch = check.integer(op, "batch", options.batch == nil and 1 or options.batch, 1, 2 ^ 31 - 1)
  open(self, stacks.of(owner, with and with.stack), batch)
end

--- How messages call the stream.
---@package
function Stream:title() return "stream of " .. self.stack.title end

--- What tostring gives.
---@package
function Stream:to_text()
  return ("<Stream of %s: batch %d, %s -> %d, %d state values a row: %s>"):format(self.stack.title, self.batch,
    self.stack.ids and "id" or tostring(self.inputs), self.outputs, self.stack.state_count, self.stack.summary)
end

-- Weights have moved to other memory (to an optimizer's, before its first update): the states go over to a stream of that.
local function follow(self)
  if self.moves == tensor.moves then return end
  local stepper = stacks.current(self.stack)
  self.moves = tensor.moves
  if stepper == self.stepper then return end
  local native = engine.create(stepper, self.batch)
  for _, at in ipairs(self.stack.states) do
    local state = engine.read_state(self.native, at.layer, at.which, { self.batch, at.units })
    engine.write_state(native, at.layer, at.which, state)
    state:free()
  end
  self.native, self.stepper = native, stepper
end

local is_contiguous = raw.is_contiguous

-- Stepping --------------------------------------------------------------------------------------------------------------------

local function expected_text(self)
  local words, list = {}, input_shapes(self)
  for n = 3, 0, -1 do
    if list[n] then words[#words + 1] = shapes.text(list[n]) end
  end
  return table.concat(words, " or ")
end

local function expect_input(self, x)
  tensor.expect(self:title() .. ": step", "x", x)
  local s, B, I = x.shape, self.batch, self.inputs
  local n = #s
  if n == 2 and s[1] == B and s[2] == I or n == 3 and s[1] == B and s[2] == 1 and s[3] == I then return end
  if n == 1 and (B == 1 or I == 1) and s[1] == B * I or n == 0 and B * I == 1 then return end
  local fix = n == 3 and x.shape[2] ~= 1 and "run(x) for a sequence"
    or n > 1 and x.shape[n] == self.inputs and s[1] > 0 and ("stream { batch = %d }"):format(x.shape[1])
  check.fail("%s: step: x has shape %s, expected %s%s", self:title(), shapes.text(x.shape), expected_text(self),
    fix and "; likely fix: " .. fix or "")
end

local function expect_output(self, y)
  tensor.expect(self:title() .. ": step", "out", y, { "float32" })
  local s = y.shape
  local n = #s
  if not (s[n] == self.outputs and y.count == self.batch * self.outputs and n >= 1 and n <= 3) then
    check.fail("%s: step: out has shape %s, expected %s", self:title(), shapes.text(s), shapes.text { self.batch, self.outputs })
  end
  if not is_contiguous(y) then
    check.fail("%s: step: out %s is a view with gaps, expected a tensor without; likely fix: out:copy_(stream:step(x))",
      self:title(), shapes.text(s))
  end
end

-- Id 0 of an Embedding with mask_zero stands for no step, and a stream takes every step it is given.
local function refuse_zero(self, pointer, count)
  for i = 0, count - 1 do
    if pointer[i] == 0 then
      check.fail("%s: step: id 0 stands for no step (mask_zero = true); likely fix: do not call step for it", self:title())
    end
  end
end

-- The input, copied to where the stream keeps one: other dtypes, views with gaps, the stream's own output, numbers.
local function staged(self, x)
  if type(x) == "number" then
    if self.batch * self.inputs ~= 1 then
      check.fail("%s: step: x is the number %s, expected a tensor of shape %s", self:title(), tostring(x), expected_text(self))
    end
    self.pointer[0] = x
  else
    expect_input(self, x)
    if not self.input then make_input(self) end
    local n = #x.shape
    local view = self.views[n]
    if not view then
      view = raw.reshape(self.input, shapes.own { unpack(x.shape) }):keep()
      self.views[n] = view
    end
    raw.copy_to(view, x)
  end
  if self.skips_zero then refuse_zero(self, self.pointer, self.batch) end
  return self.input
end

local is, step, step_raw = tensor.is, engine.step, engine.step_raw
local may_be_floats = engine.may_be_floats

--- One step of time. What it returns is the stream's own tensor, the same one every time: the next step writes over it, so copy
--- what is to stay (y:clone()), or give a tensor to write into. Nothing is allocated.
---@param x Tensor|number (batch, inputs), (batch, 1, inputs) or for a batch of one (inputs); a number for one input or id
---@param out? Tensor float32 (batch, outputs)
---@return Tensor y (batch, outputs)
---@example local y = stream:step(mg.tensor { 0.1, 0.2, 0.3 })
function Stream:step(x, out)
  local y = out == nil and self.output or out
  if not is(y) then expect_output(self, y) end
  follow(self)
  if not is(x) or x.dtype ~= "float32" or x == y or self.skips_zero or not is_contiguous(x) then x = staged(self, x) end
  if not step(self.native, y, x) then
    expect_input(self, x)
    expect_output(self, y)
    engine.raise(self:title() .. ": step")
  end
  return y
end

--- One step from memory to memory: float pointers or arrays, x of batch * inputs numbers (ids as floats) and y of batch * outputs,
--- apart from each other. There is nothing to check their sizes by.
---@param y cdata float *
---@param x cdata float *
---@example stream:step_raw(y, x) -- local x, y = ffi.new("float[?]", stream.inputs), ffi.new("float[?]", stream.outputs)
function Stream:step_raw(y, x)
  if not may_be_floats(y) then engine.expect_floats(self:title(), "y", y) end
  if not may_be_floats(x) then engine.expect_floats(self:title(), "x", x) end
  follow(self)
  if self.skips_zero then
    engine.expect_floats(self:title(), "x", x)
    refuse_zero(self, x, self.batch)
  end
  local may, done = pcall(step_raw, self.native, y, x)
  if not may then engine.refuse_memory(self:title(), y, x, done) end
  if not done then engine.raise(self:title() .. ": step_raw") end
end

-- Sequences -------------------------------------------------------------------------------------------------------------------

local function expect_sequence(self, x)
  local op, ids = self:title() .. ": run", self.stack.ids
  tensor.expect(op, "x", x)
  local s = x.shape
  local fits = s[1] == self.batch and (#s == 3 and s[3] == self.inputs or ids and #s == 2)
  if not fits then
    check.fail("%s: x has shape %s, expected %s%s", op, shapes.text(s),
      ids and ("(%d, T)"):format(self.batch) or ("(%d, T, %d)"):format(self.batch, self.inputs),
      #s == 2 and not ids and "; likely fix: x:expand_dims(1), a batch of one" or "")
  end
  if x.keras_mask then
    check.fail("%s: x carries a mask, and a stream takes every step; likely fix: run over the steps that count", op)
  end
end

--- The steps of a sequence, one after another, from where the stream stands: what step would give for each.
---@param x Tensor (batch, T, inputs), of ids (batch, T)
---@return Tensor y (batch, T, outputs)
function Stream:run(x)
  expect_sequence(self, x)
  follow(self)
  local B, T = self.batch, x.shape[2]
  local y = tensor.alloc(shapes.own { T, B, self.outputs }, "float32")
  if T > 0 then
    local steps = raw.cast(raw.permute(raw.reshape(x, shapes.own { B, T, self.inputs }), { 1, 0, 2 }), "float32")
    if self.skips_zero then refuse_zero(self, engine.pointer(steps), steps.count) end
    engine.run(self.native, y, steps)
    steps:free()
  end
  if B == 1 then return raw.reshape(y, shapes.own { 1, T, self.outputs }) end
  local rows_first = raw.cast(raw.permute(y, { 1, 0, 2 }), "float32")
  y:free()
  return rows_first
end

require "moongate.stream.states" (Stream, { open = open, follow = follow, expect_stream = expect_stream })

return Stream
