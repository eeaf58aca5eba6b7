-- Damage for files: bytes put over others, and mutations that are the same in every run.
local damage = {}

--- `text` with `bytes` in place of those from `at` on.
function damage.put(text, at, bytes) return text:sub(1, at - 1) .. bytes .. text:sub(at + #bytes) end

--- n as `count` bytes, the lowest first.
function damage.number(n, count)
  local list = {}
  for i = 1, count do list[i], n = string.char(n % 256), math.floor(n / 256) end
  return table.concat(list)
end

--- A function that damages a text in one way or another: cut short, a run of zeros or ones, some bytes or bits, a part twice.
---@param seed integer of Lehmer's generator of Park and Miller, 1988
function damage.mutations(seed)
  local state = seed
  local function draw(n)
    state = state * 16807 % 2147483647
    return state % n
  end
  local function mutate(text)
    local kind, at = draw(8), 1 + draw(#text)
    if kind == 0 then return text:sub(1, at) end
    if kind <= 2 then return damage.put(text, at, ((kind == 1 and "\0" or "\255"):rep(math.min(8 + draw(56), #text - at + 1)))) end
    for _ = 1, 1 + draw(20) do
      repeat at = 1 + draw(#text) until text:byte(at) ~= 0 or draw(8) == 0
      text = damage.put(text, at, string.char(draw(2) == 0 and draw(256) or bit.bxor(text:byte(at), 2 ^ draw(8))))
    end
    return text
  end
  return mutate, draw
end

return damage
