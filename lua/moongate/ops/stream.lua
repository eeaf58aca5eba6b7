-- Streams in the engine: a stack of layers with packed weights (a stepper), and the states of rows that step through it. What a
-- stack is made of, stream/steps.lua tells; the object is stream/init.lua.
local core = require "moongate.ffi.core"
local ffi = require "ffi"
local bit = require "bit"
local check = require "moongate.check"
local shapes = require "moongate.shape"
local tensors = require "moongate.tensor_core"
local activation_struct = require "moongate.ops.activation_struct"
local C = core.C

local M = {}

local function handle_of(t) return t and t.handle or nil end

local function struct_of(spec) return spec and activation_struct("stream", spec) or nil end

-- Each adds one kind of step to a stepper.
local adders = {}

local function recurrent(add)
  return function(stepper, step)
    local args = ffi.new("mg_rnn_args")
    args.kernel, args.recurrent_kernel = step.kernel.handle, step.recurrent_kernel.handle
    args.bias = handle_of(step.bias)
    args.activation = struct_of(step.activation)
    args.recurrent_activation = struct_of(step.recurrent_activation or step.activation)
    if step.reset_after then args.flags = bit.bor(args.flags, C.MG_GRU_RESET_AFTER) end
    return C[add](stepper, args)
  end
end
adders.gru, adders.lstm = recurrent "mg_stepper_add_gru", recurrent "mg_stepper_add_lstm"
adders.simple_rnn = recurrent "mg_stepper_add_simple_rnn"

function adders.dense(stepper, step)
  return C.mg_stepper_add_dense(stepper, step.kernel.handle, handle_of(step.bias), struct_of(step.activation))
end

function adders.embedding(stepper, step) return C.mg_stepper_add_embedding(stepper, step.table.handle) end

function adders.affine(stepper, step)
  return C.mg_stepper_add_affine(stepper, handle_of(step.scale), handle_of(step.offset))
end

function adders.batch_normalization(stepper, step)
  return C.mg_stepper_add_batch_normalization(stepper, step.mean.handle, step.variance.handle, handle_of(step.gamma),
    handle_of(step.beta), step.epsilon)
end

function adders.layer_normalization(stepper, step)
  return C.mg_stepper_add_layer_normalization(stepper, step.features, handle_of(step.gamma), handle_of(step.beta), step.epsilon)
end

function adders.activation(stepper, step)
  return C.mg_stepper_add_activation(stepper, step.features, struct_of(step.activation))
end

function adders.softmax(stepper, step) return C.mg_stepper_add_softmax(stepper, step.features) end

local WEIGHTS = { "kernel", "recurrent_kernel", "bias", "table", "scale", "offset", "mean", "variance", "gamma", "beta" }

