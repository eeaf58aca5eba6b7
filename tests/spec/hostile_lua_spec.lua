-- Every public function of the Lua side with hostile arguments: a result, or an error that is written for its reader: a text that
-- points outside moongate's own files and is not the interpreter's "attempt to index ...".
local lfs = require "lfs"
local lookup = require "moongate.cli.lookup"
local names = require "moongate.cli.names"
local mg = require "moongate"

local CALLS = 60

-- Park and Miller's minimal standard.
local state = 1
local function draw(n)
  state = (state * 48271) % 2147483647
  return state % n + 1
end

local function freed_tensor()
  local t = mg.zeros { 2, 3 }
  t:free()
  return t
end

local function hostile_values()
  local nan = 0 / 0
  return {
    true, false, "", "x", "float32", "relu", 0, 1, 2, 3, -1, -7, 0.5, nan, math.huge, -math.huge, 2 ^ 53, 2 ^ 40, -2 ^ 40, 1e300,
    {}, { 1 }, { -1 }, { nan }, { 2, 3 }, { 2 ^ 40, 2 ^ 40 }, { 2, 3, "x" }, { { 1, 2 }, { 3 } }, { { 1, 2 }, { 3, 4 } },
    { unknown = 1 }, { units = -1 },
    { dtype = "float16" }, { axis = 9 }, { name = {} }, mg.null, print, function() end, io.stdout, coroutine.create(print), 5LL,
    mg.ones { 2, 3 }, mg.ones { 3, 2 }, mg.ones { 2, 3, 4 }, mg.zeros { 0, 3 }, mg.ones({ 2, 3 }, { dtype = "int32" }),
    mg.ones({ 2, 3 }, { dtype = "uint8" }), mg.ones({ 2, 3 }, { dtype = "float64" }), mg.full({ 2, 3 }, nan), mg.tensor(1),
    freed_tensor(), mg.layers.Dense, mg.layers.Dense(2),
  }
end

local WATCHDOG = "still running"

-- Calls f; what runs for long is stopped, since a huge number of epochs is nothing wrong.
local function call(f, ...)
  local function stop() error(WATCHDOG, 0) end
  debug.sethook(stop, "", 3e6)
  local ok, message = pcall(f, ...)
  debug.sethook()
  return ok, message
end

local function complaint(message)
  if type(message) == "table" and getmetatable(message) and getmetatable(message).__tostring then message = tostring(message) end
  if message == WATCHDOG then return nil end
  if type(message) ~= "string" then return "the error is a " .. type(message) end
  if message:find("attempt to ", 1, true) or message:find("bad argument #", 1, true) then return message end
  if message:find("/lua/moongate/", 1, true) then return "points into moongate: " .. message end
  if #message < 8 then return "says nothing: " .. message end
end

