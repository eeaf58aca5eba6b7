-- What the operations gru, lstm and simple_rnn share: a recurrent layer over a whole sequence is one engine call forward, one
-- backward, one node in the graph. Formulas and layouts: core/moongate.h.
local core = require "moongate.ffi.core"
local ffi = require "ffi"
local bit = require "bit"
local check = require "moongate.check"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"
local activation_struct = require "moongate.ops.activation_struct"
local C = core.C

local M = {}

local KNOWN = { "x", "kernel", "recurrent_kernel", "bias", "mask", "dropout_masks", "recurrent_dropout_masks", "activation",
  "go_backwards", "return_sequences", "zero_output_for_mask", "time_major", "recompute", "gates", "packed" }
local FLAG_NAMES = { "go_backwards", "return_sequences", "zero_output_for_mask", "time_major", "recompute", "reset_after" }
local FLAGS = { go_backwards = C.MG_RNN_GO_BACKWARDS, return_sequences = C.MG_RNN_RETURN_SEQUENCES,
  zero_output_for_mask = C.MG_RNN_ZERO_OUTPUT_FOR_MASK, time_major = C.MG_RNN_TIME_MAJOR, recompute = C.MG_RNN_RECOMPUTE,
  reset_after = C.MG_GRU_RESET_AFTER }
local INPUTS = { "x", "kernel", "recurrent_kernel", "bias", "initial_state", "initial_carry" }
local MASKS = { "dropout_masks", "recurrent_dropout_masks" }
local TANH, SIGMOID = { kind = "tanh" }, { kind = "sigmoid" }

