-- Every line of the two documents (documents_rows.lua) and the check that holds it. What is about the GPU itself is pending.
local mg = require "moongate"
local rows = require "documents_rows"

local checks = {}
for _, module in ipairs { "documents_layer", "documents_arguments", "documents_calls", "documents_cell" } do
  for name, check in pairs(require(module)) do
    assert(not checks[name], "two checks are called " .. name)
    checks[name] = check
  end
end

local DOCUMENTS = { "keras.layers.GRU", "tf.compat.v1.keras.layers.GRUCell" }

-- The check of a row; a row without one is an error.
local function check_of(row)
  return checks[row.check] or error(("%s, %s: no check called %s"):format(row.heading, row.item, tostring(row.check)), 0)
end

local function title_of(row) return ("%s: %s"):format(row.heading, row.item) end

for document, name in ipairs(DOCUMENTS) do
  describe(name .. ":", function()
    before_each(function()
      mg.set_floatx "float64"
      mg.set_random_seed(21)
    end)
    after_each(function() mg.set_floatx "float32" end)

    for _, row in ipairs(rows) do
      if row.document == document and row.pending then
        pending(title_of(row) .. ": " .. row.pending)
      elseif row.document == document then
        it(title_of(row), function() check_of(row)(row.argument) end)
      end
    end
  end)
end

describe("the table of the documents' lines", function()
  it("has over a hundred rows, each once, of both documents", function()
    local seen, count = {}, { 0, 0 }
    for _, row in ipairs(rows) do
      local key = ("%d %s"):format(row.document, title_of(row))
      assert.is_nil(seen[key], key)
      seen[key], count[row.document] = true, count[row.document] + 1
      assert.is_true(type(row.item) == "string" and #row.item > 0)
    end
    assert.is_true(count[1] + count[2] > 100)
    assert.is_true(count[1] > 80 and count[2] > 40)
  end)

  it("has a check for each row, and a row for each check", function()
    local used = {}
    for _, row in ipairs(rows) do
      assert.is_true((row.check ~= nil) ~= (row.pending ~= nil), title_of(row))
      if row.check then
        check_of(row)
        used[row.check] = true
      end
    end
    for name in pairs(checks) do assert.is_true(used[name] == true, name .. " belongs to no row") end
    assert.is_false(pcall(check_of, { heading = "Title", item = "nothing", check = "no_such_check" }))
    assert.is_false(pcall(check_of, { heading = "Title", item = "nothing" }))
  end)

  it("has pending rows about the GPU alone", function()
    for _, row in ipairs(rows) do
      if row.pending then assert.matches("GPU", row.item .. row.pending, 1, true) end
    end
  end)
end)
