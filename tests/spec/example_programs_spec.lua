local command = require "command"
local where = require "where"

local EXAMPLES = where.root .. "/examples/"

-- A text of few words, long enough for windows and a held-out part.
local function text()
  local parts = {}
  for i = 1, 600 do parts[i] = ("the moon and the gate number %d\n"):format(i % 10) end
  return table.concat(parts)
end

local function train(file, save, options, threads)
  local arguments = ("%s --file %s --save %s --steps 8 --batch 8 --length 20 --units 16 %s"):format(
    command.quote(EXAMPLES .. "text_generation.lua"), file, save, options)
  local output, status = command.shell(("MOONGATE_THREADS=%d MOONGATE_LIB=%s LD_PRELOAD=%s luajit %s %s </dev/null"):format(threads,
    command.quote(where.build .. "/moongate/core.so"), command.quote(where.preload or ""), command.quote(command.path), arguments))
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
