-- Variables: tensors that training changes. Keras's names: name, trainable, regularizer, constraint.
local check = require "moongate.check"
local tensors = require "moongate.tensor"
local raw = require "moongate.ops.raw"

local Variable = {}

--- A tensor that requires a gradient (unless trainable = false, or of integers). It is kept beyond any memory.scope.
---@param value Tensor|table|number its memory is copied
---@param options? table { name = string, trainable = true, dtype = string }
---@return Tensor
---@example local w = mg.Variable(mg.zeros(3, 2), { name = "w" })
function Variable.new(value, options)
  options = check.options("Variable", options, { "name", "trainable", "dtype", "regularizer", "constraint" })
  local v = tensors.create.tensor(value, { dtype = options.dtype }):keep()
  v.is_variable = true
  v.name, v.regularizer, v.constraint = options.name or "variable", options.regularizer, options.constraint
  v.trainable = options.trainable ~= false
  if v.trainable and (v.dtype == "float32" or v.dtype == "float64") then v:requires_grad_() end
  return v
end

--- Whether `value` is a variable
---@return boolean
function Variable.is(value)
  return tensors.is(value) and rawget(value, "is_variable") == true
end

--- Takes over the values of a tensor or table of equal shape, also while operations are recorded
---@param value Tensor|table|number
---@return Tensor self
function tensors.methods:assign(value)
  value = tensors.create.as_tensor(value, self.dtype)
  if value.shape ~= self.shape then
    check.fail("assign: value has shape %s, expected %s%s", tostring(value.shape), tostring(self.shape),
      rawget(self, "name") and " for " .. self.name or "")
  end
  raw.copy_to(self, value)
  return self
end

--- Switches training of this variable on or off
---@param trainable boolean
---@return Tensor self
function tensors.methods:set_trainable(trainable)
  self.trainable = trainable and true or false
  return self:requires_grad_(self.trainable)
end

return setmetatable(Variable, { __call = function(_, ...) return Variable.new(...) end })
