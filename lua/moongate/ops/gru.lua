-- A GRU over a whole sequence: one engine call forward, one backward, one node in the graph. Formulas and layouts: core/moongate.h.
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

local KNOWN = { "x", "kernel", "recurrent_kernel", "bias", "initial_state", "mask", "dropout_masks", "recurrent_dropout_masks",
  "activation", "recurrent_activation", "reset_after", "go_backwards", "return_sequences", "zero_output_for_mask", "time_major",
  "recompute", "gates", "packed" }
local FLAGS = { go_backwards = C.MG_RNN_GO_BACKWARDS, return_sequences = C.MG_RNN_RETURN_SEQUENCES,
  zero_output_for_mask = C.MG_RNN_ZERO_OUTPUT_FOR_MASK, time_major = C.MG_RNN_TIME_MAJOR, recompute = C.MG_RNN_RECOMPUTE,
  reset_after = C.MG_GRU_RESET_AFTER }
local INPUTS = { "x", "kernel", "recurrent_kernel", "bias", "initial_state" }
local MASKS = { "dropout_masks", "recurrent_dropout_masks" }
local TANH, SIGMOID = { kind = "tanh" }, { kind = "sigmoid" }

--- A handle for packed weights, to be given to every call of one layer: weights are packed again only when they have changed.
function M.gru_packed()
  local out = ffi.new("mg_packed *[1]")
  core.check(C.mg_packed_create(out))
  return ffi.gc(out[0], C.mg_packed_destroy)
end

-- Puts the handles of what forward read into the struct; also checks that they are still alive.
local function set_inputs(args, o)
  for _, name in ipairs(INPUTS) do args[name] = o[name] and tensors.expect("gru", name, o[name]).handle or nil end
  args.mask = o.mask and tensors.expect("gru", "mask", o.mask, { "uint8" }).handle or nil
  for _, name in ipairs(MASKS) do
    local masks = o[name] or {}
    for i = 1, 3 do args[name][i - 1] = masks[i] and tensors.expect("gru", name .. "[" .. i .. "]", masks[i]).handle or nil end
  end
end

local function make_args(o)
  check.options("gru", check.type("gru", "arguments", o, "table"), KNOWN)
  local args = ffi.new("mg_gru_args")
  local x, recurrent = tensors.expect("gru", "x", o.x), tensors.expect("gru", "recurrent_kernel", o.recurrent_kernel)
  tensors.expect("gru", "kernel", o.kernel)
  if #x.shape ~= 3 or #recurrent.shape ~= 2 then
    check.fail("gru: argument x %s and recurrent_kernel %s, expected (B, T, F) and (U, 3U)%s", tostring(x.shape),
      tostring(recurrent.shape), #x.shape == 2 and "; likely fix: x:expand_dims(2) for a single step" or "")
  end
  set_inputs(args, o)
  args.activation = activation_struct("gru", o.activation or TANH)
  args.recurrent_activation = activation_struct("gru", o.recurrent_activation or SIGMOID)
  for name, flag in pairs(FLAGS) do
    if o[name] then args.flags = bit.bor(args.flags, flag) end
  end
  args.packed = o.packed
  return args
end

-- Shapes of output, state and gates.
local function result_shapes(o)
  local x, units = o.x.shape, o.recurrent_kernel.shape[1]
  local batch = o.time_major and x[2] or x[1]
  local state = shapes.own { batch, units }
  return o.return_sequences and shapes.own { x[1], x[2], units } or state, state, shapes.own { x[1], x[2], 3 * units }
end

local function gradient(args, field, t)
  if not (t and t.node) then return nil end
  local g = tensors.alloc_like(t, t.dtype)
  args[field] = g.handle
  return g
end

-- `saved` is used up here: a second backward over the node (retain_graph) cannot work.
local function backward(node)
  local o, args = node.o, node.args
  if node.used then
    check.fail("gru: backward needs what forward saved, and a first backward has used it up; compute the output again")
  end
  node.used = true
  set_inputs(args, o)
  args.output, args.state, args.gates, args.saved = nil, nil, nil, node.kept.handle
  args.doutput, args.dstate = node[1] and node[1].handle or nil, node[2] and node[2].handle or nil
  local gradients = {}
  for _, name in ipairs(INPUTS) do gradients[name] = gradient(args, "d" .. name, o[name]) end
  core.check(C.mg_gru_backward(args))
  node.kept:free()
  node.kept, node.o, node.args = false, false, false
  for _, name in ipairs(INPUTS) do
    if gradients[name] then autograd.accumulate(o[name], gradients[name]) end
  end
end

local size = ffi.new("int64_t[1]")

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

--- A GRU over a sequence
--- x (B,T,F), kernel (F,3U), recurrent_kernel (U,3U), bias (2,3U) with reset_after else (3U), initial_state (B,U), mask uint8
--- (B,T), dropout_masks: one or three (B,F), recurrent_dropout_masks: three (B,U), activation and recurrent_activation: specs as in
--- activation, packed: from gru_packed(); reset_after, go_backwards, return_sequences, zero_output_for_mask, time_major, recompute
--- and gates are switches.
---@param o table
---@return Tensor output (B,T,U) with return_sequences, else (B,U)
---@return Tensor state (B,U)
---@return Tensor|nil gates (B,T,3U), when asked for
function M.gru(o)
  local args = make_args(o)
  local x = o.x
  local output_shape, state_shape, gates_shape = result_shapes(o)
  local inputs, saved = list_inputs(o)
  local recording = autograd.any(inputs)
  local output, state = tensors.alloc(output_shape, x.dtype, x), tensors.alloc(state_shape, x.dtype, x)
  local gates = o.gates and tensors.alloc(gates_shape, x.dtype, x) or nil
  args.output, args.state, args.gates = output.handle, state.handle, gates and gates.handle or nil
  local kept
  if recording then
    core.check(C.mg_gru_saved_size(size, args))
    kept = tensors.alloc(shapes.own { tonumber(size[0]) }, x.dtype, x)
    args.saved = kept.handle
  end
  core.check(C.mg_gru_forward(args))
  if recording then
    local node = autograd.record_many({ output, state }, backward, inputs, saved)
    node.o, node.args, node.kept = o, args, kept
  end
  return output, state, gates
end

--- What a call with these arguments would do: kernel, the fastest one that it cannot take (or nil), and why not
---@param o table as of gru
---@param training? boolean
---@return table { kernel =, faster =, reason = }
function M.gru_explain(o, training)
  local args = make_args(o)
  local saved
  if training then
    core.check(C.mg_gru_saved_size(size, args))
    saved = tensors.alloc(shapes.own { tonumber(size[0]) }, o.x.dtype, o.x)
    args.saved = saved.handle
  end
  local plan = ffi.new("mg_plan")
  core.check(C.mg_gru_explain(plan, args))
  if saved then saved:free() end
  local function text(p) return p ~= nil and ffi.string(p) or nil end
  return { kernel = text(plan.kernel), faster = text(plan.faster), reason = text(plan.reason) }
end

return M
