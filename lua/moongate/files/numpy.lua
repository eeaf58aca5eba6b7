-- Tensors in NumPy's files, by the ending of the name: .npy holds one, .npz several by name.
local check = require "moongate.check"
local npy = require "moongate.data.npy"
local npz = require "moongate.files.npz"

local numpy = {}

local function format_of(op, path)
  check.type(op, "path", path, "string")
  local ending = path:match("%.(np[yz])$")
  if not ending then
    check.fail("%s: path %q must end in .npy or .npz; models are saved by model:save and loaded by mg.load_model", op, path)
  end
  return ending == "npy" and npy or npz
end

--- Writes tensors for NumPy: one to .npy, a table of them by name to .npz. The file is complete or not there.
---@param path string ending in .npy or .npz
---@param values Tensor|table<string, Tensor>
---@param options? table of .npz: compressed = false
---@example mg.save("data.npz", { x = x, y = y }, { compressed = true })
function numpy.save(path, values, options)
  local saved, message = format_of("save", path).save(path, values, options)
  if not saved then check.fail("save: %s", message) end
end

--- Reads what NumPy or mg.save wrote: a tensor from .npy, a table of them by name from .npz. Anything else is an error.
---@param path string ending in .npy or .npz
---@return Tensor|table<string, Tensor>
---@example local data = mg.load "data.npz"; print(data.x.shape)
function numpy.load(path)
  local values, message = format_of("load", path).load(path)
  if not values then check.fail("load: %s", message) end
  return values
end

return numpy
