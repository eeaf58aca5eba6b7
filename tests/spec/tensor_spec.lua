local mg = require "moongate"
local near = require "near"

local function message(f, ...)
  local ok, text = pcall(f, ...)
  assert.is_false(ok)
  return tostring(text)
end

describe("tensors are made", function()
  it("from nested tables", function()
    local t = mg.tensor { { 1, 2, 3 }, { 4, 5, 6 } }
    assert.same({ 2, 3 }, { unpack(t.shape) })
    assert.equal("float32", t.dtype)
    assert.equal("cpu", t.device)
    assert.same({ { 1, 2, 3 }, { 4, 5, 6 } }, t:to_table())
    assert.equal(7.5, mg.tensor(7.5):item())
    assert.equal("{}", tostring(mg.tensor(7.5).shape))
    assert.equal("{0}", tostring(mg.tensor({}).shape))
    assert.equal("{2, 0}", tostring(mg.tensor({ {}, {} }).shape))
  end)

  it("with the dtype asked for; booleans are uint8", function()
    assert.equal("int32", mg.tensor({ 1, 2 }, { dtype = "int32" }).dtype)
    assert.equal("uint8", mg.tensor({ true, false }).dtype)
    assert.same({ 1, 0 }, mg.tensor({ true, false }):to_table())
    assert.equal("float64", mg.tensor({ true, 2 }, { dtype = "float64" }).dtype)
    assert.equal(0.1, mg.tensor({ 0.1 }, { dtype = "float64" }):to_table()[1])
    mg.set_floatx "float64"
    assert.equal("float64", mg.tensor({ 1 }).dtype)
    assert.equal("float64", mg.zeros(2).dtype)
    mg.set_floatx "float32"
  end)

  it("not from ragged or foreign values", function()
    local ragged = message(mg.tensor, { { 1, 2 }, { 3 } })
    assert.truthy(ragged:find("entry[2] is a table of length 1, expected a table of length 2", 1, true))
    assert.truthy(message(mg.tensor, { { 1 }, { "x" } }):find('entry[2][1] is "x", expected a number', 1, true))
    assert.truthy(message(mg.tensor, { 1, { 2 } }):find("expected a number", 1, true))
    assert.truthy(message(mg.tensor, { 256 }, { dtype = "uint8" }):find("value 256 does not fit into uint8", 1, true))
    assert.truthy(message(mg.tensor, { 0.5 }, { dtype = "int32" }):find("does not fit into int32", 1, true))
    assert.truthy(message(mg.tensor, { 1 }, { dtype = "float" }):find('did you mean "float32"', 1, true))
    for _, bad in ipairs { "x", print, { a = 1 } } do message(mg.tensor, bad) end
    message(mg.tensor, nil)
    local loop = {}
    loop[1] = loop
    message(mg.tensor, loop)
  end)

  it("filled", function()
    near(mg.zeros(2, 3), { { 0, 0, 0 }, { 0, 0, 0 } })
    near(mg.zeros(2, 3, nil), { { 0, 0, 0 }, { 0, 0, 0 } })
    assert.error_matches(function() mg.zeros(2, nil, 3) end, "zeros: argument shape%[2%] is nil, expected a whole number >= 0")
    assert.error_matches(function() mg.zeros(2, nil, { dtype = "int32" }) end, "zeros: argument shape%[2%] is nil")
    near(mg.ones({ 2 }, { dtype = "int32" }), { 1, 1 })
    near(mg.full({ 2, 1 }, 7), { { 7 }, { 7 } })
    assert.equal("uint8", mg.zeros(3, { dtype = "uint8" }).dtype)
    near(mg.eye(2, 3), { { 1, 0, 0 }, { 0, 1, 0 } })
    near(mg.ones_like(mg.zeros(1, 2, { dtype = "int32" })), { { 1, 1 } })
    near(mg.full_like(mg.zeros(2), 3), { 3, 3 })
    assert.equal("{2, 5}", tostring(mg.empty(2, 5).shape))
    for _, bad in ipairs { -1, 1.5, 2 ^ 60, "2", 0 / 0 } do message(mg.zeros, bad) end
    message(mg.zeros, { 2 ^ 31, 2 ^ 31, 2 ^ 31 })
  end)

  it("as ranges", function()
    near(mg.arange(4), { 0, 1, 2, 3 })
    near(mg.arange(1, 2, 0.25), { 1, 1.25, 1.5, 1.75 })
    near(mg.arange(3, 0, -1, { dtype = "int32" }), { 3, 2, 1 })
    near(mg.linspace(0, 1, 5), { 0, 0.25, 0.5, 0.75, 1 })
    near(mg.linspace(2, 3, 1), { 2 })
    message(mg.arange, 0, 1, 0)
    message(mg.arange, 0, 1e18)
  end)
end)

