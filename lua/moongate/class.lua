-- Classes: `class(name, parent)` gives C; `C(...)` makes an object and calls `C.init(self, ...)`; `obj:is(C)` asks.
-- C.getters and C.setters, where given, are functions by property name; they are inherited.
local function index(C)
  return function(self, key)
    local getter = C.getters[key]
    if getter then return getter(self) end
    return C[key]
  end
end

local function newindex(C)
  return function(self, key, value)
    local setter = C.setters[key]
    if setter then return setter(self, value) end
    rawset(self, key, value)
  end
end

return function(name, parent)
  local C = { name = name, parent = parent or false }
  C.getters = setmetatable({}, { __index = parent and parent.getters })
  C.setters = setmetatable({}, { __index = parent and parent.setters })
  C.meta = { __index = index(C), __newindex = newindex(C), __tostring = function(self) return self:to_text() end, class = C }
  function C.is(self, other)
    local class = type(self) == "table" and (getmetatable(self) or {}).class
    while class and class ~= other do class = class.parent end
    return class == other
  end
  if not parent then function C.to_text(self) return "<" .. getmetatable(self).class.name .. ">" end end
  local function construct(_, ...)
    local object = setmetatable({}, C.meta)
    if C.init then C.init(object, ...) end
    return object
  end
  return setmetatable(C, { __index = parent, __call = construct, __tostring = function() return "class " .. name end })
end
