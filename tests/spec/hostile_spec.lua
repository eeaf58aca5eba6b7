-- Every function of the C API with hostile arguments: success, or a status with a message that names the operation. Run it under
-- AddressSanitizer to see that nothing is read or written where it should not be.
local ffi = require "ffi"
local core = require "moongate.ffi.core"
local hostile = require "hostile_arguments"

local C = core.C
local CALLS, REFRESH = 300, 25
local functions, structs = hostile.parse(require "moongate.ffi.cdef")

-- Handles these take are made for the purpose, below.
local RELEASE = { mg_tensor_destroy = true, mg_packed_destroy = true, mg_stepper_destroy = true, mg_stream_destroy = true,
  mg_hdf5_close = true }

local function packed_handle()
  local out = ffi.new("mg_packed *[1]")
  assert.equal(0, C.mg_packed_create(out))
  return ffi.gc(out[0], C.mg_packed_destroy)
end

local function stepper_handle()
  local out = ffi.new("mg_stepper *[1]")
  assert.equal(0, C.mg_stepper_create(out))
  return ffi.gc(out[0], C.mg_stepper_destroy)
end

-- Of an embedding (2, 3) with a softmax on top, or of a dense layer (3, 2) and a SimpleRNN of one unit; a few rows.
local function stream_handle(tensors, kind)
  local stepper, out = stepper_handle(), ffi.new("mg_stream *[1]")
  if kind == 1 then
    assert.equal(0, C.mg_stepper_add_embedding(stepper, tensors[1]))
    assert.equal(0, C.mg_stepper_add_softmax(stepper, 3))
  else
    assert.equal(0, C.mg_stepper_add_dense(stepper, tensors[4], nil, nil))
    local layer = ffi.new("mg_rnn_args", { kernel = tensors[9], recurrent_kernel = tensors[10] })
    assert.equal(0, C.mg_stepper_add_simple_rnn(stepper, layer))
  end
  assert.equal(0, C.mg_stream_create(out, stepper, kind))
  return ffi.gc(out[0], C.mg_stream_destroy)
end

local function maker(file)
  local packed, tensors = { packed_handle(), packed_handle() }, hostile.tensors(C)
  local streams = { stream_handle(tensors, 1), stream_handle(tensors, 2) }
  return hostile.maker { tensors = tensors, packed = packed, steppers = { stepper_handle(), stepper_handle() }, streams = streams,
    file = file, structs = structs }
end