--- One of the three layers: name of the operations (mg_NAME_forward), gates, the options of its own
---@param kind table { name = string, gates = integer, carry = boolean, options = string[] }
---@return table what the functions below take
function M.kind(kind)
  kind.known = { unpack(KNOWN) }
  for _, option in ipairs(kind.options) do kind.known[#kind.known + 1] = option end
  for _, call in ipairs { "saved_size", "forward", "backward", "explain" } do kind[call] = "mg_" .. kind.name .. "_" .. call end
  kind.columns = kind.gates == 1 and "U" or kind.gates .. "U"
  return kind
end

--- A handle for packed weights, to be given to every call of one layer: weights are packed again only when they have changed.
function M.packed()
  local out = ffi.new("mg_packed *[1]")
  core.check(C.mg_packed_create(out))
  return ffi.gc(out[0], C.mg_packed_destroy)
end

-- Puts the handles of what forward read into the struct; also checks that they are still alive.
local function set_inputs(kind, args, o)
  local op = kind.name
  for _, name in ipairs(INPUTS) do args[name] = o[name] and tensors.expect(op, name, o[name]).handle or nil end
  args.mask = o.mask and tensors.expect(op, "mask", o.mask, { "uint8" }).handle or nil
  for _, name in ipairs(MASKS) do
    local masks = o[name]
    for i = 1, masks and 4 or 0 do
      if masks[i] then args[name][i - 1] = tensors.expect(op, name .. "[" .. i .. "]", masks[i]).handle end
    end
  end
end

local function make_args(kind, o)
  local op = kind.name
  local args = ffi.new("mg_rnn_args")
  local x, recurrent = tensors.expect(op, "x", o.x), tensors.expect(op, "recurrent_kernel", o.recurrent_kernel)
  tensors.expect(op, "kernel", o.kernel)
  if #x.shape ~= 3 or #recurrent.shape ~= 2 then
    check.fail("%s: argument x %s and recurrent_kernel %s, expected (B, T, F) and (U, %s)%s", op, tostring(x.shape),
      tostring(recurrent.shape), kind.columns, #x.shape == 2 and "; likely fix: x:expand_dims(2) for a single step" or "")
  end
  set_inputs(kind, args, o)
  args.activation = activation_struct(op, o.activation or TANH)
  args.recurrent_activation = activation_struct(op, o.recurrent_activation or SIGMOID)
  for i = 1, #FLAG_NAMES do -- pairs() ends a trace of the compiler
    local name = FLAG_NAMES[i]
    if o[name] then args.flags = bit.bor(args.flags, FLAGS[name]) end
  end
  args.packed = o.packed
  return args
end

-- Shapes of output, state and gates.
local function result_shapes(kind, o)
  local x, units = o.x.shape, o.recurrent_kernel.shape[1]
  local batch = o.time_major and x[2] or x[1]
  local state = shapes.own { batch, units }
  return o.return_sequences and shapes.own { x[1], x[2], units } or state, state, shapes.own { x[1], x[2], kind.gates * units }
end

local function gradient(args, field, t)
  if not (t and t.node) then return nil end
  local g = tensors.alloc_like(t, t.dtype)
  args[field] = g.handle
  return g
end

local function handle_of(t) return t and t.handle or nil end

-- `saved` is used up here: a second backward over the node (retain_graph) cannot work.
local function backward(node)
  local kind, o, args = node.kind, node.o, node.args
  if node.used then
    check.fail("%s: backward needs what forward saved, and a first backward has used it up; compute the output again", kind.name)
  end
  node.used = true
  set_inputs(kind, args, o)
  args.output, args.state, args.carry, args.gates, args.saved = nil, nil, nil, nil, node.kept.handle
  args.doutput, args.dstate, args.dcarry = handle_of(node[1]), handle_of(node[2]), handle_of(kind.carry and node[3])
  local gradients = {}
  for _, name in ipairs(INPUTS) do gradients[name] = gradient(args, "d" .. name, o[name]) end
  core.check(C[kind.backward](args))
  node.kept:free()
  node.kept, node.o, node.args = false, false, false
  for _, name in ipairs(INPUTS) do
    if gradients[name] then autograd.accumulate(o[name], gradients[name]) end
  end
end

local size = ffi.new("int64_t[1]")

local function alloc_saved(kind, args, x)
  core.check(C[kind.saved_size](size, args))
  local saved = tensors.alloc(shapes.own { tonumber(size[0]) }, x.dtype, x)
  args.saved = saved.handle
  return saved
end

-- Inference keeps nothing that it could compute again: there recompute would only rule out the kernels of few rows.
local function keep_for_backward(kind, args, x, training)
  if training then return alloc_saved(kind, args, x) end
  args.flags = bit.band(args.flags, bit.bnot(C.MG_RNN_RECOMPUTE))
end

-- The tensors that backward reads, and those that gradients flow to.
local function list_inputs(o)
  local inputs, saved = {}, { o.mask }
  for _, name in ipairs(INPUTS) do inputs[#inputs + 1] = o[name] end
  for _, t in ipairs(inputs) do saved[#saved + 1] = t end
  for _, name in ipairs(MASKS) do
    for _, t in ipairs(o[name] or {}) do saved[#saved + 1] = t end
  end
  return inputs, saved
end

-- What backward reads of the arguments: the caller may use its tables again.
local function inputs_of(o)
  local own = { mask = o.mask }
  for _, name in ipairs(INPUTS) do own[name] = o[name] end
  for _, name in ipairs(MASKS) do
    local masks = o[name]
    own[name] = masks and { masks[1], masks[2], masks[3], masks[4] }
  end
  return own
end

-- The engine's names for what `initial_states` holds.
local function checked(kind, o)
  check.options(kind.name, check.type(kind.name, "arguments", o, "table"), kind.known)
  local states = o.initial_states
  if not states then return o end
  check.type(kind.name, "initial_states", states, "table")
  if #states ~= 2 then check.fail("%s: argument initial_states has %d elements, expected { h, c }", kind.name, #states) end
  local own = {}
  for name, value in pairs(o) do own[name] = value end
  own.initial_state, own.initial_carry = states[1], states[2]
  return own
end

--- A recurrent layer over a sequence
---@param kind table from kind()
---@param o table arguments of the operation
---@return Tensor output
---@return Tensor state
---@return Tensor|nil carry or gates
---@return Tensor|nil gates, after the carry
function M.run(kind, o)
  o = checked(kind, o)
  local args = make_args(kind, o)
  local x = o.x
  local output_shape, state_shape, gates_shape = result_shapes(kind, o)
  local inputs, saved = list_inputs(o)
  local recording = autograd.any(inputs)
  local output, state = tensors.alloc(output_shape, x.dtype, x), tensors.alloc(state_shape, x.dtype, x)
  local carry = kind.carry and tensors.alloc(state_shape, x.dtype, x) or nil
  local gates = o.gates and tensors.alloc(gates_shape, x.dtype, x) or nil
  args.output, args.state, args.carry, args.gates = output.handle, state.handle, handle_of(carry), handle_of(gates)
  local kept = keep_for_backward(kind, args, x, recording)
  core.check(C[kind.forward](args))
  if recording then
    local node = autograd.record_many({ output, state, carry }, backward, inputs, saved)
    node.kind, node.o, node.args, node.kept = kind, inputs_of(o), args, kept
  end
  if carry then return output, state, carry, gates end
  return output, state, gates
end

local SPLITS = { [C.MG_SPLIT_NONE] = "none", [C.MG_SPLIT_ROWS] = "rows", [C.MG_SPLIT_UNITS] = "units" }

--- What a call with these arguments would do: kernel, the fastest one that it cannot take (or nil), and why not; where the kernel
--- tells, the estimated milliseconds with packed weights ready (in training: of forward and backward), what threads share (`split`:
--- "none", "rows" of the batch or hidden "units"), how many they are, and how many rows, and steps of input products, go together
---@param kind table from kind()
---@param o table arguments of the operation
---@param training? boolean
---@return table { kernel =, faster =, reason =, milliseconds =, split =, threads =, block_rows =, chunk_steps = }
function M.explain(kind, o, training)
  o = checked(kind, o)
  local args = make_args(kind, o)
  local saved = keep_for_backward(kind, args, o.x, training)
  local plan = ffi.new("mg_plan")
  core.check(C[kind.explain](plan, args))
  if saved then saved:free() end
  local function text(p) return p ~= nil and ffi.string(p) or nil end
  local found = { kernel = text(plan.kernel), faster = text(plan.faster), reason = text(plan.reason) }
  if plan.nanoseconds == 0 then return found end
  found.milliseconds, found.split = tonumber(plan.nanoseconds) / 1e6, SPLITS[tonumber(plan.split)]
  for _, name in ipairs { "threads", "block_rows", "chunk_steps" } do found[name] = tonumber(plan[name]) end
  return found
end

return M
