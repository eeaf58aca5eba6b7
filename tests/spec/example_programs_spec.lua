local command = require "command"
local where = require "where"

local EXAMPLES = where.root .. "/examples/"

-- A text of few words, long enough for windows and a held-out part.
local function text()
  local parts = {}
  for i = 1, 600 do parts[i] = ("the moon and the gate number %d\n"):format(i % 10) end
  return table.concat(parts)
end

-- Runs the example after `begin`, what stands for the script on the command line.
local function train(file, save, options, threads, begin)
  local arguments = ("%s --file %s --save %s --steps 8 --batch 8 --length 20 --units 16 %s"):format(
    begin or command.quote(EXAMPLES .. "text_generation.lua"), file, save, options)
  local output, status = command.shell(("MOONGATE_THREADS=%d %s %s </dev/null"):format(threads, command.moongate, arguments))
  assert(status == 0, output)
  return (output:gsub("%- %d+s %- %d+[mu]?s/step", "")), output
end

local function contents(path)
  local file = assert(io.open(path, "rb"))
  local all = file:read("*a")
  file:close()
  return all
end

describe("examples", function()
  local files = {}
  local function name()
    local base = os.tmpname()
    for _, ending in ipairs { "", ".weights.h5", ".last.weights.h5", ".last.state.h5" } do files[#files + 1] = base .. ending end
    return base
  end

  teardown(function()
    for _, path in ipairs(files) do os.remove(path) end
  end)

  it("text_generation learns, and gives the same figures with one thread and two", function()
    local file, first, second = command.file(text()), name(), name()
    files[#files + 1] = file
    local figures, output = train(file, first, "--epochs 3", 1)
    assert.matches("\n%d%.%d%d bits per character\n", output)
    local bits = {}
    for value in output:gmatch("Epoch %d: (%d+%.%d+) bits per character") do bits[#bits + 1] = tonumber(value) end
    assert.equal(3, #bits)
    assert.is_true(bits[2] < bits[1] and bits[3] < bits[2])
    assert.equal(figures, (train(file, second, "--epochs 3", 2)))
    assert.is_true(contents(first .. ".weights.h5") == contents(second .. ".weights.h5"))
  end)

  it("text_generation goes on after Ctrl-C with --resume, to the same bits", function()
    if (where.preload or ""):find("tsan", 1, true) then return pending("the shell it starts does not run under ThreadSanitizer") end
    local file, whole, parts = command.file(text()), name(), name()
    files[#files + 1] = file
    local output = train(file, whole, "--epochs 3", 1)
    local interrupted = ([[
      local show = print
      function print(text)
        show(text)
        if text:find("\nEpoch 1:", 1, true) then io.popen("kill -INT $PPID"):close() end
      end
      dofile(%q)]]):format(EXAMPLES .. "text_generation.lua")
    local before = train(file, parts, "--epochs 3", 1, "-e " .. command.quote(interrupted))
    assert.matches("Interrupted in epoch 2/3 after 1 batches", before)
    local after = train(file, parts, "--epochs 3 --resume", 1)
    assert.is_nil(after:find("Epoch 1:", 1, true))
    assert.equal(output:match("\nEpoch 2:.*"), after:match("\nEpoch 2:.*"))
    for _, ending in ipairs { ".weights.h5", ".last.weights.h5" } do
      assert.is_true(contents(whole .. ending) == contents(parts .. ending), ending)
    end
  end)

  it("sine_forecast and custom_training_loop run as they are", function()
    local output, status = command.run(command.quote(EXAMPLES .. "sine_forecast.lua"))
    assert.equal(0, status)
    assert.is_true(tonumber(output:match("mean error over 60 steps: ([%d.]+)")) < 0.3)
    output, status = command.run(command.quote(EXAMPLES .. "custom_training_loop.lua"))
    assert.equal(0, status)
    assert.is_true(tonumber(output:match("accuracy ([%d.]+)")) > 0.8)
  end)

  it("text_generation explains its options and refuses others", function()
    local output, status = command.run(command.quote(EXAMPLES .. "text_generation.lua") .. " --help")
    assert.equal(0, status)
    assert.matches("%-%-temperature", output)
    output, status = command.run(command.quote(EXAMPLES .. "text_generation.lua") .. " --epoch 3")
    assert.equal(2, status)
    assert.matches("unknown option %-%-epoch", output)
  end)
end)
