-- Reads what ONNX's node tests are made of: a model with one node, and tensors. Protobuf wire format; field numbers of onnx.proto.
local ffi = require "ffi"
local bit = require "bit"

local reader = {}

local function varint(s, at)
  local value, scale = 0, 1
  while true do
    local byte = s:byte(at)
    value, scale, at = value + bit.band(byte, 127) * scale, scale * 128, at + 1
    if byte < 128 then return value, at end
  end
end

local WIDTH = { [1] = 8, [5] = 4 }

-- The fields of a message: { [number] = { value, ... } }; numbers for varints, else the bytes.
local function fields_of(s)
  local fields, at = {}, 1
  while at <= #s do
    local key, size, value
    key, at = varint(s, at)
    local number, kind = math.floor(key / 8), key % 8
    if kind == 0 then
      value, at = varint(s, at)
    else
      size = WIDTH[kind]
      if not size then size, at = varint(s, at) end
      at = at + size
      value = s:sub(at - size, at - 1)
    end
    fields[number] = fields[number] or {}
    table.insert(fields[number], value)
  end
  return fields
end

local function numbers(bytes, kind)
  local size, list = ffi.sizeof(kind), {}
  local values = ffi.new(kind .. "[?]", math.max(1, #bytes / size))
  ffi.copy(values, bytes, #bytes)
  for i = 1, #bytes / size do list[i] = tonumber(values[i - 1]) end
  return list
end

-- Varints that stand alone or packed into bytes.
local function varints(values)
  local list = {}
  for _, value in ipairs(values or {}) do
    if type(value) == "number" then
      list[#list + 1] = value
    else
      local at = 1
      while at <= #value do list[#list + 1], at = varint(value, at) end
    end
  end
  return list
end

local FLOAT, KINDS = 1, { [1] = "float", [6] = "int32_t", [7] = "int64_t", [11] = "double" }

local function contents(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

--- A TensorProto: { shape = {...}, data = flat list }; nil when there is no such file.
function reader.tensor(path)
  local text = contents(path)
  if not text then return nil end
  local fields = fields_of(text)
  local kind = fields[2] and fields[2][1] or FLOAT
  local raw = fields[9] and fields[9][1] or table.concat(fields[4] or {})
  return { shape = varints(fields[1]), data = numbers(raw, KINDS[kind]) }
end

local function attribute(text)
  local fields = fields_of(text)
  local value = fields[3] and fields[3][1] or fields[4] and fields[4][1]
  if fields[2] then value = numbers(fields[2][1], "float")[1] end
  if fields[7] then value = numbers(table.concat(fields[7]), "float") end
  if fields[9] then value = fields[9] end
  return fields[1][1], value
end

--- The only node of a ModelProto's graph: { op =, inputs = names ("" for none), outputs =, attributes = by name }, and the names
--- of the graph's inputs in order.
function reader.node(path)
  local graph = fields_of(fields_of(contents(path))[7][1])
  local fields, attributes, inputs = fields_of(graph[1][1]), {}, {}
  for _, text in ipairs(fields[5] or {}) do
    local name, value = attribute(text)
    attributes[name] = value
  end
  for i, text in ipairs(graph[11] or {}) do inputs[i] = fields_of(text)[1][1] end
  return { op = fields[4][1], inputs = fields[1], outputs = fields[2], attributes = attributes }, inputs
end

return reader
