-- Where each mask goes: a list with an entry for every call of a layer, in the order of running, that prints as a table. The calls
-- are watched, so that what is shown is what happens: whether a layer reads its mask, and which mask rides on its output.
local autograd = require "moongate.autograd"
local Layer = require "moongate.layers.layer"
local ops = require "moongate.ops"
local structure = require "moongate.structure"
local table_box = require "moongate.models.table_box"
local tensor = require "moongate.tensor"
local terminal = require "moongate.terminal"

local Masks = {}
local GAP = 3 -- blanks between columns

-- Text ----------------------------------------------------------------------------------------------------------------------------

local function one_text(mask)
  if not mask then return "-" end
  local used = ops.sum(ops.cast(mask, "int32")):item()
  return ("%s: %d of %d used"):format(Layer.shape_text(mask.shape), used, mask.count)
end

local function mask_text(masks)
  if not masks or tensor.is(masks) then return one_text(masks) end
  local words = {}
  for i, mask in ipairs(masks) do words[i] = one_text(mask) end
  return table.concat(words, "; ")
end

local function name_of(entry)
  if entry.output then return "output " .. entry.output end
  return ("%s%s (%s)"):format(("  "):rep(entry.level), entry.layer.name, getmetatable(entry.layer).class.name)
end

-- The widths of the columns: what their texts take, and where lines are longer than the terminal less in the widest columns, as far
-- as words are not cut.
local function widths_of(rows)
  local widths, words, total = {}, {}, 3 * GAP
  for k = 1, 4 do
    widths[k], words[k] = 0, 0
    for _, row in ipairs(rows) do
      widths[k] = math.max(widths[k], #row[k])
      local indent = #row[k]:match "^ *"
      for word in row[k]:gmatch "%S+" do words[k] = math.max(words[k], indent + #word) end
    end
    total = total + widths[k]
  end
  for _ = 1, total - (terminal.columns() or total) do
    local widest
    for k = 1, 4 do
      if widths[k] > words[k] and (not widest or widths[k] > widths[widest]) then widest = k end
    end
    if not widest then break end
    widths[widest] = widths[widest] - 1
  end
  return widths
end

local function add_row(lines, row, widths)
  local cells, most = {}, 1
  for k, text in ipairs(row) do
    cells[k] = table_box.wrap(text, widths[k], "")
    most = math.max(most, #cells[k])
  end
  for i = 1, most do
    local parts = {}
    for k, cell in ipairs(cells) do
      local text = cell[i] or ""
      parts[k] = text .. (" "):rep(widths[k] - #text + GAP)
    end
    lines[#lines + 1] = (table.concat(parts):gsub("%s+$", ""))
  end
end

function Masks.__tostring(list)
  local rows, lines = { { "layer", "mask in", "what becomes of it", "mask out" } }, {}
  for _, entry in ipairs(list) do
    rows[#rows + 1] = { name_of(entry), mask_text(entry.mask_in), entry.action, mask_text(entry.masks or entry.mask) }
  end
  local widths = widths_of(rows)
  for _, row in ipairs(rows) do add_row(lines, row, widths) end
  return table.concat(lines, "\n")
end

-- Watching ------------------------------------------------------------------------------------------------------------------------

-- Options whose mask tells when it is read.
local function watched(call, entry)
  local options, mask = {}, call.mask
  for key, value in pairs(call) do
    if key ~= "mask" then options[key] = value end
  end
  return setmetatable(options, { __index = function(_, key)
    if key ~= "mask" then return nil end
    entry.used = mask ~= nil
    return mask
  end })
end

local function action_of(entry, is_list, is_model)
  local out = entry.mask ~= nil
  if not entry.mask_in then return out and "made" or "-" end
  if is_model then return out and "passed through" or "ends inside" end
  if entry.used then return out and "used, passed on" or "used, ends" end
  return not out and "ends" or is_list and "joined" or "passed on"
end

local function masks_of(results)
  local list, any = {}, nil
  for i, result in ipairs(results) do
    list[i] = tensor.is(result) and result.keras_mask or false
    any = any or list[i] or nil
  end
  return list, any
end

-- Takes down the calls of layers in models; what layers do inside themselves is theirs.
local function watcher(list, model)
  local level, hidden = 0, 0
  return function(layer, x, call, run, mask)
    if hidden > 0 or layer == model then return run(layer, x, call, mask) end
    local is_model = layer.result_names ~= nil
    local entry = { layer = layer, level = level, mask_in = mask, used = false }
    list[#list + 1] = entry
    if is_model then level = level + 1 else hidden = hidden + 1 end
    local results = { run(layer, x, watched(call, entry), mask) }
    if is_model then level = level - 1 else hidden = hidden - 1 end
    local masks, any = masks_of(results)
    entry.mask = any
    if #masks > 1 and any then entry.masks = masks end
    entry.action = action_of(entry, not x.shape, is_model)
    return unpack(results)
  end
end

-- A mask on an output weights the loss there.
local function add_outputs(list, model, results)
  for i, name in ipairs(model.result_names) do
    local mask = tensor.is(results[i]) and results[i].keras_mask
    if mask then list[#list + 1] = { output = name, mask_in = mask, used = true, action = "weights the loss" } end
  end
  return list
end

-- Stored states of stateful layers, to be put back: looking changes nothing.
local function stored_states(layer, list)
  list[#list + 1] = { layer = layer, states = rawget(layer, "states"), batch = rawget(layer, "state_batch") }
  for _, inner in ipairs(layer:inner_layers()) do stored_states(inner, list) end
  return list
end

--- The way of the masks through a model for an input.
---@param model Model
---@param x Tensor|table (B, ...), a list of them or a table by name
---@return table[] { layer =, level = 0, mask_in =, used =, action =, mask =, masks = } in order of running
return function(model, x)
  x = model:batch_of("masks", x)
  structure.each(x, function(each, at) tensor.expect(model:title() .. ": masks", "x" .. at, each) end)
  if x == nil then tensor.expect(model:title() .. ": masks", "x", x) end
  model:build_for(x)
  local before, list = stored_states(model, {}), setmetatable({}, Masks)
  local ok, results = pcall(autograd.no_grad, Layer.traced, watcher(list, model), function() return { model(x) } end)
  for _, entry in ipairs(before) do
    rawset(entry.layer, "states", entry.states)
    rawset(entry.layer, "state_batch", entry.batch)
  end
  if not ok then error(results, 0) end
  return add_outputs(list, model, results)
end