describe("tensors are indexed", function()
  local t = mg.arange(12):reshape(3, 4)

  it("by numbers", function()
    near(t[1], { 0, 1, 2, 3 })
    near(t[-1], { 8, 9, 10, 11 })
    assert.equal(6, t[2][3]:item())
    assert.equal(6, t[{ 2, 3 }]:item())
    assert.equal(11, t[{ -1, -1 }]:item())
    for _, bad in ipairs { 0, 4, -4, 1.5, 0 / 0 } do message(function() return t[bad] end) end
    message(function() return t[{ 1, 2, 3 }] end)
    message(function() return t[true] end)
    message(function() return mg.tensor(1)[1] end)
  end)

  it("by ranges with both ends", function()
    near(t[{ { 2, 3 } }], { { 4, 5, 6, 7 }, { 8, 9, 10, 11 } })
    near(t[{ {}, { 1, 4, 2 } }], { { 0, 2 }, { 4, 6 }, { 8, 10 } })
    near(t[{ { -2, -1 }, 1 }], { 4, 8 })
    near(t[{ 1, { 4, 1, -1 } }], { 3, 2, 1, 0 })
    near(t[{ 1, { 3 } }], { 2, 3 })
    message(function() return t[{ { 0, 2 } }] end)
    message(function() return t[{ { 1, 5 } }] end)
    message(function() return t[{ { 1, 2, 0 } }] end)
  end)

  it("and assigned", function()
    local x = mg.zeros(2, 3)
    x[1] = 5
    x[{ 2, { 1, 2 } }] = { 8, 9 }
    x[{ {}, 3 }] = mg.tensor { 1, 2 }
    near(x, { { 5, 5, 1 }, { 8, 9, 2 } })
    x[{ {}, { 2, 2 } }] = mg.tensor { 7 }
    near(x, { { 5, 7, 1 }, { 8, 7, 2 } })
    message(function() x[1] = { 1, 2 } end)
    message(function() x[1] = "x" end)
    message(function() x[3] = 1 end)
    local whole = mg.zeros(2)
    whole[{}] = 4
    near(whole, { 4, 4 })
  end)
end)

describe("tensors", function()
  it("know their size", function()
    local t = mg.zeros(2, 3, 4)
    assert.equal(24, t:numel())
    assert.equal(3, t:dim())
    assert.equal(4, t:size(-1))
    assert.equal("{2, 3, 4}", tostring(t:size()))
    assert.equal(96, t:nbytes())
    assert.is_true(t.shape == mg.ones(2, 3, 4).shape)
  end)

  it("are converted", function()
    local t = mg.tensor { 1.7, -2.3 }
    assert.same({ 1, -2 }, t:int():to_table())
    assert.equal("float64", t:double().dtype)
    assert.equal("float32", t:double():float().dtype)
    assert.same({ 1, 0 }, t:to("uint8"):to_table())
    assert.equal(t, t:to("float32"))
    assert.equal(t, t:to("cpu"))
    message(function() return t:to("int64") end)
    message(function() return t:to(nil) end)
  end)

  it("copy or share", function()
    local t = mg.tensor { { 1, 2 }, { 3, 4 } }
    local copy, view = t:clone(), t:t()
    t[1] = 0
    near(copy, { { 1, 2 }, { 3, 4 } })
    near(view, { { 0, 3 }, { 0, 4 } })
    assert.is_false(view:is_contiguous())
    assert.is_true(view:contiguous():is_contiguous())
    assert.equal(t, t:contiguous())
    local flat = mg.tensor { 9, 8, 7, 6 }
    t:share_(flat:reshape(2, 2))
    flat:add_(1)
    near(t, { { 10, 9 }, { 8, 7 } })
    message(function() t:share_(flat) end)
  end)

  it("give their values", function()
    local t = mg.tensor { { 1, 2 }, { 3, 4 } }
    assert.same({ 1, 3, 2, 4 }, t:t():to_flat_table())
    assert.same({ { 1, 3 }, { 2, 4 } }, t:t():to_table())
    assert.equal(3, t:data()[2])
    message(function() return t:t():data() end)
    assert.truthy(message(function() return t:item() end):find("item: the tensor has shape {2, 2}, expected one element", 1, true))
  end)

  it("change in place", function()
    local t = mg.tensor { 1, 2, 4 }
    assert.equal(t, t:add_(1):mul_(2):sub_(mg.tensor { 0, 1, 2 }):div_(2))
    near(t, { 2, 2.5, 4 })
    near(t:neg_():clip_(-3, 0), { -2, -2.5, -3 })
    near(t:fill_(4):sqrt_(), { 2, 2, 2 })
    near(t:zero_():exp_(), { 1, 1, 1 })
    near(t:copy_(mg.tensor({ 5 }, { dtype = "int32" })), { 5, 5, 5 })
    message(function() t:add_(mg.zeros(2)) end)
    message(function() t:add_("x") end)
  end)

  it("refuse what would do nothing good", function()
    local t = mg.tensor { 1, 2 }
    message(function() return t < t end)
    message(function() return t() end)
    message(function() t.dtype2 = nil t.device = "x" end)
    assert.is_true(mg.is_tensor(t))
    assert.is_false(mg.is_tensor({}))
    assert.is_nil(t.no_such_field)
  end)
end)
