-- The reference-case runner: the committed cases pass, a changed value fails, what is not offered is skipped.
local json = require "moongate.json"
local where = require "where"

local function run(directory)
  local paths = "LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;;' LUA_CPATH='%s/?.so;;' LD_PRELOAD='%s' "
  local command = (paths .. "luajit '%s/keras/run.lua' %s 2>&1"):format(
    where.root, where.root, where.build, where.preload or "", where.tests, directory and "'" .. directory .. "'" or "")
  local pipe = io.popen(command)
  local output = pipe:read("*a")
  pipe:close()
  return output, output:match("([^\n]*)\n$")
end

local function cases_of(file)
  local handle = assert(io.open(where.tests .. "/keras/goldens/" .. file .. ".json"))
  local cases = json.decode(handle:read("*a"))
  handle:close()
  return cases
end

local function run_cases(cases)
  local directory = os.tmpname()
  os.remove(directory)
  assert(os.execute("mkdir '" .. directory .. "'") == 0)
  local handle = assert(io.open(directory .. "/some.json", "w"))
  handle:write(json.encode(json.array(cases)))
  handle:close()
  local output, last = run(directory)
  os.execute("rm -r '" .. directory .. "'")
  return output, last
end

describe("the reference-case runner", function()
  if (where.preload or ""):find("tsan", 1, true) then return pending("the shell it starts does not run under ThreadSanitizer") end

  it("passes all committed cases", function()
    local output, last = run()
    assert.matches("^%d+ passed, 0 failed, 0 skipped$", last, nil, nil, output)
    assert.is_true(tonumber(last:match("^%d+")) > 400)
  end)

  it("fails for a changed output and a changed gradient, whatever the case is called", function()
    for _, file in ipairs { "gru_layer_keras3", "layers" } do
      local case = cases_of(file)[1]
      case.name = "unheard of"
      assert.are.equal("1 passed, 0 failed, 0 skipped", select(2, run_cases { case }))
      local output = case.outputs.output or case.outputs[1]
      output.data[1] = output.data[1] + 1e-6
      assert.are.equal("0 passed, 1 failed, 0 skipped", select(2, run_cases { case }))
      output.data[1] = output.data[1] - 1e-6
      case.grads.x.data[2] = case.grads.x.data[2] + 1e-5
      assert.are.equal("0 passed, 1 failed, 0 skipped", select(2, run_cases { case }))
    end
  end)

  it("holds deviating cases against our own rule", function()
    local found = 0
    for _, case in ipairs(cases_of "gru_layer_keras3") do
      if case.deviates then
        found = found + 1
        assert.are.equal("1 passed, 0 failed, 0 skipped", select(2, run_cases { case }))
        case.deviates = nil
        assert.are.equal("0 passed, 1 failed, 0 skipped", select(2, run_cases { case }))
      end
    end
    assert.is_true(found > 0)
  end)

  it("skips what is not offered and says why", function()
    local case = cases_of("layers")[1]
    case.class = "NoSuchLayer"
    local output, last = run_cases { case }
    assert.are.equal("0 passed, 0 failed, 1 skipped", last)
    assert.matches("some.json: 0 passed, 0 failed, 1 skipped (no NoSuchLayer: 1)", output, 1, true)
  end)

  it("says when a folder has no cases", function()
    assert.matches("no %*%.json files", (run("/nonexistent")))
  end)
end)
