-- What the engine tells and lets itself be told: version, threads, precision, the float type.
local core = require "moongate.ffi.core"
local ffi = require "ffi"
local check = require "moongate.check"
local tensors = require "moongate.tensor_core"
local C = core.C

local M = {}

local FIELDS = { "version", "isa", "isa_best", "cpu", "features", "blas", "compiler" }

--- Version, library path, BLAS, processor, kernels in use, threads
---@return table { version =, isa =, isa_best =, cpu =, features =, blas =, compiler =, threads =, processors =, library = }
function M.runtime_info()
  local info = ffi.new("mg_runtime_info")
  core.check(C.mg_runtime(info))
  local out = { threads = info.threads, processors = info.processors, library = core.path }
  for _, name in ipairs(FIELDS) do out[name] = info[name] ~= nil and ffi.string(info[name]) or "" end
  return out
end

M.version = M.runtime_info().version

--- Number of threads for the engine's work, the calling one included; results do not depend on it
---@param threads integer 1..256
function M.set_threads(threads)
  core.check(C.mg_set_threads(check.integer("set_threads", "threads", threads, 1, 256)))
end

--- Number of threads in use
---@return integer
function M.get_threads() return C.mg_get_threads() end

local PRECISIONS = { "highest", "high", "medium" }

--- The least precision of the products in float32 GRU, LSTM and SimpleRNN layers, forward and backward. Where the processor's bf16
--- instructions gain by it they run on that, else in float32; explain says which. Streams and other operations stay in float32.
---@param precision string "highest" (as exact as float32), "high" (errors to 1e-5) or "medium" (to 1e-2); PyTorch's words
---@example mg.set_matmul_precision "medium"; print(gru:explain(x))
function M.set_matmul_precision(precision)
  check.one_of("set_matmul_precision", "precision", precision, PRECISIONS)
  core.check(C.mg_set_matmul_precision(C["MG_PRECISION_" .. precision:upper()]))
end

--- The precision of recurrent layers' products: see set_matmul_precision
---@return string
function M.get_matmul_precision() return PRECISIONS[C.mg_get_matmul_precision() + 1] end

--- The float type of new tensors and layers
---@return string "float32" or "float64"
function M.floatx() return tensors.floatx end

--- Sets the float type of new tensors and layers
---@param dtype string "float32" or "float64"
function M.set_floatx(dtype)
  tensors.floatx = check.one_of("set_floatx", "dtype", dtype, { "float32", "float64" })
end

--- Waits until the CPU's or another device's work is done
---@param device? string "cpu"
function M.synchronize(device)
  check.one_of("synchronize", "device", device or "cpu", { "cpu" })
  core.check(C.mg_device_synchronize(C.MG_CPU))
end

return M
