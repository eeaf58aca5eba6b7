local mg = require "moongate"
local data = mg.data

describe("text", function()
  it("reads UTF-8 as code points", function()
    assert.same({ 0x41, 0xE9, 0x20AC, 0x1F600 }, data.code_points "A\195\169\226\130\172\240\159\152\128")
  end)

  it("replaces what is not UTF-8, byte by byte", function()
    assert.same({ 0xFFFD, 0x41 }, data.code_points "\255A")
    assert.same({ 0xFFFD, 0xFFFD }, data.code_points "\192\128") -- overlong NUL
    assert.same({ 0xFFFD, 0xFFFD, 0xFFFD }, data.code_points "\237\160\128") -- a surrogate
    assert.same({ 0xFFFD }, data.code_points "\195")
  end)

  it("writes what it reads", function()
    local text = "gr\195\188n \226\130\172 \240\159\152\128"
    local out = {}
    for i, code in ipairs(data.code_points(text)) do out[i] = data.character(code) end
    assert.equal(text, table.concat(out))
  end)

  it("gives ids in the order of code points, 0 to rare characters", function()
    local vocabulary = data.Vocabulary("bbaaac", { min_count = 2 })
    assert.equal(3, vocabulary.size)
    assert.same({ 1, 2, 0, 0 }, vocabulary:encode("abcz"):to_table())
    assert.equal("ab\239\191\189", vocabulary:decode { 1, 2, 0 })
    assert.equal("ab?", data.Vocabulary("ab", { unknown = "?" }):decode { 1, 2, 0 })
  end)

  it("refuses ids outside the vocabulary", function()
    local ok, message = pcall(function() data.Vocabulary("ab"):decode { 9 } end)
    assert.is_false(ok)
    assert.matches("ids%[1%] is 9", message)
  end)
end)
