-- Which layers treat every row of a batch by itself, so that the steps of a sequence may be rows of one large batch: those whose
-- class says so (`rows_apart`), and models and wrappers of such. Any other is called step by step.
local layers = require "moongate.layers"

local rows = {}

--- Whether a layer is of one of moongate's own classes, or a model.
---@param layer table
---@return boolean
function rows.is_own(layer)
  local C = getmetatable(layer).class
  return layers[C.name] == C or layer.layers ~= nil
end

local function inner_apart(layer, training)
  for _, inner in ipairs(layer:inner_layers()) do
    -- A loss of a call counts once for every step.
    if inner.activity_regularizer or not rows.apart(inner, training) then return false end
  end
  return true
end

--- Whether the steps of a sequence may be given to a layer as rows of one batch.
---@param layer table
---@param training boolean
---@return boolean
function rows.apart(layer, training)
  if layer.stateful or rawget(layer, "carrying") then return false end
  local answer = rawget(getmetatable(layer).class, "rows_apart")
  if answer == "inner" then return inner_apart(layer, training) end
  if type(answer) == "function" then return answer(layer, training) end
  return answer == true
end

return rows
