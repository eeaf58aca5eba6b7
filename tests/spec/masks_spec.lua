-- model:masks: where masks are made, used, passed on, joined and ended, in nested models and functional ones.
local assert = require "luassert"
local mg = require "moongate"
local terminal = require "moongate.terminal"

local L = mg.layers

local function build()
  local tokens = mg.Input { shape = { mg.null }, dtype = "int32", name = "tokens" }
  local inner = mg.Sequential({ L.GRU(3, { return_sequences = true, name = "reader" }), L.Dense(2, { name = "dense" }) },
    { name = "inner" })
  local words = L.Embedding(7, 3, { mask_zero = true, name = "words" })(tokens)
  local both = L.Concatenate { name = "both" } { inner(words), words }
  local flat = L.Flatten { name = "flat" } (L.Dense(1, { name = "head" })(both))
  local model = mg.Model { inputs = tokens, outputs = {
    L.GlobalAveragePooling1D { name = "mean" } (both), L.TimeDistributed(L.Dense(1), { name = "each" })(both),
    L.GRU(2, { name = "last" })(both), flat,
  } }
  return model
end

describe("model:masks", function()
  local columns = terminal.columns
  before_each(function() terminal.columns = function() return nil end end) -- whatever terminal the specs run in
  after_each(function() terminal.columns = columns end)

  it("tells what becomes of each mask", function()
    local found, list = {}, build():masks { { 1, 2, 0 }, { 3, 4, 5 } }
    for i, entry in ipairs(list) do
      found[i] = ("%s%s: %s"):format(("  "):rep(entry.level or 0), entry.layer and entry.layer.name or entry.output, entry.action)
    end
    assert.are.equal([[
words: made
inner: passed through
  reader: used, passed on
  dense: passed on
both: joined
head: passed on
mean: used, ends
each: used, passed on
last: used, ends
flat: ends
each: weights the loss]], table.concat(found, "\n"))
  end)

  it("has the masks themselves", function()
    local list = build():masks { { 1, 2, 0 }, { 3, 4, 5 } }
    assert.is_nil(list[1].mask_in)
    assert.are.same({ { 1, 1, 0 }, { 1, 1, 1 } }, list[1].mask:to_table())
    assert.are.equal(2, #list[5].mask_in)
    assert.is_nil(list[#list - 1].mask)
    assert.matches("\nmean %(GlobalAveragePooling1D%)   %(2, 3%): 5 of 6 used +used, ends +%-\n", tostring(list))
  end)

  it("prints lines that fit, without cutting words", function()
    local list = build():masks { { 1, 2, 0 }, { 3, 4, 5 } }
    local function words_at(width)
      terminal.columns = function() return width end
      local text, longest, words = tostring(list), 0, {}
      for line in text:gmatch "[^\n]+" do longest = math.max(longest, #line) end
      for word in text:gmatch "%S+" do words[#words + 1] = word end
      table.sort(words)
      return longest, table.concat(words, " ")
    end
    local widest, all = words_at(1000)
    assert.is_true(widest > 100)
    for _, width in ipairs { 100, 80, 72 } do
      local longest, words = words_at(width)
      assert.is_true(longest <= width)
      assert.are.equal(all, words)
    end
  end)

  it("sees a layer of one's own that does not look at its mask, and one without support", function()
    local Plain = L.Layer.extend "Plain"
    function Plain.call(_, x) return x * 2 end
    local Reader = L.Layer.extend "Reader"
    function Reader.call(_, x, options) return options.mask and x * 3 or x end
    Reader.supports_masking = true
    local model = mg.Sequential { L.Masking(), Reader { name = "r" }, Plain { name = "p" } }
    local list = model:masks(mg.ones { 1, 2, 3 })
    assert.are.equal("used, passed on", list[2].action)
    assert.are.equal("ends", list[3].action)
  end)

  it("takes inputs in lists and by name, and refuses none", function()
    local a, b = mg.Input { shape = { 2, 1 }, name = "a" }, mg.Input { shape = { 2, 1 }, name = "b" }
    local model = mg.Model { inputs = { a, b }, outputs = L.Add { name = "sum" } { L.Masking { name = "m" } (a), b } }
    local x = mg.ones { 1, 2, 1 }
    assert.matches("ends$", model:masks({ x, x })[2].action)
    assert.are.equal("sum", model:masks({ b = x, a = x })[2].layer.name)
    assert.is_false(pcall(model.masks, model, nil))
  end)

  -- keras.layers.Add and Concatenate join masks with or; those of tf.keras with and.
  it("joins masks as the library does that a model comes from", function()
    local one, two = mg.tensor { { 1, 1, 0 } }:to "uint8", mg.tensor { { 1, 0, 0 } }:to "uint8"
    local function joined(layer, dialect)
      local again = L.deserialize(L.serialize(layer, dialect), { dialect = dialect })
      local x = mg.ones { 1, 3, 2 }
      return again({ x, x }, { mask = { one, two } }).keras_mask:to_table()
    end
    for _, layer in ipairs { L.Add(), L.Concatenate() } do
      assert.are.same({ { 1, 1, 0 } }, joined(layer, "keras3"))
      assert.are.same({ { 1, 0, 0 } }, joined(layer, "tf2"))
    end
  end)

  -- keras/src/layers/layer.py: beside other tensors a call takes no mask from its input, and the outputs get it even so.
  it("passes a mask on past a call with states that does not see it", function()
    local ids, state = mg.Input { shape = { 3 }, dtype = "int32" }, mg.Input { shape = { 2 } }
    local gru = L.GRU(2, { return_sequences = true, name = "decoder" })
    local embedded = L.Embedding(5, 4, { mask_zero = true })(ids)
    local decoded = gru(embedded, { initial_state = state, mask = mg.null })
    local model = mg.Model { inputs = { ids, state }, outputs = decoded }
    model:compile { loss = "mse" }
    local x, start = mg.tensor({ { 1, 2, 0 }, { 3, 0, 0 } }, { dtype = "int32" }), mg.ones { 2, 2 }
    local again = mg.models.model_from_json(model:to_json())
    again:set_weights(model:get_weights())
    again:compile { loss = "mse" }
    for _, each in ipairs { model, again } do
      local y = each { x, start }
      assert.are.same({ { 1, 1, 0 }, { 1, 0, 0 } }, y.keras_mask:to_table())
      local kernel = gru:get_weights()
      local bare = L.GRU(2, { return_sequences = true })
      bare:build { 2, 3, 4 }
      bare:set_weights(kernel)
      assert.are.same(bare(embedded.history.layer(x), { initial_state = start, mask = mg.null }):to_table(), y:to_table())
      local squares = (y * y):mean(3):to_table() -- of the steps that count: two of the first row, one of the second
      local expected = (squares[1][1] + squares[1][2] + squares[2][1]) / 3
      assert.is_true(math.abs(expected - each:evaluate({ x, start }, mg.zeros { 2, 3, 2 }, { verbose = 0 })) < 1e-6)
      assert.are.equal("passed on", each:masks({ x, start })[2].action)
    end
  end)

  it("is not written into tf.keras's form where that would join the masks otherwise", function()
    local tokens, facts = mg.Input { shape = { 3 }, dtype = "int32" }, mg.Input { shape = { 3, 2 } }
    local words = L.Embedding(5, 2, { mask_zero = true })(tokens)
    for _, class in ipairs { L.Add, L.Concatenate } do
      local mixed = mg.Model { inputs = { tokens, facts }, outputs = class { name = "both" } { words, facts } }
      local ok, message = pcall(mixed.to_json, mixed, "tf2")
      assert.is_false(ok)
      assert.matches('"both": its inputs have different masks', message, 1, true)
      local once = class() { words, L.Dense(2)(words) }
      local alike = mg.Model { inputs = tokens, outputs = class() { L.Dense(2)(once), words } }
      assert.matches(class.name, alike:to_json "tf2", 1, true)
    end
  end)
end)
