-- Declared fields: constructor, properties, config and back.
local message_of = require "message_of"
local mg = require "moongate"
local class = require "moongate.class"
local fields = require "moongate.fields"

describe("fields", function()
  local Shelf = class "Shelf"
  fields.declare(Shelf, {
    { "length", required = true, codec = fields.positive_integer },
    { "note", codec = fields.text, when_set = true },
    { "weight", default = 1, codec = fields.float },
    { "secret", default = 7, hidden = true },
  }, { "length" })
  function Shelf:init(...) fields.assign(self, Shelf, fields.arguments(Shelf, ...)) end

  it("takes positional values, options, or both", function()
    assert.are.equal(4, Shelf(4).length)
    assert.are.equal(4, Shelf({ length = 4 }).length)
    assert.are.equal(2, Shelf(4, { weight = 2 }).weight)
    assert.are.equal(1, Shelf(4).weight)
  end)

  it("says what is wrong with an argument", function()
    assert.matches('unknown option "lenth"; did you mean "length"', message_of(Shelf, { lenth = 4 }), 1, true)
    assert.matches("Shelf: argument length is missing", message_of(Shelf, {}), 1, true)
    assert.matches("Shelf: argument length is 0, expected a whole number >= 1", message_of(Shelf, 0), 1, true)
    assert.matches("Shelf: argument length is 2.5, expected a whole number", message_of(Shelf, 2.5), 1, true)
    assert.matches("Shelf: argument weight is \"x\", expected a number", message_of(Shelf, 1, { weight = "x" }), 1, true)
    assert.matches("expected a table of options", message_of(Shelf, 1, 2), 1, true)
  end)

  it("points at the line that called", function()
    assert.matches("^[^:]*fields_spec%.lua:%d+: ", message_of(function() return Shelf(0) end))
  end)

  it("writes the config in order, floats as floats", function()
    assert.are.equal('{"length": 4, "weight": 1.0}', tostring(fields.config(Shelf(4), Shelf)))
    assert.are.equal('{"length": 4, "note": "a", "weight": 0.5}',
      tostring(fields.config(Shelf(4, { note = "a", weight = 0.5 }), Shelf)))
  end)

  it("keeps the place of a parent's field that is set, as Python's {**base, **own} does", function()
    local Box = class("Box", Shelf)
    fields.declare(Box, { { "colour", default = "red" }, { "note", codec = fields.text } })
    function Box:init(...) fields.assign(self, Box, fields.arguments(Box, ...)) end
    assert.are.equal('{"length": 1, "weight": 1.0, "colour": "red", "note": null}',
      tostring(fields.config(Box { length = 1 }, Box)))
    assert.are.equal('{"length": 1, "note": "n", "weight": 1.0, "colour": "red"}',
      tostring(fields.config(Box { length = 1, note = "n" }, Box)))
  end)

  it("reads a config as JSON text, ordered object or table", function()
    for _, config in ipairs { '{"length": 3, "weight": 2.0}', mg.json.object { { "length", 3 }, { "weight", 2 } },
      { length = 3, weight = 2 } } do
      local options = fields.options_of(Shelf, config)
      assert.are.same({ length = 3, weight = 2 }, options)
    end
    assert.matches('unknown option config.colour', message_of(fields.options_of, Shelf, { colour = 1 }), 1, true)
  end)

  it("treats null as None", function()
    assert.is_nil(Shelf(1, { note = mg.null }).note)
    assert.matches("argument length is missing", message_of(Shelf, { length = mg.null }), 1, true)
  end)

  it("rounds to float32 as hardware does", function()
    for _, case in ipairs { { 0.01, 0.009999999776482582 }, { 0.3, 0.30000001192092896 }, { 0.5, 0.5 },
      { -0.1, -0.10000000149011612 }, { 0, 0 }, { 1e-3, 0.0010000000474974513 }, { 16777217, 16777216 }, { 16777219, 16777220 } } do
      assert.are.equal(case[2], fields.float32(case[1]))
    end
  end)
end)
