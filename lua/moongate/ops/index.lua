-- Rows of a table by index, and one-hot vectors. Ids are data: int32 (others are cast), counted from 0.
local core = require "moongate.ffi.core"
local check = require "moongate.check"
local autograd = require "moongate.autograd"
local tensors = require "moongate.tensor_core"
local shapes = require "moongate.shape"
local raw = require "moongate.ops.raw"
local convert = require "moongate.ops.convert"
local C = core.C
local state, accumulate = autograd.state, autograd.accumulate

local M = {}

local function as_ids(op, ids)
  local dtype = tensors.expect(op, "ids", ids).dtype
  if dtype == "int32" then return ids end
  if dtype ~= "uint8" then -- a cast would make 0 of NaN
    local sum = raw.reduce(C.MG_REDUCE_SUM, ids, 2 ^ #ids.shape - 1):item()
    if sum ~= sum then check.fail("%s: ids hold NaN, expected whole numbers from 0", op) end
  end
  return raw.cast(ids, "int32")
end

local function rows_shape(op, table_shape, ids_shape)
  if #table_shape == 0 then check.fail("%s: argument table is a scalar, expected (V, ...)", op) end
  local shape = {}
  for i = 1, #ids_shape do shape[i] = ids_shape[i] end
  for i = 2, #table_shape do shape[#shape + 1] = table_shape[i] end
  return shapes.of(op, shape)
end

local function gathered(op, source, ids)
  local y = tensors.alloc(rows_shape(op, source.shape, ids.shape), source.dtype, source)
  if C.mg_gather(y.handle, source.handle, ids.handle) ~= 0 then core.raise() end
  return y
end

local function gather_back(node, dy)
  local dtable = raw.full_like(node.a, 0)
  if C.mg_scatter_add(dtable.handle, node.ids.handle, dy.handle) ~= 0 then core.raise() end
  accumulate(node.a, dtable)
end

--- Rows of a table: out[i] = table[ids[i]]
---@param source Tensor (V, ...) the table
---@param ids Tensor (...) 0-based
---@return Tensor ids' shape followed by a row's
---@example mg.ops.gather(embedding, ids)
function M.gather(source, ids)
  tensors.expect("gather", "table", source)
  ids = as_ids("gather", ids)
  local y = gathered("gather", source, ids)
  if source.node and state.on then
    local node = autograd.record(y, gather_back, source)
    node.ids = ids
    autograd.guard(node, { ids })
  end
  return y
end

local function scatter_back(node, dy)
  accumulate(node.a, dy)
  if node.b.node then accumulate(node.b, gathered("scatter_add", dy, node.ids)) end
end

--- A copy of the table with rows added to it: out[ids[i]] += rows[i]; repeated ids add up
---@param source Tensor (V, ...) the table
---@param ids Tensor (...) 0-based
---@param rows Tensor ids' shape followed by a row's
---@return Tensor
function M.scatter_add(source, ids, rows)
  source, rows = convert.same("scatter_add", source, rows, true)
  ids = as_ids("scatter_add", ids)
  local y = raw.cast(source, source.dtype)
  if C.mg_scatter_add(y.handle, ids.handle, rows.handle) ~= 0 then core.raise() end
  if state.on and (source.node or rows.node) then
    local node = autograd.record(y, scatter_back, source, rows)
    node.ids = ids
    autograd.guard(node, { ids })
  end
  return y
end

--- Vectors with a 1 at each id; an id outside 0..classes-1 gives zeros
---@param ids Tensor (...)
---@param classes integer
---@param dtype? string default mg.floatx()
---@return Tensor (..., classes)
function M.one_hot(ids, classes, dtype)
  ids = as_ids("one_hot", ids)
  check.integer("one_hot", "classes", classes, 1)
  local shape = {}
  for i = 1, #ids.shape do shape[i] = ids.shape[i] end
  shape[#shape + 1] = classes
  local y = tensors.alloc(shapes.of("one_hot", shape), tensors.dtype("one_hot", dtype, tensors.floatx), ids)
  if C.mg_one_hot(y.handle, ids.handle) ~= 0 then core.raise() end
  return y
end

return M
