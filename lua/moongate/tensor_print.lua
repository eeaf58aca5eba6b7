-- Printing as PyTorch does: one common format, 4 digits, a summary above 1000 elements; then [f32 2x3 cpu].
local tensors = require "moongate.tensor_core"
local raw = require "moongate.ops.raw"

local THRESHOLD, EDGE, WIDTH = 1000, 3, 80
local SHORT = { float32 = "f32", float64 = "f64", int32 = "i32", uint8 = "u8" }

local function finite(v)
  return v - v == 0
end

-- The format for floats: whole numbers with a point, 4 decimals, or 4 decimals and an exponent.
local function float_format(values)
  local whole, least, most = true, math.huge, 0
  for _, v in ipairs(values) do
    if finite(v) and v ~= 0 then
      least, most = math.min(least, math.abs(v)), math.max(most, math.abs(v))
    end
    if finite(v) and v % 1 ~= 0 then whole = false end
  end
  if most > 0 and (most / least > 1000 or most > 1e8 or (not whole and least < 1e-4)) then return "%.4e" end
  return whole and "%.0f." or "%.4f"
end

local function printer(format)
  return function(v)
    if v ~= v then return "nan" end
    if not finite(v) then return v > 0 and "inf" or "-inf" end
    return format:format(v)
  end
end

-- The positions (from 0) of a dimension that are shown; false stands for "...".
local function positions(size, summary)
  if summary and size > 2 * EDGE then return { 0, 1, 2, false, size - 3, size - 2, size - 1 } end
  local list = {}
  for i = 1, size do list[i] = i - 1 end
  return list
end

-- Calls visit(value) for every element shown.
local function each(p, shape, strides, dim, offset, summary, visit)
  if dim > #shape then return visit(tonumber(p[offset])) end
  for _, i in ipairs(positions(shape[dim], summary)) do
    if i then each(p, shape, strides, dim + 1, offset + i * strides[dim], summary, visit) end
  end
end

local function vector_text(c, offset, indent)
  local cells = {}
  for _, i in ipairs(positions(c.shape[#c.shape], c.summary)) do
    if i then
      local text = c.text(tonumber(c.p[offset + i]))
      cells[#cells + 1] = (" "):rep(c.width - #text) .. text
    else
      cells[#cells + 1] = " ..."
    end
  end
  local per_line = math.max(1, math.floor((WIDTH - indent) / (c.width + 2)))
  local lines = {}
  for first = 1, #cells, per_line do
    lines[#lines + 1] = table.concat(cells, ", ", first, math.min(first + per_line - 1, #cells))
  end
  return "[" .. table.concat(lines, ",\n" .. (" "):rep(indent + 1)) .. "]"
end

local function nested_text(c, dim, offset, indent)
  if dim > #c.shape then return c.text(tonumber(c.p[offset])) end
  if dim == #c.shape then return vector_text(c, offset, indent) end
  local rows = {}
  for _, i in ipairs(positions(c.shape[dim], c.summary)) do
    rows[#rows + 1] = i and nested_text(c, dim + 1, offset + i * c.strides[dim], indent + 1) or "..."
  end
  return "[" .. table.concat(rows, "," .. ("\n"):rep(#c.shape - dim) .. (" "):rep(indent + 1)) .. "]"
end

-- What the text is made from: pointer, strides, cell format and width.
local function context(t)
  local c = { shape = t.shape, strides = {}, summary = t.count > THRESHOLD, source = raw.contiguous(t), width = 1 }
  c.p = tensors.read(c.source)
  local stride = 1
  for i = #t.shape, 1, -1 do c.strides[i], stride = stride, stride * t.shape[i] end
  local values = {}
  if t.count > 0 then each(c.p, t.shape, c.strides, 1, 0, c.summary, function(v) values[#values + 1] = v end) end
  local float = t.dtype == "float32" or t.dtype == "float64"
  c.text = printer(float and float_format(values) or "%.0f")
  for _, v in ipairs(values) do
    if not float or (finite(v) and v ~= 0) then c.width = math.max(c.width, #c.text(v)) end
  end
  return c
end

--- `[f32 2x3 cpu]`
local function tag(t)
  local sizes = #t.shape > 0 and " " .. table.concat(t.shape, "x") or ""
  return ("[%s%s %s%s]"):format(SHORT[t.dtype], sizes, t.device, t.node and " grad" or "")
end

function tensors.text(t)
  local name = rawget(t, "is_variable") and t.name and ('Variable "%s" '):format(t.name) or ""
  if t.count == 0 then return name .. "[] " .. tag(t) end
  return name .. nested_text(context(t), 1, 0, #name) .. " " .. tag(t)
end
tensors.meta.__tostring = tensors.text
