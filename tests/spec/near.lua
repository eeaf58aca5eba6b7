-- near(tensor, nested table or number [, tolerance]): every element within tolerance * max(1, |expected|); shapes must agree too.
local assert = require "luassert"

local function flatten(value, out, shape, depth)
  if type(value) ~= "table" then
    out[#out + 1] = value == true and 1 or value == false and 0 or value
    return
  end
  shape[depth] = #value
  for _, item in ipairs(value) do flatten(item, out, shape, depth + 1) end
end

return function(t, expected, tolerance)
  local want, shape = {}, {}
  flatten(expected, want, shape, 1)
  local got = t:to_flat_table()
  assert.same(shape, { unpack(t.shape) })
  for i, value in ipairs(want) do
    local ok = got[i] == value or (value ~= value and got[i] ~= got[i])
      or math.abs(got[i] - value) <= (tolerance or 1e-6) * math.max(1, math.abs(value))
    assert(ok, ("element %d is %.9g, expected %.9g"):format(i, got[i], value))
  end
end
