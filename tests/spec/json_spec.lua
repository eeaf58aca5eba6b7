local json = require "moongate.json"
local number = require "moongate.json_number"
local null = require "moongate.null"

describe("json", function()
  it("gives the text back as it was", function()
    -- one string holds what json.dumps escapes: e acute, an emoji as two surrogates, newline, quote, DEL
    for _, text in ipairs { '{"b": 1, "a": [1.0, 2, 1e-05, 1e+16, -0.0, 0.1], "c": {}, "d": [], "e": null}', "[]", "{}", "null",
      "3",      '{"big": 12345678901234567890, "max": 1.7976931348623157e+308, "min": 5e-324}', "[NaN, Infinity, -Infinity]",
      '["\\u00e9\\ud83d\\ude00\\n\\"\\\\\\u007f\\u0000/"]', '{"": {"deep": [[[]]]}}', "true" } do
      assert.equal(text, json.encode(json.decode(text)))
    end
  end)

  it("writes floats as Python's repr", function()
    local cases = { { 1, "1.0" }, { 0.1, "0.1" }, { 1e-4, "0.0001" }, { 1e-5, "1e-05" }, { 1e15, "1000000000000000.0" },
      { 1e16, "1e+16" }, { 1 / 3, "0.3333333333333333" }, { 123456789.125, "123456789.125" }, { -2.5e-7, "-2.5e-07" },
      { 1e22, "1e+22" }, { 2 ^ 53, "9007199254740992.0" }, { 0.1 + 0.2, "0.30000000000000004" } }
    for _, case in ipairs(cases) do assert.equal(case[2], number.float(case[1])) end
  end)

  it("reads what RFC 8259 allows", function()
    local value = json.decode ' \t\r\n{"a" : [ 1 , -2.5e3 , true , false , null ] , "s": "\\/\\b\\f\\n\\r\\t" } '
    assert.same({ 1, -2500, true, false }, { unpack(value.a, 1, 4) })
    assert.equal(null, value.a[5])
    assert.equal("/\b\f\n\r\t", value.s)
    assert.equal("\195\169\240\159\152\128", json.decode '"\\u00e9\\ud83d\\ude00"')
    assert.equal(2, json.decode('{"k": 1, "k": 2}').k)
  end)

  it("refuses everything else, with line and column", function()
    for _, text in ipairs { "", "01", "[1,]", '{"a":1,}', "{a: 1}", "'x'", '"\n"', '"\\x"', '"\\u12g4"', "[1] 2", "+1", "1.", ".5",
      "1e",
      "nul", "[1 2]", '{"a" 1}', '"open', "[", "{", "-", "\239\187\191[]", "Nan" } do
      assert.is_false(pcall(json.decode, text), text)
    end
    local _, message = pcall(json.decode, '{"a": 1,\n  "b" 2}')
    assert.truthy(message:find("line 2, column 7: expected ':', found \"2}\"", 1, true), message)
  end)

  it("has limits", function()
    assert.is_true(pcall(json.decode, ("["):rep(512) .. ("]"):rep(512)))
    assert.is_false(pcall(json.decode, ("["):rep(513) .. ("]"):rep(513)))
    assert.is_false(pcall(json.decode, "[[1]]", { depth = 2 }))
    assert.is_false(pcall(json.decode, "[1, 2]", { size = 5 }))
    local loop = {}
    loop[1] = loop
    assert.is_false(pcall(json.encode, loop))
  end)

  it("keeps the order of keys through changes", function()
    local object = json.object { { "z", 1 }, { "a", 2 } }
    object.m, object.z = 3, 4
    assert.equal('{"z": 4, "a": 2, "m": 3}', json.encode(object))
    object.a = nil
    assert.equal('{"z": 4, "m": 3}', tostring(object))
    object.a = 5
    assert.equal('{"z": 4, "a": 5, "m": 3}', json.encode(object))
    local keys = {}
    for key in json.pairs(object) do keys[#keys + 1] = key end
    assert.same({ "z", "a", "m" }, keys)
    assert.equal('{"z": 4, "a": 5, "m": 3}', json.encode(json.object(object)))
  end)

  it("writes plain tables: lists, and keys in alphabetical order", function()
    assert.equal('{"a": [1, 2], "b": [], "c": {"x": 0.5}}', json.encode { c = { x = 0.5 }, a = { 1, 2 }, b = {} })
    assert.equal("{}", json.encode(json.object()))
    assert.equal("[]", json.encode(json.array()))
  end)

  it("marks floats", function()
    local object = json.object { { "rate", 1 } }
    assert.equal('{"rate": 1}', json.encode(object))
    assert.equal('{"rate": 1.0}', json.encode(json.float(object, "rate")))
    object.rate = 2
    assert.equal('{"rate": 2.0}', json.encode(object))
  end)

  it("refuses what JSON cannot hold", function()
    for _, value in ipairs { print, "\255", "\237\160", { [1] = print }, io.stdout } do
      assert.is_false(pcall(json.encode, value))
    end
    assert.is_false(pcall(json.decode, nil))
  end)
end)
