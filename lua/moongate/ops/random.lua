-- Random numbers from a key { seed =, stream =, offset = }: what element i becomes depends on the key and i alone.
local core = require "moongate.ffi.core"
local ffi = require "ffi"
local check = require "moongate.check"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"
local convert = require "moongate.ops.convert"
local C = core.C

local M = {}

local KINDS = { uniform = C.MG_RANDOM_UNIFORM, normal = C.MG_RANDOM_NORMAL, truncated_normal = C.MG_RANDOM_TRUNCATED_NORMAL,
  bernoulli = C.MG_RANDOM_BERNOULLI, dropout = C.MG_RANDOM_DROPOUT }
local KIND_NAMES = { "uniform", "normal", "truncated_normal", "bernoulli", "dropout" }

local key_struct = ffi.new("mg_random_key")

-- Numbers below 2^53, or 64-bit cdata.
local function whole(op, name, value)
  if type(value) == "cdata" then return value end
  return check.integer(op, "key." .. name, value or 0, 0, 2 ^ 53)
end

local function as_key(op, key)
  check.type(op, "key", key, "table")
  key_struct.seed, key_struct.stream = whole(op, "seed", key.seed), whole(op, "stream", key.stream)
  key_struct.offset = whole(op, "offset", key.offset)
  return key_struct
end

--- Fills `out` in place: uniform in [a, b), normal of mean a and deviation b (truncated within 2 b), bernoulli of probability a,
--- dropout (0 with probability a, else 1/(1-a))
---@param kind string
---@param out Tensor (...)
---@param key table { seed =, stream =, offset = }
---@param a number
---@param b? number
---@return Tensor out
function M.random_fill(kind, out, key, a, b)
  local code = KINDS[kind] or KINDS[check.one_of("random_fill", "kind", kind, KIND_NAMES)]
  convert.writable("random_fill", out)
  check.type("random_fill", "a", a or 0, "number")
  check.type("random_fill", "b", b or 0, "number")
  core.check(C.mg_random_fill(code, out.handle, as_key("random_fill", key), a or 0, b or 0))
  return out
end

--- One class id (from 0) for each row, drawn from softmax(logits)
---@param logits Tensor (N, C)
---@param key table
---@return Tensor int32 (N)
function M.random_categorical(logits, key)
  logits = convert.float("random_categorical", "logits", logits)
  if #logits.shape ~= 2 then
    check.fail("random_categorical: argument logits %s, expected (N, C); likely fix: logits:reshape{ -1, %s }",
      tostring(logits.shape), tostring(logits.shape[#logits.shape] or 1))
  end
  local out = tensors.alloc(shapes.own { logits.shape[1] }, "int32", logits)
  core.check(C.mg_random_categorical(out.handle, logits.handle, as_key("random_categorical", key)))
  return out
end

--- The numbers 0..n-1 in random order
---@param n integer
---@param key table
---@return Tensor int32 (n)
function M.random_permutation(n, key)
  local out = tensors.alloc(shapes.own { check.integer("random_permutation", "n", n, 0, 2 ^ 31 - 1) }, "int32")
  core.check(C.mg_random_permutation(out.handle, as_key("random_permutation", key)))
  return out
end

return M
