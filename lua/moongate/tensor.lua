-- Tensors complete: object, operations as methods, operators, creation, indexing, printing, access from Lua.
local core = require "moongate.ffi.core"
local check = require "moongate.check"
local tensors = require "moongate.tensor_core"
local ops = require "moongate.ops"
local raw = require "moongate.ops.raw"
local shapes = require "moongate.shape"
local C = core.C

tensors.create = require "moongate.tensor_create"
require "moongate.tensor_index"
require "moongate.tensor_print"

local Tensor, meta = tensors.methods, tensors.meta

meta.__add, meta.__sub, meta.__mul, meta.__div = ops.add, ops.sub, ops.mul, ops.div
meta.__pow = ops.pow
function meta.__unm(x) return ops.neg(x) end
function meta.__call() check.fail("a tensor is not a function") end
function meta.__lt() check.fail("tensors are compared by methods: x:lt(y), x:gt(y), x:eq(y) ... give uint8 tensors") end
meta.__le = meta.__lt
function meta.__concat(a, b) return tostring(a) .. tostring(b) end

--- The tensor as float32
---@return Tensor
function Tensor:float() return ops.cast(self, "float32") end

--- The tensor as float64
---@return Tensor
function Tensor:double() return ops.cast(self, "float64") end

--- The tensor as int32
---@return Tensor
function Tensor:int() return ops.cast(self, "int32") end

--- The tensor as uint8
---@return Tensor
function Tensor:byte() return ops.cast(self, "uint8") end

--- The tensor in another dtype (or on another device); itself when nothing changes
---@param target string "float32", "float64", "int32", "uint8" or "cpu"
---@return Tensor
function Tensor:to(target)
  if target == self.device then return self end
  return ops.cast(self, target)
end

--- A copy in memory of its own
---@return Tensor
function Tensor:clone() return ops.copy(self) end

--- The sizes, or that of one dimension (LuaJIT's # does not ask a table's metatable: x:size(1) is what #x would be)
---@param dim? integer
---@return integer[]|integer
function Tensor:size(dim)
  if dim == nil then return self.shape end
  return self.shape[shapes.dim("size", dim, #self.shape)]
end

--- Number of elements
---@return integer
function Tensor:numel() return self.count end

--- Number of dimensions
---@return integer
function Tensor:dim() return #self.shape end

--- Whether the elements lie in row-major order without gaps
---@return boolean
function Tensor:is_contiguous() return C.mg_tensor_is_contiguous(self.handle) ~= 0 end

--- The value of a tensor of one element, as a number
---@return number
function Tensor:item()
  if self.count ~= 1 then
    check.fail("item: the tensor has shape %s, expected one element; likely fix: x:to_table()", tostring(self.shape))
  end
  return tonumber(tensors.read(self)[0])
end

--- The elements in row-major order, as one list of numbers
---@return number[]
function Tensor:to_flat_table()
  local list, source = {}, raw.contiguous(self)
  local p = tensors.read(source)
  for i = 1, self.count do list[i] = tonumber(p[i - 1]) end
  if not rawequal(source, self) then source:free() end
  return list
end

local function nested(list, shape, dim, first)
  if dim > #shape then return list[first] end
  local out, step = {}, 1
  for i = dim + 1, #shape do step = step * shape[i] end
  for i = 1, shape[dim] do out[i] = nested(list, shape, dim + 1, first + (i - 1) * step) end
  return out
end

--- The elements as nested tables (a number for a scalar)
---@return table|number
function Tensor:to_table()
  return nested(self:to_flat_table(), self.shape, 1, 1)
end

--- The address of the first element as a pointer of the dtype's C type, valid while the tensor lives; no strided views.
--- Writing through it counts as one write, at the time of this call.
---@return cdata
function Tensor:data()
  if not self:is_contiguous() then
    check.fail("data: the tensor %s is a strided view; use :contiguous() first", tostring(self.shape))
  end
  return tensors.write(self)
end

--- Makes this tensor a view of `source`'s memory (equal shape and dtype), for storage shared with others.
---@param source Tensor
---@return Tensor self
function Tensor:share_(source)
  tensors.expect("share_", "source", source, { self.dtype })
  if self.shape ~= source.shape then
    check.fail("share_: source has shape %s, expected %s", tostring(source.shape), tostring(self.shape))
  end
  core.check(C.mg_tensor_alias(self.handle, source.handle))
  self.bytes, tensors.moves = 0, tensors.moves + 1
  return self
end

--- Bytes that the elements take
---@return integer
function Tensor:nbytes() return self.count * tensors.BYTES[self.dtype] end

return tensors
