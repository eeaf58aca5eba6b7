-- What the specs of the layer contract make layers and inputs with.
local mg = require "moongate"

local makers = {}

--- A maker of layers of a class: `own` options, and those of the call over them.
function makers.with(name, own)
  return function(options)
    local all = {}
    for key, value in pairs(own or {}) do all[key] = value end
    for key, value in pairs(options or {}) do all[key] = value end
    return mg.layers[name](all)
  end
end

--- A float64 tensor of the given sizes that holds sin(pace i).
function makers.waves(pace, ...)
  local shape, list, n = { ... }, {}, 1
  for _, size in ipairs(shape) do n = n * size end
  for i = 1, n do list[i] = math.sin(pace * i) end
  return mg.tensor(list, { dtype = "float64" }):reshape(shape)
end

return makers