local function arguments(values)
  local list, count = {}, draw(5) - 1
  for i = 1, count do list[i] = draw(7) > 1 and values[draw(#values)] or nil end
  return list, count
end

local function try(f, self_count, self)
  local values, faults, seen = hostile_values(), {}, {}
  for _ = 1, CALLS do
    local list, count = arguments(values)
    if self_count == 1 then
      table.insert(list, 1, self())
      count = count + 1
    end
    local ok, message = call(f, unpack(list, 1, count))
    local fault = not ok and complaint(message)
    if fault and not seen[fault] then
      seen[fault] = true
      faults[#faults + 1] = fault
    end
  end
  assert(#faults == 0, table.concat(faults, "\n", 1, math.min(#faults, 6)))
end

-- Modules whose functions are for users; the rest of mg is the machinery below them.
local MODULES = { "activations", "callbacks", "constraints", "data", "initializers", "layers", "losses", "metrics", "models", "ops",
  "optimizers", "random", "regularizers", "utils" }

-- Objects to call the methods of.
local OBJECTS = {
  tensor = function() return mg.ones { 2, 3 } end,
  Variable = function() return mg.Variable(mg.ones { 2, 3 }) end,
  Dense = function() return mg.layers.Dense(2) end,
  GRU = function() return mg.layers.GRU(2) end,
  GRUCell = function() return mg.layers.GRUCell(2) end,
  LSTM = function() return mg.layers.LSTM(2) end,
  LSTMCell = function() return mg.layers.LSTMCell(2) end,
  SimpleRNNCell = function() return mg.layers.SimpleRNNCell(2) end,
  StackedRNNCells = function() return mg.layers.StackedRNNCells { mg.layers.GRUCell(2), mg.layers.LSTMCell(3) } end,
  Bidirectional = function() return mg.layers.Bidirectional(mg.layers.GRU(2)) end,
  TimeDistributed = function() return mg.layers.TimeDistributed(mg.layers.Dense(2)) end,
  Embedding = function() return mg.layers.Embedding(5, 2) end,
  Sequential = function() return mg.Sequential { mg.layers.Input({ 3 }), mg.layers.Dense(2) } end,
  Stream = function() return mg.Sequential({ mg.layers.Input({ mg.null, 3 }), mg.layers.GRU(2) }):stream { batch = 2 } end,
  Adam = function() return mg.optimizers.Adam() end,
}
for name, options in pairs { Conv1D = { filters = 2, kernel_size = 2 }, MaxPooling1D = {}, GlobalAveragePooling1D = {},
  BatchNormalization = {}, LayerNormalization = {}, PReLU = {}, Softmax = {}, Concatenate = {}, Multiply = {}, Dot = { axes = 1 },
  Attention = {}, AdditiveAttention = {}, SpatialDropout1D = { rate = 0.5 }, Permute = { dims = { 1 } }, Rescaling = { scale = 2 },
  Cropping1D = {}, Lambda = { ["function"] = function(x) return x end } } do
  OBJECTS[name] = function() return mg.layers[name](options) end
end

-- What layers, cells and optimizers call on themselves; their arguments come from moongate.
local INNER = {}
for name in ([[init setup declare extend check_input known_features ensure_built operation run build_for sample_weights define
  plain_step fused_arguments step_masks convert convert_mask title shape_text first_states store_states make merge
  scores check_shapes checked_shapes shapes_text noise_sizes drop output_dtype symbolic_mask
  call_losses traced without_values]]):gmatch("%S+") do
  INNER[name] = true
end

local function is_public(owner, name)
  local member = names.get(owner, name)
  if type(member) == "function" then return lookup.of_function(member) ~= nil end
  return lookup.is_class(member)
end

local function each_public(owner, visit)
  local list = {}
  for name in pairs(names.of(owner)) do
    if name:sub(1, 1) ~= "_" and is_public(owner, name) then list[#list + 1] = name end
  end
  table.sort(list)
  for _, name in ipairs(list) do visit(name, names.get(owner, name)) end
end

describe("hostile arguments in Lua:", function()
  local folder, before = os.tmpname(), lfs.currentdir()
  local floatx, threads, stdout = mg.floatx(), mg.get_threads(), io.stdout

  -- files are written into a folder of their own; the hook that stops endless calls is not seen by compiled code
  setup(function()
    os.remove(folder)
    assert(lfs.mkdir(folder))
    assert(lfs.chdir(folder))
    rawset(io, "stdout", assert(io.open("printed", "w")))
    jit.off()
  end)

  teardown(function()
    jit.on()
    io.stdout:close()
    rawset(io, "stdout", stdout)
    lfs.chdir(before)
    os.execute("rm -rf '" .. folder .. "'")
    mg.set_floatx(floatx)
    mg.set_threads(threads)
    mg.set_matmul_precision("highest")
  end)

  before_each(function()
    state = 11
    mg.set_floatx("float32")
  end)

  each_public(mg, function(name, f)
    if type(f) == "function" and name ~= "class" then
      it("mg." .. name, function() try(f, 0) end)
    end
  end)

  for _, module in ipairs(MODULES) do
    local found, value = pcall(function() return mg[module] end)
    if found then
      each_public(value, function(name, f)
        -- what is registered stays: only with names that are refused
        local refused = name == "register"
        it(("mg.%s.%s"):format(module, name), function()
          try(refused and function(_, ...) return f(5LL, ...) end or f, 0)
        end)
      end)
    end
  end

  for kind, make in pairs(OBJECTS) do
    local made, object = pcall(make)
    if made then
      each_public(object, function(name)
        if not INNER[name] then
          it(("%s:%s"):format(kind, name), function()
            try(function(self, ...) return self[name](self, ...) end, 1, make)
          end)
        end
      end)
    end
  end
end)
