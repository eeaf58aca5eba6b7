-- Initializers with Keras's names, options and distributions. An initializer is called with a shape and a dtype and returns a
-- tensor; one object always draws the same numbers, as in Keras. Source: keras.src.initializers.random_initializers (3.15).
local check = require "moongate.check"
local constant_value = require "moongate.constant_value"
local create = require "moongate.tensor_create"
local fields = require "moongate.fields"
local null = require "moongate.null"
local ops = require "moongate.ops"
local random = require "moongate.random"
local Registry = require "moongate.registry"
local tensor = require "moongate.tensor"

local registry = Registry("initializer", "keras.initializers")
local initializers = { registry = registry }

-- A truncated normal of standard deviation s has 0.8796...s: what the cut at two sigma leaves.
local TRUNCATED = 0.87962566103423978

local function define(name, list, positional, draw, parent)
  local C = fields.class(name, list, positional, parent)
  --- A tensor of this shape (Lua array) and dtype (default: floatx).
  function C:__call(shape, dtype)
    check.type(name, "shape", shape, "table")
    return draw(self, shape, dtype or tensor.floatx)
  end
  initializers[name] = registry:add(C)
  return C
end

-- Constants ------------------------------------------------------------------------------------------------------------------

--- All 0.
---@example mg.initializers.Zeros()({ 2, 3 })
define("Zeros", {}, nil, function(_, shape, dtype)
  return create.zeros(shape, { dtype = dtype })
end)
--- All 1.
---@example mg.initializers.Ones()({ 2, 3 })
define("Ones", {}, nil, function(_, shape, dtype)
  return create.ones(shape, { dtype = dtype })
end)
--- All `value`, or the numbers of a tensor or of nested tables, of this shape or one that broadcasts to it.
---@example mg.initializers.Constant(0.5)({ 2, 3 })
define("Constant", { { "value", default = 0, codec = constant_value } }, { "value" }, function(self, shape, dtype)
  local value = self.value
  if type(value) == "number" then return create.full(shape, fields.float32(value), { dtype = dtype }) end
  value = ops.cast(create.as_tensor(value, dtype), dtype):detach()
  return ops.mul(value, create.ones(shape, { dtype = dtype }))
end)

-- Keras does not write the gain; a round trip has to keep it, so it is written when it is not 1.
local gain = { decode = function(value, where)
  value = fields.number.decode(value, where)
  return value ~= 1 and value or nil
end, float = true }
local always = { when_set = false, show = function(self) return self.gain or 1 end }
local GAIN = { "gain", default = 1, codec = gain, when_set = true, tf2 = always }
--- `gain` on the diagonal of a matrix, else 0.
---@example mg.initializers.Identity { gain = 2 }
define("Identity", { GAIN }, { "gain" }, function(self, shape, dtype)
  if #shape ~= 2 then check.fail("Identity: argument shape has %d dimensions, expected 2", #shape) end
  return ops.mul(create.eye(shape[1], shape[2], { dtype = dtype }), self.gain or 1)
end)

-- Cosine windows by name: a - (1 - a) cos(2 pi i / period).
local WINDOWS = { hann = 0.5, hamming = 0.54 }

