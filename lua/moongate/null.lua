-- mg.null: JSON's null and Python's None, where that differs from "not given" (nil):
-- an unknown size in a shape, as in model:build { mg.null, 10 }; an option that is switched off, as in activation = mg.null.
-- Compare with ==: null is true in a condition.
return setmetatable({}, {
  __tostring = function() return "null" end,
  __newindex = function() error("null has no fields", 2) end,
})
