-- mg.null: JSON's null and Python's None, where that differs from "not given" (nil).
return setmetatable({}, {
  __tostring = function() return "null" end,
  __newindex = function() error("null has no fields", 2) end,
})
