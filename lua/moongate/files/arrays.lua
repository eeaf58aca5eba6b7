-- Arrays of older layers in the form of today's. Source: keras/src/legacy/saving/legacy_h5_format.py and tf_keras
-- saving/legacy/hdf5_format.py, preprocess_weights_for_loading.
local ops = require "moongate.ops"
local shapes = require "moongate.shape"

local arrays = {}

local GATES = { GRUCell = 3, LSTMCell = 4 }
-- Keras 1 kept a kernel, a recurrent kernel and a bias for each gate. GRU: z, r, h. LSTM: i, c, f, o; today's order is i, f, c, o.
local KERAS_1 = { GRUCell = { 0, 1, 2 }, LSTMCell = { 0, 2, 1, 3 } }

-- Gates side by side on the last axis.
local function split(x, gates)
  local list, width = {}, x.shape[#x.shape] / gates
  for i = 1, gates do list[i] = ops.slice(x, #x.shape, (i - 1) * width + 1, i * width) end
  return list
end

local function each_gate(x, gates, change)
  local list = split(x, gates)
  for i, gate in ipairs(list) do list[i] = change(gate) end
  return ops.concat(list, 2)
end

local function joined_keras_1(list, order)
  local out = {}
  for kind = 1, 3 do
    local parts = {}
    for i, gate in ipairs(order) do parts[i] = list[3 * gate + kind] end
    out[kind] = ops.concat(parts, -1)
  end
  return out
end

-- cuDNN's matrices are transposed within each gate; its input's and its recurrent biases follow one another.
local function from_cudnn(list, gates)
  local kernel, recurrent, bias = unpack(list)
  local function turned(gate) return ops.transpose(ops.reshape(gate, { gate.shape[2], gate.shape[1] })) end
  local both = ops.reshape(bias, { 2, bias.shape[1] / 2 })
  return {
    each_gate(kernel, gates, turned), each_gate(recurrent, gates, ops.transpose),
    gates == 3 and both or ops.sum(both, 1),
  }
end

local function is_cudnn(shape_list, variables)
  local kernel, bias = variables[1], shape_list[3]
  return #shape_list == 3 and #bias == 1 and bias[1] == 2 * kernel.shape[2]
end

--- How many arrays a file may hold for an object's variables, and how they become them: a list of { count =, shapes_fit =,
--- convert = }, the usual form first
---@param class_name string of the object that owns the variables
---@param variables Variable[]
---@return table[]
function arrays.forms(class_name, variables)
  local forms = { { count = #variables, fits = function(list)
    for i, variable in ipairs(variables) do
      if not shapes.equal(list[i], variable.shape) then return false end
    end
    return true
  end, convert = function(list) return list end } }
  local gates = GATES[class_name]
  if not gates or #variables ~= 3 then return forms end
  forms[2] = { count = 3, fits = function(list)
    return is_cudnn(list, variables) and shapes.equal(list[1], variables[1].shape) and shapes.equal(list[2], variables[2].shape)
      and (gates == 4 or #variables[3].shape == 2)
  end, convert = function(list) return from_cudnn(list, gates) end }
  forms[3] = { count = 3 * gates, fits = function(list)
    local F, U = variables[1].shape[1], variables[2].shape[1]
    for i = 0, gates - 1 do
      local fit = shapes.equal(list[3 * i + 1], { F, U }) and shapes.equal(list[3 * i + 2], { U, U })
        and shapes.equal(list[3 * i + 3], { U })
      if not fit or #variables[3].shape ~= 1 then return false end
    end
    return true
  end, convert = function(list) return joined_keras_1(list, KERAS_1[class_name]) end }
  return forms
end

--- Why a file's array does not fit a variable, in addition to the two shapes; or ""
---@param shape integer[] in the file
---@param wanted integer[] of the variable
---@return string
function arrays.hint(shape, wanted)
  if #shape == 1 and #wanted == 2 and wanted[1] == 2 and shape[1] == wanted[2] then
    return "; the file's layer has reset_after = false: make the layer with it"
  end
  if #shape == 1 and #wanted == 1 and shape[1] == 2 * wanted[1] then
    return "; the file's layer is a CuDNNGRU: make the layer with reset_after = true"
  end
  if #shape == 2 and #wanted == 1 and shape[1] == 2 and shape[2] == wanted[1] then
    return "; the file's layer has reset_after = true: make the layer with it"
  end
  return ""
end

return arrays
