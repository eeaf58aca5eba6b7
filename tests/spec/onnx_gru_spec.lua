-- ONNX's node tests of its GRU operator (onnx/backend/test/data/node, v1.12.0), with weights mapped by hand:
--   ONNX has W (dirs,3U,F), R (dirs,3U,U), B (dirs,6U) = [Wb, Rb], gates in the order z, r, h; x is (T,B,F), Y (T,dirs,B,U).
--   linear_before_reset is reset_after; without it both biases add. HardSigmoid is clip(alpha x + beta, 0, 1), 0.2 and 0.5 unless
--   given. The data folder is the one that MOONGATE_DATA names.
local mg = require "moongate"
local near = require "near"
local reader = require "onnx_reader"

local ACTIVATIONS = { Sigmoid = "sigmoid", Tanh = "tanh", Relu = "relu", Softsign = "softsign", Softplus = "softplus" }

-- A Keras activation for ONNX's name.
local function activation_of(name, alpha, beta)
  if name ~= "HardSigmoid" then return ACTIVATIONS[name] end
  if (alpha or 0.2) == 0.2 and (beta or 0.5) == 0.5 then return mg.activations.keras2_hard_sigmoid end
  return function(x) return (x * alpha + beta):clip(0, 1) end
end

local function tensor_of(item) return mg.tensor(item.data, { dtype = "float64" }):reshape(item.shape) end

-- kernel, recurrent_kernel, bias of direction 1.
local function weights_of(inputs, reset_after)
  local weights = { tensor_of(inputs.W)[1]:t():contiguous(), tensor_of(inputs.R)[1]:t():contiguous() }
  if inputs.B then
    local halves = tensor_of(inputs.B)[1]:reshape { 2, -1 }
    weights[3] = reset_after and halves or halves[1] + halves[2]
  end
  return weights
end

local function mask_of(lengths, steps)
  if not lengths then return nil end
  local rows = {}
  for i, length in ipairs(lengths.data) do
    rows[i] = {}
    for t = 1, steps do rows[i][t] = t <= length end
  end
  return mg.tensor(rows):t():contiguous()
end

-- Runs a GRU node: Y (T,B,U) and Y_h (B,U) for inputs by name (X, W, R, B, sequence_lens, initial_h).
local function run(attributes, inputs)
  local names, alphas, betas = attributes.activations or { "Sigmoid", "Tanh" }, attributes.activation_alpha or {},
    attributes.activation_beta or {}
  local reset_after = attributes.linear_before_reset == 1
  local layer = mg.layers.GRU(attributes.hidden_size, { dtype = "float64", reset_after = reset_after, time_major = true,
    recurrent_activation = activation_of(names[1], alphas[1], betas[1]), use_bias = inputs.B ~= nil,
    activation = activation_of(names[2], alphas[2], betas[2]), return_sequences = true, return_state = true,
    go_backwards = attributes.direction == "reverse", zero_output_for_mask = true })
  layer:build(inputs.X.shape)
  layer:set_weights(weights_of(inputs, reset_after))
  return layer(tensor_of(inputs.X), { initial_state = inputs.initial_h and tensor_of(inputs.initial_h)[1],
    mask = mask_of(inputs.sequence_lens, inputs.X.shape[1]) })
end

local function read_case(folder)
  local node, graph_inputs = reader.node(folder .. "/model.onnx")
  local by_name, inputs = {}, {}
  for i, name in ipairs(graph_inputs) do
    by_name[name] = reader.tensor(("%s/test_data_set_0/input_%d.pb"):format(folder, i - 1))
  end
  for i, role in ipairs { "X", "W", "R", "B", "sequence_lens", "initial_h" } do inputs[role] = by_name[node.inputs[i] or ""] end
  return node, inputs
end

-- Compares each output that the node names: Y (T,1,B,U), Y_h (1,B,U).
local function check_case(folder)
  local node, inputs = read_case(folder)
  assert.are.equal("GRU", node.op)
  local results, file = { run(node.attributes, inputs) }, 0
  for i, name in ipairs(node.outputs) do
    if name ~= "" then
      local expected = reader.tensor(("%s/test_data_set_0/output_%d.pb"):format(folder, file))
      assert.are.equal(results[i].count, #expected.data)
      near(results[i]:reshape { -1 }, expected.data, 1e-6)
      file = file + 1
    end
  end
  assert.is_true(file > 0)
end

describe("ONNX's GRU node tests", function()
  local data = os.getenv "MOONGATE_DATA"
  for _, name in ipairs { "test_gru_defaults", "test_gru_seq_length" } do
    local folder = data and ("%s/onnx_gru/%s"):format(data, name)
    if folder and reader.tensor(folder .. "/test_data_set_0/input_0.pb") then
      it(name, function() check_case(folder) end)
    else
      pending(name .. ": the data is not here; set MOONGATE_DATA to the folder that has onnx_gru")
    end
  end
end)

-- ONNX's text of the operator, one unit, one feature, two steps of one row, in numbers.
local function by_hand(x, w, r, b, options)
  local function clip(v) return math.max(0, math.min(1, options.alpha * v + options.beta)) end
  local h, outputs = options.initial_h or 0, {}
  for t, value in ipairs(x) do
    local z = clip(value * w[1] + h * r[1] + b[1] + b[4])
    local reset = clip(value * w[2] + h * r[2] + b[2] + b[5])
    local inner = options.linear_before_reset == 1 and reset * (h * r[3] + b[6]) or reset * h * r[3] + b[6]
    local new = value * w[3] + b[3] + inner
    h = (1 - z) * new / (1 + math.abs(new)) + z * h
    outputs[t] = h
  end
  return outputs
end

describe("ONNX's GRU attributes", function()
  local x, w, r, b = { 0.5, -1 }, { 0.3, -0.4, 0.9 }, { -0.2, 0.7, 1.1 }, { 0.1, 0.2, -0.3, 0.05, -0.15, 0.4 }
  local inputs = { X = { shape = { 2, 1, 1 }, data = x }, W = { shape = { 1, 3, 1 }, data = w },
    R = { shape = { 1, 3, 1 }, data = r }, B = { shape = { 1, 6 }, data = b },
    initial_h = { shape = { 1, 1, 1 }, data = { 0.25 } } }

  for _, linear in ipairs { 0, 1 } do
    for _, parameters in ipairs { { 0.2, 0.5 }, { 0.3, 0.4 } } do
      it(("linear_before_reset %d, HardSigmoid %g %g"):format(linear, parameters[1], parameters[2]), function()
        local attributes = { hidden_size = 1, linear_before_reset = linear, activations = { "HardSigmoid", "Softsign" },
          activation_alpha = { parameters[1] }, activation_beta = { parameters[2] } }
        local output, state = run(attributes, inputs)
        local expected = by_hand(x, w, r, b, { alpha = parameters[1], beta = parameters[2], linear_before_reset = linear,
          initial_h = 0.25 })
        near(output:reshape { -1 }, expected, 1e-12)
        near(state:reshape { -1 }, { expected[2] }, 1e-12)
      end)
    end
  end
end)
