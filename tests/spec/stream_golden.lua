-- Keras's GRU cases that a stream can follow: in inference, forward in time.
local context = require "keras.context"
local json = require "moongate.json"
local mg = require "moongate"
local where = require "where"

local golden = {}
local null = json.null

local function layer_of(case)
  local options = context.options(case.args)
  options.dtype = "float32"
  if case.api == "compat.v1" then return mg.compat.v1.layers.GRU(options) end
  return (case.api == "v2" and mg.compat.v2.layers or mg.layers).GRU(options)
end

-- (B, T, ...) of a case, whichever order its layer has.
local function batch_major(case, value)
  local t = context.tensor(value, "float32")
  return t and case.args.time_major and #t.shape > 1 and t:transpose(1, 2) or t
end

local function read(case)
  local layer, x = layer_of(case), batch_major(case, case.inputs.x)
  layer:build { mg.null, mg.null, x.shape[3] }
  local weights = {}
  for _, name in ipairs { "kernel", "recurrent_kernel", "bias" } do
    weights[#weights + 1] = context.tensor(case.weights[name], "float32")
  end
  layer:set_weights(weights)
  local y = context.tensor(case.outputs.output, "float32")
  if #y.shape == 3 then y = batch_major(case, case.outputs.output) end
  return { layer = layer, x = x, y = y, rows = x.shape[1], steps = x.shape[2], mask = batch_major(case, case.inputs.mask),
    state = context.tensor(case.inputs.initial_state, "float32"), last = context.tensor(case.outputs.state, "float32") }
end

--- A list of { layer, x (B,T,F), y, rows, steps, mask (B,T) or nil, state (B,U) or nil, last (B,U) or nil }.
function golden.cases()
  local list = {}
  for _, file in ipairs { "gru_layer_keras3", "gru_layer_v1" } do
    local handle = assert(io.open(where.tests .. "/keras/goldens/" .. file .. ".json"))
    local cases = json.decode(handle:read("*a"))
    handle:close()
    for _, case in ipairs(cases) do
      local given = type(case.inputs) == "table" and case.inputs ~= null and case.weights.kernel ~= nil
      local no_masks = case.dropout_masks == nil or case.dropout_masks == null
      if given and case.training == false and no_masks and not case.args.go_backwards and not case.deviates then
        list[#list + 1] = read(case)
      end
    end
  end
  return list
end

return golden
