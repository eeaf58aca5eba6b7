-- Keras's axes (from 0, negative from the end) as dimensions (from 1), checked against an input.
local check = require "moongate.check"
local null = require "moongate.null"

local axes = {}

--- The dimension of an axis in a shape.
---@param layer table
---@param axis integer
---@param shape integer[]
---@return integer
function axes.dim(layer, axis, shape)
  local n = #shape
  if axis < -n or axis >= n then
    check.fail("%s: axis %d does not exist in the input %s, expected %d..%d", layer:title(), axis, layer.shape_text(shape), -n,
      n - 1)
  end
  return axis < 0 and n + 1 + axis or axis + 1
end

--- The dimensions of one axis or of a list of them.
---@param layer table
---@param axis integer|integer[]
---@param shape integer[]
---@return integer[]
function axes.dims(layer, axis, shape)
  local dims, seen = {}, {}
  for i, each in ipairs(type(axis) == "table" and axis or { axis }) do
    local dim = axes.dim(layer, each, shape)
    if seen[dim] then
      check.fail("%s: axis %d is given twice for the input %s; likely fix: each axis once", layer:title(), dim - 1,
        layer.shape_text(shape))
    end
    dims[i], seen[dim] = dim, true
  end
  return dims
end

--- The size of a dimension that weights are made for; it has to be known.
---@param layer table
---@param shape integer[]
---@param dim integer
---@return integer
function axes.size(layer, shape, dim)
  if shape[dim] == null then
    check.fail("%s: build for %s: axis %d has to be known; likely fix: a size instead of mg.null there", layer:title(),
      layer.shape_text(shape), dim - 1)
  end
  return shape[dim]
end

--- A shape of n ones, with x's sizes in dims: weights of those dimensions broadcast against x in it.
---@param shape integer[]
---@param dims integer[]
---@return integer[]
function axes.broadcast_shape(shape, dims)
  local out = {}
  for i = 1, #shape do out[i] = 1 end
  for _, dim in ipairs(dims) do out[dim] = shape[dim] end
  return out
end

--- What TensorFlow 2 writes of a layer's axis: once the layer is built, a list of axes from 0 in the order given.
---@param layer table
---@param axis integer|integer[]
---@return integer|integer[]
function axes.shown(layer, axis)
  axis = layer.given_axis or axis
  if not layer.built then return axis end
  local dims = axes.dims(layer, axis, layer.build_shape)
  for i, dim in ipairs(dims) do dims[i] = dim - 1 end
  return dims
end

return axes
