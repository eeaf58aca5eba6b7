-- busted's output here: one line a spec file, each failure in full where it happens, and the closing line `N passed, N failed`.
local pretty = require "pl.pretty"

local function text_of(message)
  if message == nil then return "(no message)" end
  if type(message) == "string" then return message end
  local meta = getmetatable(message)
  return meta and meta.__tostring and tostring(message) or pretty.write(message)
end

local function indent(text)
  return "    " .. text:gsub("\n+$", ""):gsub("\n", "\n    ")
end

-- Frames of the spec itself: what a reader looks for in a trace.
local function own_frames(trace)
  local lines = {}
  for line in (trace and trace.traceback or ""):gmatch("[^\n]+") do
    if line:match("_spec%.lua:%d+") or line:match("/lua/moongate/") then lines[#lines + 1] = line:match("^%s*(.*)") end
  end
  return table.concat(lines, "\n", 1, math.min(#lines, 8))
end

return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()
  local mark

  local function counts()
    return { handler.successesCount, handler.failuresCount + handler.errorsCount, handler.pendingsCount }
  end

  local function totals(now, before)
    local text = ("%d passed, %d failed"):format(now[1] - before[1], now[2] - before[2])
    local skipped = now[3] - before[3]
    return skipped > 0 and ("%s, %d skipped"):format(text, skipped) or text
  end

  local function file_start()
    mark = { counts = counts(), time = busted.monotime() }
    return nil, true
  end

  local function file_end(file)
    local seconds = busted.monotime() - mark.time
    io.write(("%-34s %s (%.2f s)\n"):format(file.name:match("[^/]*$"), totals(counts(), mark.counts), seconds))
    io.flush()
    return nil, true
  end

  local function report(element, parent, message, trace)
    local name = element.name or element.descriptor or "busted"
    if parent and element.descriptor == "it" then name = handler.getFullName(element) end
    io.write("FAILED ", name, "\n", indent(text_of(message)), "\n")
    local frames = own_frames(trace or element.trace)
    if frames ~= "" then io.write(indent(frames), "\n") end
    io.flush()
    return nil, true
  end

  local function skipped(element, _, message)
    if message and options.verbose then io.write("skipped ", handler.getFullName(element), ": ", text_of(message), "\n") end
    return nil, true
  end

  local function finish()
    local now = counts()
    io.write(totals(now, { 0, 0, 0 }), "\n")
    io.flush()
    os.exit(now[1] > 0 and now[2] == 0 and 0 or 1)
  end

  busted.subscribe({ "file", "start" }, file_start)
  busted.subscribe({ "file", "end" }, file_end)
  busted.subscribe({ "failure" }, report)
  busted.subscribe({ "error" }, report)
  busted.subscribe({ "pending" }, skipped)
  busted.subscribe({ "exit" }, finish)
  return handler
end
