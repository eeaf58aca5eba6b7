-- Tables, README figures and the picture's data from results of side_by_side.py:
--   moongate report.lua log FILE           tables as LOG.md has them
--   moongate report.lua readme FILE README puts the table between README's marks
--   moongate report.lua bars FILE          rows for picture.gp: shape, inference ratio, training ratio
-- A ratio is the peer's time by ours in the same round, both undisturbed: the median over the rounds, with its range.
local json = require "moongate.json"

local report = {}

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

local function median(list)
  table.sort(list)
  local n = #list
  if n == 0 then return nil end
  return n % 2 == 1 and list[(n + 1) / 2] or (list[n / 2] + list[n / 2 + 1]) / 2
end

-- "moongate-high@avx2" is precision "high", isa "avx2".
local function is_ours(name) return name:match("^moongate%f[%W]") ~= nil end
local function isa_of(name) return name:match("@(%w+)$") end
local function is_half(name) return name:match("bf16") ~= nil or name:match("cast") ~= nil end

-- A peer is compared where it computes with as many bits, held to the same instruction set where it can be.
local function is_pair(ours, peer)
  local isa = isa_of(ours)
  local held = isa == "generic" or isa == "avx2"
  if isa_of(peer) and isa_of(peer) ~= isa then return false end
  if held and peer:match("^onednn") and not isa_of(peer) then return false end
  if ours:match("^moongate%-medium") then return is_half(peer) end
  return ours:match("^moongate%-high") ~= nil or not is_half(peer)
end

local function key_of(...) return table.concat({ ... }, " ") end

