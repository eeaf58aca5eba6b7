-- mg.random: numbers drawn from streams of one global seed, and Keras's SeedGenerator.
local check = require "moongate.check"
local class = require "moongate.class"
local tensors = require "moongate.tensor"
local shapes = require "moongate.shape"
local ops = require "moongate.ops"

local M = {}

-- Where the global stream stands: every call uses as many offsets as it draws elements.
local global = { seed = nil, stream = 0, offset = 0, made = 0 } -- made: seeds drawn by make_seed

-- A seed nobody chose: time, process clock and the address of a table.
local function entropy()
  local address = tonumber(tostring({}):match("0x(%x+)"), 16) or 0
  return (os.time() * 1000003 + math.floor(os.clock() * 1e6) * 7919 + address) % 2 ^ 32
end

--- Makes everything random that follows repeatable: weights, dropout, shuffles, mg.random
---@param seed integer
---@example mg.set_random_seed(42)
function M.set_random_seed(seed)
  check.integer("set_random_seed", "seed", seed, 0, 2 ^ 53)
  global.seed, global.offset, global.made = seed, 0, 0
end

--- The seed of everything that was given none.
---@return integer
function M.global_seed()
  if not global.seed then global.seed = entropy() end
  return global.seed
end

--- A seed (0..2^32-1) for something that was given none: drawn from the global seed, another one each time.
---@return integer
function M.make_seed()
  global.made = global.made + 1
  local bits = tensors.alloc(shapes.own { 2 }, "float64")
  ops.random_fill("uniform", bits, { seed = M.global_seed(), stream = 2 ^ 32, offset = 2 * global.made }, 0, 2 ^ 32)
  local seed = math.floor(bits:to_flat_table()[1])
  bits:free()
  return seed
end

--- Where the global stream stands, for a file
---@return table { seed =, offset =, made = }
function M.get_state() return { seed = M.global_seed(), offset = global.offset, made = global.made } end

--- Goes on where a stored global stream stood
---@param state table what get_state gave
function M.set_state(state)
  check.type("random.set_state", "state", state, "table")
  for _, name in ipairs { "seed", "offset", "made" } do check.integer("random.set_state", name, state[name], 0, 2 ^ 53) end
  global.seed, global.offset, global.made = state.seed, state.offset, state.made
end

local SeedGenerator = class("SeedGenerator")
M.SeedGenerator = SeedGenerator

--- Keras's seed generator: a state pair {seed, counter}; each next() is another stream of random numbers
---@param seed? integer|table a number, or { seed = }
---@example local keys = mg.random.SeedGenerator(7); mg.random.uniform({ 2 }, { key = keys:next() })
function SeedGenerator:init(seed)
  if type(seed) == "table" then seed = check.options("SeedGenerator", seed, { "seed", "name" }).seed end
  if seed == require("moongate.null") or seed == nil then seed = M.make_seed() end
  self.seed = check.integer("SeedGenerator", "seed", seed, 0, 2 ^ 53)
  self.counter = 0
end

--- A key that has not been given out before
---@return table { seed =, stream =, offset = 0 }
function SeedGenerator:next()
  local key = { seed = self.seed, stream = self.counter, offset = 0 }
  self.counter = self.counter + 1
  return key
end

--- The state as Keras stores it: seed (its low 32 bits) and counter
---@return integer[] {seed, counter}
function SeedGenerator:get_state()
  return { self.seed % 2 ^ 32, self.counter }
end

--- Goes on from a stored state
---@param state integer[] {seed, counter}
function SeedGenerator:set_state(state)
  check.type("SeedGenerator.set_state", "state", state, "table")
  self.seed = check.integer("SeedGenerator.set_state", "state[1]", state[1], 0, 2 ^ 53)
  self.counter = check.integer("SeedGenerator.set_state", "state[2]", state[2], 0, 2 ^ 53)
end

--- The state among a layer's variables: float64, since int32 holds no seed of 2^31 and more; to assign to it sets the state
---@return Variable (2)
---@package
function SeedGenerator:variable()
  local own = rawget(self, "state_variable")
  if not own then
    local Variable = require "moongate.variable"
    own = Variable({ 0, 0 }, { dtype = "float64", name = "seed_generator_state", trainable = false })
    own.path = "seed_generator/" .. own.name
    function own.assign(variable, value)
      tensors.methods.assign(variable, value)
      self:set_state(variable:to_flat_table())
      return variable
    end
    self.state_variable = own
  end
  return tensors.methods.assign(own, self:get_state())
end

local function next_key(op, options, count)
  local seed = options.seed
  if options.key then return options.key end
  if type(seed) == "table" and seed.next then return seed:next() end
  if seed ~= nil then return { seed = check.integer(op, "seed", seed, 0, 2 ^ 53), stream = 0, offset = 0 } end
  local key = { seed = M.global_seed(), stream = global.stream, offset = global.offset }
  global.offset = global.offset + math.max(count, 1)
  return key
end

local function options_of(op, options)
  return check.options(op, options, { "dtype", "seed", "key" })
end

-- shape, then a, b, then options; a and b may be left out.
local function draw(kind, a, b)
  return function(shape, p, q, options)
    if type(p) == "table" then p, options = nil, p elseif type(q) == "table" then q, options = nil, q end
    options = options_of(kind, options)
    p, q = check.number(kind, "first parameter", p or a), check.number(kind, "second parameter", q or b)
    local out = tensors.alloc(shapes.of(kind, shape), tensors.dtype(kind, options.dtype, tensors.floatx))
    return ops.random_fill(kind, out, next_key(kind, options, out.count), p, q)
  end
end

--- Uniform numbers in [low, high)
---@param shape integer[]
---@param low? number default 0
---@param high? number default 1
---@param options? table { dtype =, seed = number|SeedGenerator, key = }
---@return Tensor
---@example mg.random.uniform({ 2, 3 }, -1, 1)
M.uniform = draw("uniform", 0, 1)
--- Normal numbers
---@param shape integer[]
---@param mean? number default 0
---@param deviation? number default 1
---@param options? table { dtype =, seed =, key = }
---@return Tensor
M.normal = draw("normal", 0, 1)
--- Normal numbers drawn again beyond two deviations
---@param shape integer[]
---@param mean? number default 0
---@param deviation? number default 1
---@param options? table { dtype =, seed =, key = }
---@return Tensor
M.truncated_normal = draw("truncated_normal", 0, 1)
--- 1 with probability p, else 0
---@param shape integer[]
---@param p? number default 0.5
---@param options? table { dtype =, seed =, key = }
---@return Tensor
M.bernoulli = draw("bernoulli", 0.5, 0)

--- One class id (from 0) for each row of logits
---@param logits Tensor (N, C)
---@param options? table { seed =, key = }
---@return Tensor int32 (N)
function M.categorical(logits, options)
  options = options_of("categorical", options)
  tensors.expect("categorical", "logits", logits)
  return ops.random_categorical(logits, next_key("categorical", options, logits.count))
end

--- The numbers 0..n-1 in random order
---@param n integer
---@param options? table { seed =, key = }
---@return Tensor int32 (n)
function M.permutation(n, options)
  options = options_of("permutation", options)
  check.integer("permutation", "n", n, 0, 2 ^ 31 - 1)
  return ops.random_permutation(n, next_key("permutation", options, n))
end

return M
