local check = require "moongate.check"

local function message(f, ...)
  local ok, text = pcall(f, ...)
  assert.is_false(ok)
  return text
end

describe("check", function()
  it("raises at the line of the caller outside moongate", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local text = message(function() check.integer("op", "n", "x", 1) end)
    assert.truthy(text:find("check_spec.lua:" .. line .. ": op: argument n is \"x\", expected a whole number >= 1", 1, true), text)
  end)

  it("names unknown options, the known ones and the nearest", function()
    local text = message(check.options, "GRU", { retrun_sequences = true }, { "units", "return_sequences" })
    assert.truthy(text:find('GRU: unknown option "retrun_sequences"; did you mean "return_sequences"?; known options: units, '
      .. 'return_sequences', 1, true), text)
    assert.truthy(message(check.options, "GRU", 4, { "units" }):find("options are 4, expected a table", 1, true))
    assert.same({}, check.options("GRU", nil, { "units" }))
    local given = { units = 3 }
    assert.equal(given, check.options("GRU", given, { "units" }))
  end)

  it("finds the nearest word", function()
    assert.equal("tanh", check.nearest("tahn", { "relu", "tanh", "sigmoid" }))
    assert.equal("GRU", check.nearest("gru", { "Dense", "GRU" }))
    assert.is_nil(check.nearest("zzzzzz", { "relu", "tanh" }))
    assert.is_nil(check.nearest("a", {}))
    assert.equal("accuracy", check.nearest("acuracy", { "Accuracy", "accuracy" }))
    assert.equal("Accuracy", check.nearest("Acuracy", { "accuracy", "Accuracy" }))
  end)

  it("checks numbers", function()
    assert.equal(0.5, check.number("op", "rate", 0.5, 0, 1))
    for _, bad in ipairs { -1, 2, 0 / 0, "x", {}, true } do
      assert.truthy(message(check.number, "op", "rate", bad, 0, 1):find("expected a number in [0, 1]", 1, true))
    end
  end)

  it("checks whole numbers", function()
    assert.equal(3, check.integer("op", "n", 3, 1, 5))
    for _, bad in ipairs { 0, 6, 1.5, math.huge, -math.huge, 0 / 0, "3" } do
      assert.truthy(message(check.integer, "op", "n", bad, 1, 5):find("expected a whole number in 1..5", 1, true))
    end
  end)

  it("checks words and types", function()
    assert.equal("a", check.one_of("op", "mode", "a", { "a", "b" }))
    assert.truthy(message(check.one_of, "op", "mode", "summ", { "sum", "mul" }):find(
      'op: argument mode is "summ", expected one of sum, mul; did you mean "sum"?', 1, true))
    assert.truthy(message(check.type, "op", "f", nil, "function"):find("op: argument f is nil, expected a function", 1, true))
  end)

  it("describes values", function()
    local mg = require "moongate"
    assert.equal("tensor {2, 1} float32", check.describe(mg.zeros(2, 1)))
    assert.equal('"abc"', check.describe("abc"))
    assert.equal("null", check.describe(mg.null))
    assert.equal("a function", check.describe(print))
  end)
end)