--- Where the weights of steps lie in memory: a list of addresses
---@param steps table[]
---@return number[]
function M.places(steps)
  local list = {}
  for _, step in ipairs(steps) do
    for _, name in ipairs(WEIGHTS) do
      local t = step[name]
      list[#list + 1] = t and tonumber(ffi.cast("intptr_t", C.mg_tensor_read(t.handle))) or 0
    end
  end
  return list
end

local sizes = ffi.new("int64_t[3]")

--- A stepper, and of a row: how many values a step takes and gives, and how many its states have
---@param steps table[] { kind =, ... } each, from stream/steps.lua
---@return cdata stepper
---@return integer inputs
---@return integer outputs
---@return integer states
function M.stepper(steps)
  local out = ffi.new("mg_stepper *[1]")
  core.check(C.mg_stepper_create(out))
  local stepper = ffi.gc(out[0], C.mg_stepper_destroy)
  for _, step in ipairs(steps) do core.check(adders[step.kind](stepper, step)) end
  core.check(C.mg_stepper_sizes(sizes, sizes + 1, sizes + 2, stepper))
  return stepper, tonumber(sizes[0]), tonumber(sizes[1]), tonumber(sizes[2])
end

--- The states of `batch` rows, zeros
---@param stepper cdata
---@param batch integer
---@return cdata
function M.create(stepper, batch)
  local out = ffi.new("mg_stream *[1]")
  core.check(C.mg_stream_create(out, stepper, batch))
  return ffi.gc(out[0], C.mg_stream_destroy)
end

--- Zeros in all states
---@param stream cdata
function M.reset(stream) core.check(C.mg_stream_reset(stream)) end

--- One step, from tensor to tensor: whether it was made
---@param stream cdata
---@param y Tensor float32, without gaps: as many values as the step gives
---@param x Tensor likewise; apart from y
---@return boolean
function M.step(stream, y, x) return C.mg_stream_step_tensor(stream, y.handle, x.handle) == 0 end

--- One step, from memory to memory: whether it was made
---@param stream cdata
---@param y cdata float *
---@param x cdata float *
---@return boolean
function M.step_raw(stream, y, x) return C.mg_stream_step(stream, y, x) == 0 end

--- T steps: y (T,B,outputs) of x (T,B,inputs), both float32 without gaps
---@param stream cdata
---@param y Tensor
---@param x Tensor
function M.run(stream, y, x)
  core.check(C.mg_stream_run(stream, tensors.write(y), tensors.read(x), x.shape[1]))
end

--- A copy of a state (B,U); `layer` and `which` count from 0
---@param stream cdata
---@param layer integer
---@param which integer
---@param shape integer[]
---@return Tensor
function M.read_state(stream, layer, which, shape)
  local state = tensors.alloc(shapes.own { shape[1], shape[2] }, "float32")
  core.check(C.mg_stream_read_state(state.handle, stream, layer, which))
  return state
end

--- Sets a state
---@param stream cdata
---@param layer integer
---@param which integer
---@param state Tensor (B,U)
function M.write_state(stream, layer, which, state)
  core.check(C.mg_stream_write_state(stream, state.handle, layer, which))
end

--- The states of rows from, from + 1, ... (from 0) of a stream become those of rows to, to + 1, ... of another or the same one
---@param out cdata
---@param to integer
---@param source cdata
---@param from integer
---@param rows integer
function M.copy_rows(out, to, source, from, rows) core.check(C.mg_stream_copy_rows(out, to, source, from, rows)) end

--- The memory of a tensor that is kept, for writing numbers into it
---@param t Tensor float32
---@return cdata
function M.pointer(t) return tensors.write(t) end

local FLOATS = ffi.typeof("float *")
local ARRAY = ffi.typeof("float [?]")

-- Arrays of a fixed size are types of their own: float[8].
local function is_array(value) return tostring(ffi.typeof(value)):match("^ctype<[const ]*float %[[%d?]+%]>$") ~= nil end

--- Checks that a value is memory of floats
---@param title string
---@param name string
---@param value any
function M.expect_floats(title, name, value)
  if type(value) == "cdata" then
    if ffi.istype(FLOATS, value) or ffi.istype(ARRAY, value) or is_array(value) then return end
    check.fail("%s: step_raw: argument %s is a %s, expected a float * or an array of floats; likely fix: x:data()", title, name,
      tostring(ffi.typeof(value)))
  end
  check.fail("%s: step_raw: argument %s is %s, expected a float * or an array of floats; likely fix: step(x), or x:data()", title,
    name, check.describe(value))
end

local VOID = ffi.typeof("void *")

--- Whether a value is memory that step_raw can be called with: LuaJIT itself refuses there what is not of floats, but for void *.
--- To know an array of a fixed size by its type (expect_floats) would leave garbage in each step.
---@param value any
---@return boolean
function M.may_be_floats(value) return type(value) == "cdata" and not ffi.istype(VOID, value) end

--- Raises what the engine said of a step that it did not make
---@param op string
function M.raise(op) check.fail("%s", (ffi.string(C.mg_error()):gsub("^stream_step[%w_]*", function() return op end))) end

--- Raises what was caught in step_raw: memory not of floats, or y that must not be written, or another error as it was
---@param title string
---@param y cdata
---@param x cdata
---@param caught any
function M.refuse_memory(title, y, x, caught)
  M.expect_floats(title, "y", y)
  M.expect_floats(title, "x", x)
  local kind = tostring(ffi.typeof(y))
  if not kind:match("const") then error(caught, 0) end
  check.fail('%s: step_raw: argument y is a %s, which is not to be written, expected a float * or an array of floats; likely fix: '
    .. 'ffi.new("float[?]", stream.batch * stream.outputs)', title, kind)
end

return M