-- What a failed call must leave behind.
local function check_status(status, name, message)
  if status >= 0 then return end
  assert(message ~= "" and #message < 1024, name .. " failed without a message")
  assert(message:match("^[%w_ %.]+: %S"), ("%s: the message does not begin with its operation: %s"):format(name, message))
end

local FREE = { ["mg_tensor**"] = C.mg_tensor_destroy, ["mg_packed**"] = C.mg_packed_destroy,
  ["mg_stepper**"] = C.mg_stepper_destroy, ["mg_stream**"] = C.mg_stream_destroy }

local function release(params, arguments)
  for i, param in ipairs(params) do
    local free = FREE[param.type]
    if free and arguments[i] ~= nil and arguments[i][0] ~= nil then free(arguments[i][0]) end
  end
end

-- `kept` holds what the arguments point to until the call is over.
local function call(library, f, make, last_error)
  local arguments, kept = {}, {}
  for i, param in ipairs(f.params) do arguments[i] = make:value(param, kept) end
  local result = library[f.name](unpack(arguments, 1, #f.params))
  release(f.params, arguments)
  if f.type == "mg_status" then check_status(result, f.name, ffi.string(last_error())) end
  return #kept
end

local function exists(library, name)
  return (pcall(function() return library[name] end))
end

describe("the C API with hostile arguments", function()
  local threads = C.mg_get_threads()

  teardown(function()
    C.mg_set_threads(threads)
    C.mg_set_matmul_precision(0)
    C.mg_interrupt_end()
  end)

  for seed, f in ipairs(functions) do
    if not RELEASE[f.name] and not f.name:match("^mg_hdf5_") and not f.name:match("^mg_zip_") then
      it(f.name, function()
        if not exists(C, f.name) then return pending("not in this build") end
        hostile.seed(seed)
        local make
        for i = 1, CALLS do
          if i % REFRESH == 1 then make = maker() end
          call(C, f, make, C.mg_error)
        end
      end)
    end
  end

  it("releases nothing twice", function()
    C.mg_tensor_destroy(nil)
    C.mg_packed_destroy(nil)
    C.mg_stepper_destroy(nil)
    C.mg_stream_destroy(nil)
    local out = ffi.new("mg_tensor *[1]")
    assert.equal(0, C.mg_tensor_create(out))
    assert.equal(0, C.mg_tensor_clear(out[0]))
    assert.equal(0, C.mg_tensor_clear(out[0]))
    assert.equal(-1, C.mg_tensor_ndim(out[0]))
    C.mg_tensor_destroy(out[0])
  end)
end)

-- ---- Structs that are right but for one or two fields -------------------------------------------------------------------

local function tensor(dtype, ...)
  local out = ffi.new("mg_tensor *[1]")
  assert(C.mg_tensor_create(out) == 0)
  local t = ffi.gc(out[0], C.mg_tensor_destroy)
  assert(C.mg_tensor_alloc(t, 0, dtype, select("#", ...), ffi.new("int64_t[8]", { ... })) == 0)
  assert(C.mg_fill(t, 0.5) == 0)
  return t
end

local B, T, F, U = 2, 3, 4, 2

-- Of mg_NAME_forward, for `gates` gates.
local function rnn_arguments(name, gates, dtype)
  local args, columns = ffi.new("mg_rnn_args"), gates * U
  local function bias() return gates == 3 and tensor(dtype, 2, columns) or tensor(dtype, columns) end
  local kept = {
    x = tensor(dtype, B, T, F), kernel = tensor(dtype, F, columns), recurrent_kernel = tensor(dtype, U, columns),
    bias = bias(), initial_state = tensor(dtype, B, U), mask = tensor(4, B, T), output = tensor(dtype, B, T, U),
    state = tensor(dtype, B, U), gates = tensor(dtype, B, T, columns), doutput = tensor(dtype, B, T, U),
    dstate = tensor(dtype, B, U),
    dx = tensor(dtype, B, T, F), dkernel = tensor(dtype, F, columns), drecurrent_kernel = tensor(dtype, U, columns),
    dbias = bias(), dinitial_state = tensor(dtype, B, U), packed = packed_handle(),
  }
  if gates == 4 then
    for _, field in ipairs { "initial_carry", "carry", "dcarry", "dinitial_carry" } do kept[field] = tensor(dtype, B, U) end
  end
  for field, value in pairs(kept) do args[field] = value end
  args.activation.kind, args.recurrent_activation.kind = 1, 2
  args.flags = 2 + (gates == 3 and 0x10000 or 0)
  local size = ffi.new("int64_t[1]")
  assert.equal(0, C["mg_" .. name .. "_saved_size"](size, args))
  kept.saved = tensor(dtype, tonumber(size[0]))
  args.saved = kept.saved
  return args, kept
end

-- Changes up to `count` fields of a struct that is right.
local function spoil(args, fields, make, kept, count)
  for _ = 1, count do
    local field = fields[hostile.draw(#fields)]
    local value = make:value(field, kept)
    if field.count then
      args[field.name][hostile.draw(field.count) - 1] = value
    elseif value ~= nil or field.type:match("%*$") then
      args[field.name] = value
    end
  end
end

describe("right arguments with a fault", function()
  for name, gates in pairs { gru = 3, lstm = 4, simple_rnn = 1 } do
    it("of " .. name .. ", forward and backward", function()
      local forward, backward = "mg_" .. name .. "_forward", "mg_" .. name .. "_backward"
      if not exists(C, forward) then return pending("not in this build") end
      hostile.seed(7)
      local good, make = 0, nil
      for round = 1, 400 do
        if round % 10 == 1 then make = maker() end
        local args, kept = rnn_arguments(name, gates, round % 2 + 1)
        spoil(args, structs.mg_rnn_args, make, kept, round % 3)
        local status = C[forward](args)
        check_status(status, forward, ffi.string(C.mg_error()))
        spoil(args, structs.mg_rnn_args, make, kept, hostile.draw(3) - 1)
        check_status(C[backward](args), backward, ffi.string(C.mg_error()))
        if status == 0 then good = good + 1 end
      end
      assert(good > 100, good .. " of 400 went through")
    end)
  end

  it("of an optimizer update", function()
    if not exists(C, "mg_optimizer_update") then return pending("not in this build") end
    hostile.seed(8)
    local good = 0
    for round = 1, 400 do
      local make = maker()
      local args = ffi.new("mg_optimizer_args", { kind = round % C.MG_OPTIMIZER_COUNT, step = 1, learning_rate = 0.1,
        momentum = 0.5, rho = 0.9, beta_1 = 0.9, beta_2 = 0.99, epsilon = 1e-7, gradient_scale = 2, gradient_limit = 1 })
      local kept = { tensor(1, 5), tensor(1, 5), tensor(1, 5), tensor(1, 5), tensor(1, 5) }
      args.parameter, args.gradient, args.state[0], args.state[1], args.state[2] = unpack(kept)
      spoil(args, structs.mg_optimizer_args, make, kept, round % 3)
      local status = C.mg_optimizer_update(args)
      check_status(status, "mg_optimizer_update", ffi.string(C.mg_error()))
      if status == 0 then good = good + 1 end
    end
    assert(good > 100, good .. " of 400 went through")
  end)
end)

-- ---- HDF5 ---------------------------------------------------------------------------------------------------------------

describe("the HDF5 shim with hostile arguments", function()
  local path = package.searchpath("moongate.hdf5", package.cpath)
  if not path then return pending("built without HDF5") end
  local H = ffi.load(path)
  local name = os.tmpname()

  local function open()
    local out = ffi.new("mg_hdf5 *[1]")
    assert.equal(0, H.mg_hdf5_create(out, name), ffi.string(H.mg_hdf5_error()))
    assert.equal(0, H.mg_hdf5_make_group(out[0], "/a"))
    local shape = ffi.new("int64_t[2]", 2, 3)
    assert.equal(0, H.mg_hdf5_write(out[0], "/a/b", 1, 2, shape, ffi.new("float[6]")))
    return out[0]
  end

  teardown(function() os.remove(name) end)

  -- Sizes are bounded: C cannot see that a caller lies about the memory behind a pointer.
  local function honest(f, make)
    local value = make.value
    return setmetatable({ value = function(_, param, kept)
      if param.name == "path" then return ({ nil, "", "/nowhere/x.h5", name .. ".not", "\255" })[hostile.draw(5)] end
      if param.name == "bytes" or param.name == "size" or param.name == "capacity" then
        if param.type == "int64_t" then return ({ -1, 0, 1, 4, 24, 4096 })[hostile.draw(6)] end
      end
      if f.name == "mg_hdf5_write_texts" and (param.name == "width" or param.name == "count") then
        return ({ -1, 0, 1, 4, 60 })[hostile.draw(5)]
      end
      if param.name == "shape" and f.name == "mg_hdf5_write" then
        local shape = ffi.new("int64_t[64]")
        for i = 0, 63 do shape[i] = hostile.draw(4) - 2 end
        return shape
      end
      return value(make, param, kept)
    end }, { __index = make })
  end

  for seed, f in ipairs(functions) do
    if f.name:match("^mg_hdf5_") and not RELEASE[f.name] then
      it(f.name, function()
        hostile.seed(seed)
        local file = open()
        local make = honest(f, maker(file))
        for _ = 1, CALLS do call(H, f, make, H.mg_hdf5_error) end
        H.mg_hdf5_close(file)
        os.remove(name .. ".not")
      end)
    end
  end
end)
