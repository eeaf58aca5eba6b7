-- Runs reference cases: luajit run.lua [DIR]. DIR holds *.json files, each a list of cases (default: the committed ones beside this
-- file). Prints a line per file and `N passed, N failed, N skipped`; ends with status 1 when a case failed.
local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/?.lua;" .. package.path

local json = require "moongate.json"
local mg = require "moongate"

local function lines_of(command)
  local pipe = assert(io.popen(command))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function quoted(path) return "'" .. path:gsub("'", "'\\''") .. "'" end

-- Modules in order of name; each knows its own cases by their fields.
local function case_modules()
  local modules = {}
  for _, path in ipairs(lines_of("ls " .. quoted(here .. "/cases") .. "/*.lua")) do
    modules[#modules + 1] = assert(loadfile(path))()
  end
  return modules
end

local function module_of(modules, case)
  for _, module in ipairs(modules) do
    if module.matches(case) then return module end
  end
end

-- Cases name their own dtype, or ran in float64; configs show the usual float32.
local function clean_start(case)
  mg.set_floatx(case.dialect and "float32" or "float64")
  mg.set_random_seed(1)
  require("moongate.names").reset()
end

-- "passed", "failed" or "skipped", and why.
local function run_case(modules, case, directory)
  local module = module_of(modules, case)
  if not module then return "skipped", "no module for such cases" end
  clean_start(case)
  local t = require("context").new(case, directory)
  local ok, problem = xpcall(function() module.run(case, t) end, function(problem)
    if type(problem) == "table" then return problem end
    return os.getenv("MOONGATE_TRACE") and debug.traceback(problem) or tostring(problem)
  end)
  if ok then return "passed" end
  if type(problem) == "table" and problem.skipped then return "skipped", problem.skipped end
  return "failed", tostring(problem)
end

local function reasons_text(reasons)
  local list = {}
  for reason, count in pairs(reasons) do list[#list + 1] = { reason, count } end
  table.sort(list, function(a, b) return a[2] > b[2] or (a[2] == b[2] and a[1] < b[1]) end)
  for i, item in ipairs(list) do list[i] = ("%s: %d"):format(item[1], item[2]) end
  return #list > 0 and " (" .. table.concat(list, ", ") .. ")" or ""
end

local function run_file(modules, path, totals)
  local handle = assert(io.open(path, "rb"))
  local cases = json.decode(handle:read("*a"))
  handle:close()
  local counts, reasons = { passed = 0, failed = 0, skipped = 0 }, {}
  for _, case in ipairs(cases) do
    local result, why = run_case(modules, case, path:match("^(.*)/") or ".")
    counts[result] = counts[result] + 1
    if result == "failed" then print(("  FAILED %s: %s"):format(tostring(case.name), why)) end
    if result == "skipped" then reasons[why] = (reasons[why] or 0) + 1 end
  end
  for result, count in pairs(counts) do totals[result] = totals[result] + count end
  print(("%s: %d passed, %d failed, %d skipped%s"):format(path:match("[^/]*$"), counts.passed, counts.failed, counts.skipped,
    reasons_text(reasons)))
end

local function main(directory)
  local totals, modules = { passed = 0, failed = 0, skipped = 0 }, case_modules()
  local files = lines_of("ls " .. quoted(directory) .. "/*.json 2>/dev/null")
  if #files == 0 then
    io.stderr:write("no *.json files in " .. directory .. "\n")
    return 1
  end
  for _, path in ipairs(files) do run_file(modules, path, totals) end
  print(("%d passed, %d failed, %d skipped"):format(totals.passed, totals.failed, totals.skipped))
  return totals.failed > 0 and 1 or 0
end

os.exit(main(arg[1] or here .. "/goldens"))
