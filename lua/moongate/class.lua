-- Classes: `class(name, parent)` gives C; `C(...)` makes an object and calls `C.init(self, ...)`; `obj:is(C)` asks. C.getters and
-- C.setters: functions by property name, inherited. C.to_text(self) is what tostring gives; C.__call(self, ...) calls an object;
-- where there is none, C.call_fix says in the message what is meant.
local check = require "moongate.check"

local function is(self, other)
  local class = type(self) == "table" and (getmetatable(self) or self).class
  while class and class ~= other do class = class.parent end
  return class == other
end
return function(name, parent)
  local C = { name = name, parent = parent, is = is }
  C.getters = setmetatable({}, { __index = parent and parent.getters })
  C.setters = setmetatable({}, { __index = parent and parent.setters })
  local meta = { class = C }
  function meta:__index(key)
    local getter = C.getters[key]
    if getter then return getter(self) end
    return C[key]
  end
  function meta:__newindex(key, value)
    local setter = C.setters[key]
    if setter then setter(self, value) else rawset(self, key, value) end
  end
  function meta:__tostring() return C.to_text and C.to_text(self) or "<" .. name .. ">" end
  function meta:__call(...)
    if not C.__call then check.fail("%s: a %s is no function, and no iterator%s", name, name, C.call_fix or "") end
    return C.__call(self, ...)
  end
  local function construct(_, ...)
    local object = setmetatable({}, meta)
    if C.init then C.init(object, ...) end
    return object
  end
  return setmetatable(C, { __index = parent, __call = construct, __tostring = function() return "class " .. name end })
end
