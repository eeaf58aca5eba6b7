-- Every operation of the C API with arguments that are right, and then with one or two of them exchanged for hostile ones.
local ffi = require "ffi"
local core = require "moongate.ffi.core"
local hostile = require "hostile_arguments"

local C = core.C
local ROUNDS = 240
local functions, structs = hostile.parse(require "moongate.ffi.cdef")

-- Tensors are written "dtype sizes": f float, i int32, u uint8; numbers and structs as they are.
local activation = { kind = 1, a = 1, b = 0, c = 0 }
local key = { seed = 1, stream = 2, offset = 3 }
local CALLS = {
  mg_copy = { "f 2 3", "i 2 3" }, mg_fill = { "f 2 3", 1.5 },
  mg_unary = { 11, "f 2 3", "f 2 3", 0, 0 }, mg_binary = { 0, "f 2 3", "f 2 3", "f 3" },
  mg_compare = { 2, "u 2 3", "f 2 3", "f 2 1" }, mg_where = { "f 2 3", "u 2 3", "f 2 3", "f 3" },
  mg_activation_forward = { "f 2 3", "f 2 3", activation },
  mg_activation_backward = { "f 2 3", "f 2 3", "f 2 3", "f 2 3", activation },
  mg_reduce = { 0, "f 2 1", "f 2 3", 2 }, mg_arg_reduce = { 0, "i 2 1", "f 2 3", 1 }, mg_top_k = { "f 2 2", "i 2 2", "f 2 3" },
  mg_cumulative_sum = { "f 2 3", "f 2 3", 1, 0 }, mg_softmax_forward = { "f 2 3", "f 2 3", 1, 0 },
  mg_softmax_backward = { "f 2 3", "f 2 3", "f 2 3", 1, 1 },
  mg_layer_norm_forward = { "f 2 3", "f 2", "f 2", "f 2 3", "f 3", "f 3", 0.1 },
  mg_layer_norm_backward = { "f 2 3", "f 3", "f 3", "f 2 3", "f 2 3", "f 2", "f 2", "f 3" },
  mg_matmul = { "f 2 4", "f 2 3", "f 3 4", 0 }, mg_qr = { "f 3 2", "f 2 2", "f 3 2" },
  mg_gather = { "f 2 3", "f 5 3", "i 2" }, mg_scatter_add = { "f 5 3", "i 2", "f 2 3" }, mg_one_hot = { "f 2 3", "i 2" },
  mg_cross_entropy_forward = { "f 2", "f 2 3", "f 2 3", "i 2", "f 2" },
  mg_cross_entropy_backward = { "f 2 3", "f 2", "f 2 3", "i 2", "f 2" },
  mg_pointwise_loss_forward = { 2, "f 2", "f 2 3", "f 2 3", "f 2", 1 },
  mg_pointwise_loss_backward = { 0, "f 2 3", "f 2", "f 2 3", "f 2 3", "f 2", 1 },
  mg_random_fill = { 1, "f 2 3", key, 0, 1 }, mg_random_categorical = { "i 2", "f 2 3", key },
  mg_random_permutation = { "i 7", key },
  mg_tensor_slice = { "f 1", "f 2 3", 1, 0, 2, 1 }, mg_tensor_alias = { "f 1", "f 2 3" },
}

local DTYPES = { f = 1, d = 2, i = 3, u = 4 }

local function tensor(text, float)
  local out, sizes = ffi.new("mg_tensor *[1]"), {}
  assert(C.mg_tensor_create(out) == 0)
  local t = ffi.gc(out[0], C.mg_tensor_destroy)
  for size in text:gmatch("%d+") do sizes[#sizes + 1] = tonumber(size) end
  local dtype = text:sub(1, 1) == "f" and float or DTYPES[text:sub(1, 1)]
  assert(C.mg_tensor_alloc(t, 0, dtype, #sizes, ffi.new("int64_t[8]", sizes)) == 0)
  assert(C.mg_fill(t, 1) == 0)
  return t
end

local function right_arguments(call, f, float)
  local arguments = {}
  for i, param in ipairs(f.params) do
    local value = call[i]
    if type(value) == "string" then value = tensor(value, float) end
    if type(value) == "table" then value = ffi.new(param.type:sub(1, -2), value) end
    arguments[i] = value
  end
  return arguments
end

local function packed_handle()
  local out = ffi.new("mg_packed *[1]")
  assert.equal(0, C.mg_packed_create(out))
  return ffi.gc(out[0], C.mg_packed_destroy)
end

local function maker()
  return hostile.maker { tensors = hostile.tensors(C), packed = { packed_handle() }, structs = structs }
end

-- One round: `faults` of the arguments are exchanged. The status, after checking its message.
local function round(f, call, make, faults, float)
  local arguments, kept = right_arguments(call, f, float), {}
  for _ = 1, faults do
    local i = hostile.draw(#f.params)
    arguments[i] = make:value(f.params[i], kept)
  end
  local status = C[f.name](unpack(arguments, 1, #f.params))
  local message = ffi.string(C.mg_error())
  if status < 0 then assert(message:match("^[%w_ %.]+: %S"), f.name .. ": " .. message) end
  return status, message, #kept
end

describe("one fault in right arguments:", function()
  for seed, f in ipairs(functions) do
    local call = CALLS[f.name]
    if call then
      it(f.name, function()
        if not pcall(function() return C[f.name] end) then return pending("not in this build") end
        hostile.seed(seed)
        local make = maker()
        for i = 1, ROUNDS do
          if i % 20 == 0 then make = maker() end
          local faults = i % 4 == 0 and 0 or i % 3
          local status, message = round(f, call, make, faults, i % 5 == 1 and 2 or 1)
          if faults == 0 then assert(status == 0, message) end
        end
      end)
    end
  end
end)

-- A message is of use when it names the operation, the argument and the shapes.
describe("a message of the C API", function()
  local function message_of(name, ...)
    assert(C[name](...) < 0)
    return ffi.string(C.mg_error())
  end

  it("names operation, argument and both shapes", function()
    local text = message_of("mg_matmul", tensor("f 2 4", 1), tensor("f 2 3", 1), tensor("f 5 4", 1), 0)
    assert.matches("^matmul: .*%(2, 3%).*%(5, 4%)", text)
    text = message_of("mg_binary", 0, tensor("f 2 3", 1), tensor("f 2 3", 1), tensor("f 4", 1))
    assert.matches("%(4%)", text)
    assert.matches("%(2, 3%)", text)
  end)

  it("names a freed tensor and a wrong dtype", function()
    local freed = tensor("f 2", 1)
    assert.equal(0, C.mg_tensor_clear(freed))
    assert.matches("^copy: x has no memory", message_of("mg_copy", tensor("f 2", 1), freed))
    assert.matches("int32", message_of("mg_softmax_forward", tensor("i 2 3", 1), tensor("i 2 3", 1), 1, 0))
  end)
end)
