-- Variables in HDF5 files: whose they are, and how one is written.
local tensor = require "moongate.tensor"
local tree = require "moongate.files.tree"

local variables = {}

--- The object that each variable of a layer belongs to
---@param layer table
---@return table<Variable, table>
function variables.owners(layer)
  local owners = {}
  tree.walk(layer, "", function(object)
    for _, variable in ipairs(object.own_variables and object:own_variables() or {}) do owners[variable] = object end
  end)
  return owners
end

--- Writes a variable; integers are of 64 bits there, as Keras has them
---@param file table an open HDF5 file
---@param path string
---@param variable Variable
---@return boolean|nil, string?
function variables.write(file, path, variable)
  if variable.dtype == "int32" then return file:write_numbers(path, "int64", variable.shape, variable:to_flat_table()) end
  local dense = variable:is_contiguous() and variable or variable:copy()
  return file:write(path, variable.dtype, variable.shape, tensor.read(dense))
end

return variables
