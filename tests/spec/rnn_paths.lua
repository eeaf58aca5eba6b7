-- Random recurrent layers (GRU, LSTM, SimpleRNN) with data, and the roads on which one call can be computed: fused over the
-- sequence, step by step through the cell, the batch in parts, time-major, in chunks that pass the state on. Results of a road are
-- output, states and all gradients of sum(w output) + sum(w state), as flat lists.
local mg = require "moongate"
local ops = mg.ops

local paths = {}

-- ---- Drawing -------------------------------------------------------------------------------------------------------------

local state
local function draw(n) -- 1..n; Park and Miller's minimal standard
  state = state * 16807 % 2147483647
  return state % n + 1
end
local function one_of(list) return list[draw(#list)] end
local function chance(n) return draw(n) == 1 end
local function numbers(count, scale, shift)
  local list = {}
  for i = 1, count do list[i] = ((draw(2 ^ 20) / 2 ^ 20 - 0.5) * 2 * scale + (shift or 0)) end
  return list
end

local KINDS = { GRU = { gates = 3, states = 1 }, LSTM = { gates = 4, states = 2 }, SimpleRNN = { gates = 1, states = 1 } }
local ACTIVATIONS = { "tanh", "tanh", "tanh", "softsign", "relu", "elu", "gelu", "sigmoid", "linear" }
local RECURRENT = { "sigmoid", "sigmoid", "sigmoid", "hard_sigmoid", "tanh", "softsign" }

-- B*T zeros and ones: any, prefixes, one row of zeros, or nothing but zeros.
local function draw_mask(c)
  local kind, list = draw(6), {}
  if kind == 1 then return nil end
  for b = 1, c.B do
    local length, none = draw(c.T + 1) - 1, kind == 3 and b == 1 or kind == 4
    for t = 1, c.T do
      local counts = kind == 2 and t <= length or kind ~= 2 and not none and draw(3) > 1
      list[#list + 1] = counts and 1 or 0
    end
  end
  return list
end

local function dropout_list(count, elements)
  local list = {}
  for i = 1, count do
    list[i] = {}
    for k = 1, elements do list[i][k] = chance(4) and 0 or 4 / 3 end
  end
  return list
end

--- Set number `number` of a seed: sizes, options and numbers of one call of a layer of class `kind`.
function paths.draw(kind, seed, number)
  state = (seed * 1000003 + number * 7919) % 2147483646 + 1
  for _ = 1, 4 do draw(2) end
  local c = { kind = kind, number = number, seed = seed, gates = KINDS[kind].gates, states = KINDS[kind].states }
  c.B, c.T, c.F = one_of { 1, 2, 3, 5, 9, 17 }, one_of { 1, 2, 3, 4, 7 }, one_of { 1, 2, 3, 5 }
  c.U = one_of { 1, 2, 3, 5, 8, 16, 17 }
  if number % 20 == 7 then c.T = 0 end
  if number % 20 == 17 then c.B = 0 end
  c.options = { use_bias = not chance(4), activation = one_of(ACTIVATIONS), return_sequences = not chance(3),
    go_backwards = chance(3), zero_output_for_mask = chance(3), return_state = true }
  if kind ~= "SimpleRNN" then c.options.recurrent_activation = one_of(RECURRENT) end
  if kind == "GRU" then c.options.reset_after = chance(2) end
  local columns, scale = c.gates * c.U, 1.2 / math.sqrt(c.U)
  c.x = numbers(c.B * c.T * c.F, 1)
  c.weights = { { { c.F, columns }, numbers(c.F * columns, 0.8) }, { { c.U, columns }, numbers(c.U * columns, scale) } }
  if c.options.use_bias then
    local rows = c.options.reset_after and 2 or 1
    c.weights[3] = { rows == 2 and { 2, columns } or { columns }, numbers(rows * columns, 0.5) }
  end
  c.initial = {}
  for i = 1, chance(3) and 0 or c.states do c.initial[i] = numbers(c.B * c.U, 0.8) end
  c.mask = draw_mask(c)
  if chance(3) then c.input_masks = dropout_list(one_of { 1, c.gates }, c.B * c.F) end
  if chance(3) then c.recurrent_masks = dropout_list(c.gates, c.B * c.U) end
  c.w_output = numbers(c.B * c.U * (c.options.return_sequences and c.T or 1), 1)
  c.w_states = {}
  for i = 1, c.states do c.w_states[i] = numbers(c.B * c.U, 1) end
  c.cut = draw(math.max(1, c.B - 1))
  c.chunk = draw(math.max(1, c.T))
  return c
end

--- One line that says what a set is.
function paths.describe(c)
  local words = { ("%s, seed %d, set %d: B=%d T=%d F=%d U=%d"):format(c.kind, c.seed, c.number, c.B, c.T, c.F, c.U) }
  for name, value in pairs(c.options) do words[#words + 1] = name .. "=" .. tostring(value) end
  words[#words + 1] = ("%s mask, %d initial states, %d and %d dropout masks"):format(c.mask and "a" or "no", #c.initial,
    #(c.input_masks or {}), #(c.recurrent_masks or {}))
  return table.concat(words, ", ")
end

-- ---- Tensors -------------------------------------------------------------------------------------------------------------

local function tensor(list, shape, dtype)
  if #list == 0 then return mg.zeros(shape, { dtype = dtype }) end
  return mg.tensor(list, { dtype = dtype }):reshape(shape)
end

-- Whether step t (1-based, in time order) of row b counts.
local function counts(c, b, t) return not c.mask or c.mask[(b - 1) * c.T + t] == 1 end
paths.counts = counts

-- The same mask for every gate where the layer wants more of them.
local function spread(list, count, shape, dtype)
  if not list then return nil end
  local out = {}
  for i = 1, count do out[i] = tensor(list[#list == 1 and 1 or i], shape, dtype) end
  return out
end

--- A call of set c in a dtype: the layer, and every tensor that gradients flow to. Options: implementation, time_major, x (a list
--- in place of c.x).
function paths.call(c, dtype, options)
  options = options or {}
  local own = { dtype = dtype, implementation = options.implementation, time_major = options.time_major }
  for name, value in pairs(c.options) do own[name] = value end
  own.dropout, own.recurrent_dropout = c.input_masks and 0.25 or 0, c.recurrent_masks and 0.25 or 0
  if not own.implementation and c.kind ~= "SimpleRNN" then own.implementation = #(c.input_masks or { 1 }) > 1 and 1 or 2 end
  if c.kind == "SimpleRNN" then own.implementation = nil end
  local layer = mg.layers[c.kind](c.U, own)
  layer:build { mg.null, mg.null, c.F }
  local weights = {}
  for i, weight in ipairs(c.weights) do weights[i] = tensor(weight[2], weight[1], dtype) end
  layer:set_weights(weights)
  local call = { c = c, dtype = dtype, layer = layer, cell = layer.cell, states = {}, inputs = {} }
  call.x = tensor(options.x or c.x, { c.B, c.T, c.F }, dtype):requires_grad_()
  call.inputs[1] = call.x
  for i, list in ipairs(c.initial) do
    call.states[i] = tensor(list, { c.B, c.U }, dtype):requires_grad_()
    call.inputs[#call.inputs + 1] = call.states[i]
  end
  for _, weight in ipairs(layer.trainable_weights) do call.inputs[#call.inputs + 1] = weight end
  call.mask = c.mask and tensor(c.mask, { c.B, c.T }, "uint8")
  local count = layer.cell:mask_count()
  call.input_masks = spread(c.input_masks, count, { c.B, c.F }, dtype)
  call.recurrent_masks = spread(c.recurrent_masks, count, { c.B, c.U }, dtype)
  return call
end

-- Rows first..last of every one of a list.
local function rows_of(list, first, last)
  local out = {}
  for i, t in ipairs(list or {}) do out[i] = t:slice(1, first, last) end
  return list and out
end

-- One call of the layer; its dropout masks are given anew, as each call uses them up.
local function run(call, x, mask, states, input_masks, recurrent_masks)
  call.cell:set_dropout_masks { input = input_masks, recurrent = recurrent_masks }
  local results = { call.layer(x, { mask = mask or mg.null, training = true,
    initial_state = states and #states > 0 and states or nil }) }
  return table.remove(results, 1), results
end

-- ---- Roads: output (B, T, U) or (B, U), list of states -----------------------------------------------------------------

function paths.fused(call) return run(call, call.x, call.mask, call.states, call.input_masks, call.recurrent_masks) end

-- x, mask and output with batch and time exchanged; for a call made with time_major.
function paths.time_major(call)
  local output, states = run(call, call.x:permute(2, 1, 3), call.mask and call.mask:permute(2, 1), call.states, call.input_masks,
    call.recurrent_masks)
  return call.c.options.return_sequences and output:permute(2, 1, 3) or output, states
end

function paths.rows(call)
  local c, outputs, states = call.c, {}, {}
  for part, range in ipairs { { 1, c.cut }, { c.cut + 1, c.B } } do
    local first, last = range[1], range[2]
    local output, own = run(call, call.x:slice(1, first, last), call.mask and call.mask:slice(1, first, last),
      rows_of(call.states, first, last), rows_of(call.input_masks, first, last), rows_of(call.recurrent_masks, first, last))
    outputs[part] = output
    for i, s in ipairs(own) do
      states[i] = states[i] or {}
      states[i][part] = s
    end
  end
  for i, parts in ipairs(states) do states[i] = ops.concat(parts, 1) end
  return ops.concat(outputs, 1), states
end

-- The place in time of processing step s.
local function time_of(c, s) return c.options.go_backwards and c.T + 1 - s or s end

-- The cell, step by step, with what a mask means written out: a masked step keeps the states and repeats the output, or gives 0.
function paths.cell(call)
  local c, cell = call.c, call.cell
  local zeros = mg.zeros({ c.B, c.U }, { dtype = call.dtype })
  local last, states, outputs = zeros, {}, {}
  for i = 1, c.states do states[i] = call.states[i] or zeros end
  cell:set_dropout_masks { input = call.input_masks, recurrent = call.recurrent_masks }
  for s = 1, c.T do
    local t = time_of(c, s)
    local output, new = cell(call.x:slice(2, t, t):squeeze(2), states, { training = true })
    local keep = call.mask and call.mask:slice(2, t, t)
    for i = 1, c.states do states[i] = keep and ops.where(keep, new[i], states[i]) or new[i] end
    last = keep and ops.where(keep, output, last) or output
    outputs[s] = (keep and c.options.zero_output_for_mask and ops.where(keep, output, 0) or last):reshape { c.B, 1, c.U }
  end
  cell:reset_dropout_mask()
  cell:reset_recurrent_dropout_mask()
  if not c.options.return_sequences then return last, states end
  return c.T > 0 and ops.concat(outputs, 2) or mg.zeros({ c.B, 0, c.U }, { dtype = call.dtype }), states
end

-- Pieces of c.chunk processing steps, each with the states of the one before.
function paths.chunks(call)
  local c, states, outputs = call.c, call.states, {}
  for from = 1, c.T, c.chunk do
    local a, b = time_of(c, from), time_of(c, math.min(c.T, from + c.chunk - 1))
    local first, last = math.min(a, b), math.max(a, b)
    outputs[#outputs + 1], states = run(call, call.x:slice(2, first, last), call.mask and call.mask:slice(2, first, last), states,
      call.input_masks, call.recurrent_masks)
  end
  return c.options.return_sequences and ops.concat(outputs, 2) or outputs[#outputs], states
end

--- w_output with 0 where a chunk's output differs by its meaning: before the row's first valid step of the chunk.
function paths.chunk_weights(c)
  local list = { unpack(c.w_output) }
  local U, sequences = c.U, c.options.return_sequences
  for b = 1, c.B do
    local seen
    for s = 1, c.T do
      if (s - 1) % c.chunk == 0 then seen = false end
      seen = seen or counts(c, b, time_of(c, s))
      local at = sequences and ((b - 1) * c.T + s - 1) * U or (b - 1) * U
      for u = 1, (sequences or s == c.T) and not seen and U or 0 do list[at + u] = 0 end
    end
  end
  return list
end

-- ---- Results -------------------------------------------------------------------------------------------------------------

--- What a road gives: { { name, flat list }, ... }.
function paths.results(call, road, w_output)
  local c = call.c
  local output, states = road(call)
  w_output = w_output or c.w_output
  local weights = tensor(w_output, output.shape, call.dtype)
  local loss = (output * weights):sum()
  for i, s in ipairs(states) do loss = loss + (s * tensor(c.w_states[i], { c.B, c.U }, call.dtype)):sum() end
  if not loss.node then loss = loss + (call.x * 0):sum() end -- of no step, and from no state
  local values = output:to_flat_table()
  for i = 1, #values do -- an output without a weight is not compared
    if w_output[i] == 0 then values[i] = 0 end
  end
  local list = { { "output", values } }
  for i, s in ipairs(states) do list[#list + 1] = { "state " .. i, s:to_flat_table() } end
  for i, g in ipairs(mg.gradients(loss, call.inputs)) do
    local name = i == 1 and "dx" or i <= #c.initial + 1 and "dinitial_state " .. i - 1 or "dweight " .. i - 1 - #c.initial
    list[#list + 1] = { name, g:to_flat_table() }
  end
  return list
end

--- The largest difference relative to the largest value (at least 1), and where it is; NaN counts as infinite.
function paths.distance(a, b)
  local worst, where = 0, ""
  for i, item in ipairs(a) do
    local x, y, largest, most = item[2], b[i][2], 1, 0
    if #x ~= #y then return math.huge, item[1] .. " has another size" end
    for k = 1, #x do
      largest = math.max(largest, math.abs(y[k]))
      local d = math.abs(x[k] - y[k])
      if d ~= d then d = math.huge end
      most = math.max(most, d)
    end
    if most / largest > worst then worst, where = most / largest, item[1] end
  end
  return worst, where
end

return paths