local function add_once(list, value)
  for _, known in ipairs(list) do
    if known == value then return end
  end
  list[#list + 1] = value
end

--- Samples in order: cells[key_of(mode, threads, shape, name)] = list of samples.
function report.load(path)
  local result = json.decode(read(path))
  local r = { cells = {}, modes = {}, threads = {}, shapes = {}, names = {}, bases = {}, date = result.date, rounds = 0,
    processor = result.processor, calm = math.max(unpack(result.calm_fma)) }
  for _, s in ipairs(result.samples) do
    local shape = table.concat(s.shape, ",")
    local key = key_of(s.mode, s.threads, shape, s.name)
    r.cells[key] = r.cells[key] or {}
    table.insert(r.cells[key], s)
    r.shapes[s.mode] = r.shapes[s.mode] or {}
    r.rounds = math.max(r.rounds, s.round + 1)
    add_once(r.modes, s.mode)
    add_once(r.threads, s.threads)
    add_once(r.shapes[s.mode], shape)
    add_once(r.names, s.name)
  end
  for _, pair in ipairs(result.bases) do r.bases[table.concat(pair[1], ",")] = table.concat(pair[2], ",") end
  return r
end

local function cell(r, ...) return r.cells[key_of(...)] end

-- Median time over the undisturbed rounds, or over all of them where there is none; nil without any.
local function time(list)
  local good, all = {}, {}
  for _, s in ipairs(list or {}) do
    if s.valid then good[#good + 1] = s.ms end
    all[#all + 1] = s.ms
  end
  return median(#good > 0 and good or all)
end

-- Of two cells: median ratio, least, greatest; nil without a round in which both were undisturbed.
local function ratio(peer, ours)
  local own, ratios = {}, {}
  for _, s in ipairs(ours or {}) do own[s.round] = s end
  for _, s in ipairs(peer or {}) do
    local mine = own[s.round]
    if mine and mine.valid and s.valid then ratios[#ratios + 1] = s.ms / mine.ms end
  end
  return median(ratios), ratios[1], ratios[#ratios]
end

-- Cell of a peer; with more than one thread that of one thread where it is faster.
local function best_cell(r, mode, threads, shape, name)
  local own = cell(r, mode, threads, shape, name)
  local one = threads ~= 1 and cell(r, mode, 1, shape, name)
  if own and one and time(one) < time(own) then return one, true end
  return own, false
end

--- The fastest peer: name, its cell
function report.fastest(r, mode, threads, shape, ours)
  local best, found
  for _, name in ipairs(r.names) do
    local list = not is_ours(name) and is_pair(ours, name) and best_cell(r, mode, threads, shape, name)
    local ms = list and time(list)
    if ms and (not best or ms < best) then best, found = ms, name end
  end
  if found then return found, (best_cell(r, mode, threads, shape, found)) end
end

local function digits(ms, mode)
  if mode == "stream" then return ("%.0f"):format(ms * 1e6) end
  return (ms < 100 and "%.3g" or "%.0f"):format(ms)
end

local function ratio_text(middle, low, high)
  if not middle then return "no calm round" end
  return ("%.2f (%.2f-%.2f)"):format(middle, low, high)
end

local function write(...) io.stdout:write(...) end

-- Of all outputs, and of all gradients, of a contestant.
local function worst_errors(r, mode, name)
  local worst = {}
  for _, shape in ipairs(r.shapes[mode]) do
    for _, threads in ipairs(r.threads) do
      for _, s in ipairs(cell(r, mode, threads, shape, name) or {}) do
        for i, error in ipairs(s.error or {}) do worst[i] = math.max(worst[i] or 0, error) end
      end
    end
  end
  for i, error in ipairs(worst) do worst[i] = ("%.1e"):format(error) end
  return #worst > 0 and table.concat(worst, " / ") or "-"
end

local function peers_of(r, mode, ours)
  local list = {}
  for _, name in ipairs(r.names) do
    local there = false
    for _, shape in ipairs(r.shapes[mode]) do
      for _, threads in ipairs(r.threads) do there = there or cell(r, mode, threads, shape, name) ~= nil end
    end
    if there and not is_ours(name) and is_pair(ours, name) then list[#list + 1] = name end
  end
  return list
end

local function log_row(r, mode, threads, shape, ours, peers)
  local mine = cell(r, mode, threads, shape, ours)
  if not mine then return end
  local fastest, list = report.fastest(r, mode, threads, shape, ours)
  write("| ", shape, " | ", digits(time(mine), mode), " | ", fastest or "-", " | ",
    fastest and ratio_text(ratio(list, mine)) or "-", " |")
  for _, name in ipairs(peers) do
    local theirs, single = best_cell(r, mode, threads, shape, name)
    write(" ", theirs and digits(time(theirs), mode) .. (single and " (1 thread)" or "") or "-", " |")
  end
  write("\n")
end

local function log_table(r, mode, threads, ours)
  local peers, errors = peers_of(r, mode, ours), {}
  write(("\n%s, %s, %d thread%s; %s; ratio: the fastest peer's time / ours\n\n"):format(ours, mode, threads,
    threads == 1 and "" or "s", mode == "stream" and "ns a step" or "ms"))
  write("| T,B,I,H | ", ours, " | fastest peer | ratio | ", table.concat(peers, " | "), #peers > 0 and " |\n" or "\n")
  write(("|---"):rep(4 + #peers), "|\n")
  for _, shape in ipairs(r.shapes[mode]) do log_row(r, mode, threads, shape, ours, peers) end
  for _, name in ipairs { ours, unpack(peers) } do errors[#errors + 1] = name .. " " .. worst_errors(r, mode, name) end
  write("\nWorst error (outputs / gradients): ", table.concat(errors, "; "), ".\n")
end

-- Ratios with each size changed by a quarter: the least of each row beside the row's own.
local function near_table(r, mode, threads, ours)
  local rows, own, least, at = {}, {}, {}, {}
  for _, shape in ipairs(r.shapes[mode]) do
    local base = r.bases[shape] or shape
    local _, list = report.fastest(r, mode, threads, shape, ours)
    local value = ratio(list, cell(r, mode, threads, shape, ours))
    add_once(rows, base)
    if shape == base then own[base] = value
    elseif value and (not least[base] or value < least[base]) then least[base], at[base] = value, shape end
  end
  if next(least) == nil then return end
  write(("\n%s, %s, %d thread(s): the least ratio with T, B, I or H changed by a quarter\n\n"):format(ours, mode, threads))
  write("| row | its ratio | least | at | change |\n|---|---|---|---|---|\n")
  for _, row in ipairs(rows) do
    if own[row] and least[row] then
      local change = 100 * (least[row] / own[row] - 1)
      write(("| %s | %.2f | %.2f | %s | %+.0f %% |\n"):format(row, own[row], least[row], at[row], change))
    end
  end
end

local function each_of_ours(r, visit)
  for _, mode in ipairs(r.modes) do
    for _, threads in ipairs(r.threads) do
      for _, name in ipairs(r.names) do
        if is_ours(name) then visit(mode, threads, name) end
      end
    end
  end
end

function report.log(path)
  local r = report.load(path)
  write(("%s, %s; calm FMA probe %.0f GF/s with one thread.\n"):format(r.date, r.processor, r.calm))
  each_of_ours(r, function(...) log_table(r, ...) end)
  each_of_ours(r, function(...) near_table(r, ...) end)
end

local NAMES = { onednn32 = "oneDNN 3.2", onednn = "oneDNN 3.9", ort = "ONNX Runtime", openvino = "OpenVINO", jax = "JAX",
  torch = "PyTorch", ["keras-xla"] = "Keras on XLA" }

local function figures(r, shape)
  local text = { "| " .. shape }
  for _, mode in ipairs { "infer", "train" } do
    local mine = cell(r, mode, 1, shape, "moongate")
    local name, list = report.fastest(r, mode, 1, shape, "moongate")
    text[#text + 1] = digits(time(mine), mode)
    text[#text + 1] = ("%s %s"):format(digits(time(list), mode), NAMES[name] or name)
    local value = ratio(list, mine)
    text[#text + 1] = value and ("%.2f"):format(value) or "no calm round"
  end
  return table.concat(text, " | ") .. " |"
end

local BEGINS, ENDS = "<!-- figures -->\n", "<!-- end of figures -->"

function report.readme(path, readme)
  local head = "| T,B,I,H | inference, ms | fastest peer | its time / ours | training step, ms | fastest peer | its time / ours |"
  local r, lines = report.load(path), { head, "|---|---|---|---|---|---|---|" }
  for _, shape in ipairs(r.shapes.infer) do lines[#lines + 1] = figures(r, shape) end
  lines[#lines + 1] = ("\n%s, one thread, %s, medians of %d rounds.\n"):format(r.processor, r.date:match("^%S+"), r.rounds)
  local text = read(readme)
  local _, from = text:find(BEGINS, 1, true)
  local to = text:find(ENDS, 1, true)
  assert(from and to, readme .. ": no marks around the figures")
  local file = assert(io.open(readme, "w"))
  file:write(text:sub(1, from), table.concat(lines, "\n"), text:sub(to))
  file:close()
end

function report.bars(path)
  local r = report.load(path)
  for _, shape in ipairs(r.shapes.infer) do
    write('"', (shape:gsub("^(%d+),(%d+),", "%1,%2\\n")), '"')
    for _, mode in ipairs { "infer", "train" } do
      local _, list = report.fastest(r, mode, 1, shape, "moongate")
      local value = ratio(list, cell(r, mode, 1, shape, "moongate"))
      write(value and (" %.3f"):format(value) or " NaN")
    end
    write("\n")
  end
end

report[arg[1]](unpack(arg, 2))
