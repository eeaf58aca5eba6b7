local command = require "command"
local where = require "where"

local EXAMPLES = where.root .. "/examples/"
local NEEDS = { ["daily_temperatures.lua"] = "daily%-minimum%-temperatures.csv", ["japanese_vowels.lua"] = "train.npz",
  ["polyphonic_music.lua"] = "JSB_Chorales.npz" }

local function script(name) return command.quote(EXAMPLES .. name) end

describe("examples that learn", function()
  -- Always answering 1 gives 1/6 (the variance of the sum of two uniform numbers).
  it("adding_problem beats the constant answer on short sequences, with recurrent dropout too", function()
    for _, options in ipairs { "", " --recurrent-dropout 0.3" } do
      local output, status = command.run(script "adding_problem.lua" .. " --length 8 --epochs 2 --units 32" .. options)
      assert.equal(0, status, output)
      assert.is_true(tonumber(output:match "test MSE ([%d.]+)") < 1 / 60)
    end
  end)

  it("a script whose data is missing says where it comes from", function()
    for name, file in pairs(NEEDS) do
      local output, status = command.shell("unset MOONGATE_DATA; " .. command.moongate .. " " .. script(name) .. " </dev/null")
      assert.equal(1, status)
      assert.matches("give the path of " .. file, output)
      assert.matches("It comes from .*github.com/", output)
    end
  end)

  -- Published: persistence 2.48 degrees; a mask that leaks padding or a loss that counts it does not reach these.
  it("daily_temperatures and japanese_vowels reach their figures", function()
    if not os.getenv "MOONGATE_DATA" then return pending("the data is not here: MOONGATE_DATA is not set") end
    if where.preload then return pending("takes minutes under a sanitizer") end
    local output, status = command.run(script "daily_temperatures.lua")
    assert.equal(0, status, output)
    assert.is_true(tonumber(output:match "test RMSE ([%d.]+)") <= 2.30)
    output, status = command.run(script "japanese_vowels.lua")
    assert.equal(0, status, output)
    assert.is_true(tonumber(output:match "test accuracy ([%d.]+)") >= 0.95)
  end)
end)