local function window_of(self, n)
  local window, list = self.window, {}
  if window == nil then return nil end
  local period = self.periodic and n or n - 1
  for i = 1, n do
    local a = WINDOWS[window]
    list[i] = a and (n == 1 and 1 or a - (1 - a) * math.cos(2 * math.pi * (i - 1) / period)) or window[i]
  end
  if not WINDOWS[window] and #window ~= n then
    check.fail("STFTInitializer: argument window has %d values, expected the frame's length %d", #window, n)
  end
  return list
end

-- The window's norm: Euclidean for "density", sum of absolute values for "spectrum", else 1.
local function window_norm(window, scaling)
  local sum = 0
  for _, w in ipairs(window) do sum = sum + (scaling == "density" and w * w or math.abs(w)) end
  return scaling == "density" and math.sqrt(sum) or scaling == "spectrum" and sum or 1
end

-- cos or sin of -2 pi t f / (2 (F - 1)) over frame steps t and frequencies f, times window / norm.
local function fourier(self, shape, dtype)
  if #shape ~= 3 or shape[2] ~= 1 or shape[3] < 2 then
    check.fail("STFTInitializer: argument shape {%s}, expected (frame, 1, frequencies) with 2 frequencies or more",
      table.concat(shape, ", "))
  end
  local window, wave, list = window_of(self, shape[1]), self.side == "real" and math.cos or math.sin, {}
  local norm = window and window_norm(window, self.scaling) or 1
  for t = 0, shape[1] - 1 do
    for f = 0, shape[3] - 1 do
      list[#list + 1] = wave(-math.pi * t * f / (shape[3] - 1)) * (window and window[t + 1] / norm or 1)
    end
  end
  return ops.reshape(create.tensor(list, { dtype = dtype }), shape)
end

local window_codec = { decode = function(value, where)
  if type(value) == "string" then return check.one_of(where.op, where.name, value, { "hann", "hamming" }) end
  if value == nil or value == null then return nil end
  local list = check.type(where.op, where.name, value, "table")
  for i = 1, #list do check.number(where.op, ("%s[%d]"):format(where.name, i), list[i]) end
  return list
end }
--- Real or imaginary part of a windowed discrete Fourier transform (frame, 1, frequencies).
---@example mg.initializers.STFTInitializer("real", { window = "hann" })
define("STFTInitializer", {
  { "side", required = true, codec = fields.choice("real", "imag") }, { "window", default = "hann", codec = window_codec },
  { "periodic", default = false, codec = fields.boolean },
  { "scaling", default = "density", codec = fields.choice("density", "spectrum") },
}, { "side", "window", "scaling", "periodic" }, fourier)

-- Random draws ---------------------------------------------------------------------------------------------------------------

-- The object's own key: of its seed, or drawn once from the global generator.
local function key_of(self)
  if not rawget(self, "key") then self.key = random.SeedGenerator(self.seed):next() end
  return self.key
end

local function fill(self, kind, shape, dtype, a, b)
  local out = create.empty(shape, { dtype = dtype })
  ops.random_fill(kind, out, key_of(self), a, b)
  return out
end

local SEED = { "seed", codec = fields.seed }
local MEAN, STDDEV = { "mean", default = 0, codec = fields.float }, { "stddev", default = 0.05, codec = fields.float }
local NORMAL = { tf2 = { "mean", "stddev", "seed" } }

--- Normal numbers of `mean` and `stddev`.
---@example mg.initializers.RandomNormal { stddev = 1, seed = 7 }
define("RandomNormal", { SEED, MEAN, STDDEV, order = NORMAL }, { "mean", "stddev", "seed" }, function(self, shape, dtype)
  return fill(self, "normal", shape, dtype, self.mean, self.stddev)
end)
--- Normal numbers, drawn again beyond two deviations.
---@example mg.initializers.TruncatedNormal { stddev = 0.1 }
define("TruncatedNormal", { SEED, MEAN, STDDEV, order = NORMAL }, { "mean", "stddev", "seed" }, function(self, shape, dtype)
  return fill(self, "truncated_normal", shape, dtype, self.mean, self.stddev)
end)
--- Uniform numbers in [minval, maxval).
---@example mg.initializers.RandomUniform(-0.1, 0.1)
define("RandomUniform", {
  SEED, { "minval", default = -0.05, codec = fields.float }, { "maxval", default = 0.05, codec = fields.float },
  order = { tf2 = { "minval", "maxval", "seed" } },
}, { "minval", "maxval", "seed" }, function(self, shape, dtype)
  return fill(self, "uniform", shape, dtype, self.minval, self.maxval)
end)

-- Product of the named axes (0-based, negative from the end), marking them in `used`.
local function product(shape, axes, used)
  local result = 1
  for _, axis in ipairs(type(axes) == "table" and axes or { axes }) do
    local at = (axis < 0 and axis + #shape or axis) + 1
    if not shape[at] then check.fail("compute_fans: axis %d of a shape of %d dimensions; expected one of them", axis, #shape) end
    used[at], result = true, result * shape[at]
  end
  return result
end

--- fan_in and fan_out of a weight: the last two axes are inputs and outputs, all others the receptive field of both.
---@param shape integer[]
---@param input_axes? integer|integer[]
---@param output_axes? integer|integer[]
---@return integer, integer
function initializers.compute_fans(shape, input_axes, output_axes)
  check.type("compute_fans", "shape", shape, "table")
  for i = 1, #shape do check.integer("compute_fans", ("shape[%d]"):format(i), shape[i], 0) end
  if #shape == 0 then return 1, 1 end
  if #shape == 1 and not input_axes and not output_axes then return shape[1], shape[1] end
  local used, receptive = {}, 1
  local fan_in = product(shape, input_axes or -2, used)
  local fan_out = product(shape, output_axes or -1, used)
  for i = 1, #shape do
    if not used[i] then receptive = receptive * shape[i] end
  end
  return fan_in * receptive, fan_out * receptive
end

local function variance_scaling(self, shape, dtype)
  local fan_in, fan_out = initializers.compute_fans(shape, self.input_axes, self.output_axes)
  local fan = self.mode == "fan_in" and fan_in or self.mode == "fan_out" and fan_out or (fan_in + fan_out) / 2
  local variance = self.scale / math.max(1, fan)
  if self.distribution == "uniform" then
    local limit = math.sqrt(3 * variance)
    return fill(self, "uniform", shape, dtype, -limit, limit)
  elseif self.distribution == "untruncated_normal" then
    return fill(self, "normal", shape, dtype, 0, math.sqrt(variance))
  end
  return fill(self, "truncated_normal", shape, dtype, 0, math.sqrt(variance) / TRUNCATED)
end

local AXES = {
  { "input_axes", codec = fields.axes, tf2 = { hidden = true } }, { "output_axes", codec = fields.axes, tf2 = { hidden = true } },
}
local names = fields.choice("truncated_normal", "untruncated_normal", "uniform")
-- "normal" is the truncated one's name in Keras 2.
local distributions = { decode = function(value, where)
  return names.decode(value == "normal" and "truncated_normal" or value, where)
end }
--- Variance scale / fan: fan_in, fan_out or their mean (`mode`), of the `distribution` named.
---@example mg.initializers.VarianceScaling { scale = 2, mode = "fan_out", distribution = "uniform" }
define("VarianceScaling", {
  SEED, { "scale", default = 1, codec = fields.float },
  { "mode", default = "fan_in", codec = fields.choice("fan_in", "fan_out", "fan_avg") },
  { "distribution", default = "truncated_normal", codec = distributions },
  AXES[1], AXES[2], order = { tf2 = { "scale", "mode", "distribution", "seed" } },
}, { "scale", "mode", "distribution", "seed" }, variance_scaling)

local function define_scaled(name, scale, mode, distribution)
  local C = define(name, { SEED, AXES[1], AXES[2] }, { "seed" }, variance_scaling)
  C.scale, C.mode, C.distribution = scale, mode, distribution
end

--- Uniform within +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).
---@example mg.initializers.GlorotUniform { seed = 7 }
define_scaled("GlorotUniform", 1, "fan_avg", "uniform")
--- Truncated normal of deviation sqrt(2 / (fan_in + fan_out)).
---@example mg.initializers.GlorotNormal { seed = 7 }
define_scaled("GlorotNormal", 1, "fan_avg", "truncated_normal")
--- Uniform within +-sqrt(6 / fan_in) (He et al. 2015).
---@example mg.initializers.HeUniform { seed = 7 }
define_scaled("HeUniform", 2, "fan_in", "uniform")
--- Truncated normal of deviation sqrt(2 / fan_in).
---@example mg.initializers.HeNormal { seed = 7 }
define_scaled("HeNormal", 2, "fan_in", "truncated_normal")
--- Uniform within +-sqrt(3 / fan_in).
---@example mg.initializers.LecunUniform { seed = 7 }
define_scaled("LecunUniform", 1, "fan_in", "uniform")
--- Truncated normal of deviation sqrt(1 / fan_in).
---@example mg.initializers.LecunNormal { seed = 7 }
define_scaled("LecunNormal", 1, "fan_in", "truncated_normal")

-- Q of a normal matrix with the signs of R's diagonal, so that it is uniform over the orthogonal group.
local function orthogonal(self, shape, dtype)
  if #shape < 2 then check.fail("Orthogonal: argument shape has %d dimensions, expected at least 2", #shape) end
  local columns, rows = shape[#shape], 1
  for i = 1, #shape - 1 do rows = rows * shape[i] end
  local wide = rows < columns
  local normal = fill(self, "normal", { math.max(rows, columns), math.min(rows, columns) }, dtype, 0, 1)
  local q, r = ops.qr(normal)
  local n = r.shape[1]
  local diagonal = ops.sum(ops.mul(r, create.eye(n, n, { dtype = dtype })), 1)
  q = ops.mul(q, ops.sub(1, ops.mul(ops.cast(ops.lt(diagonal, 0), dtype), 2)))
  if wide then q = ops.transpose(q, 1, 2) end
  return ops.reshape(ops.mul(q, self.gain), shape)
end
--- `gain` times a random orthogonal matrix; leading axes count as rows.
---@example mg.initializers.Orthogonal { gain = 1.4 }
define("Orthogonal", {
  SEED, { "gain", default = 1, codec = fields.float }, order = { tf2 = { "gain", "seed" } },
}, { "gain", "seed" }, orthogonal)

for alias, name in pairs {
  uniform = "RandomUniform", normal = "RandomNormal", orthogonal = "Orthogonal", identity = "Identity",
  OrthogonalInitializer = "Orthogonal", orthogonal_initializer = "Orthogonal", IdentityInitializer = "Identity", one = "Ones",
  zero = "Zeros", STFT = "STFTInitializer", stft = "STFTInitializer",
} do registry:add(initializers[name], alias) end

--- The initializer of a name, config, object or function f(shape, dtype); nil and null give nil.
---@param identifier any
function initializers.get(identifier) return registry:get(identifier) end

--- An initializer's config in Keras's object form.
---@param object table|function
---@param dialect? string "keras3" (default), "tf2", "compat.v1"
---@return table|string
function initializers.serialize(object, dialect) return registry:serialize(object, dialect) end

--- The initializer of a config.
---@param config table|string
---@param options? table dialect (else told from the config), custom_objects, path
---@return any
function initializers.deserialize(config, options) return config ~= null and registry:deserialize(config, options) or nil end

--- Gives a function f(shape, dtype) a name that configs carry.
---@param name string
---@param f function
function initializers.register(name, f) return registry:register(name, f) end

registry:share(initializers)
initializers.codec = registry:codec()

return initializers
