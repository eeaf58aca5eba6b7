-- get_dropout_mask_for_cell, get_recurrent_dropout_mask_for_cell and their resets, as GRUCell of tf.compat.v1 has them. Where the
-- library hands out a mask that does not fit the call, our rule is that a new one is made; a rate of 1 drops everything; a rate
-- outside 0..1 is an error; a layer uses one mask for all steps.
local RATES = { get_dropout_mask_for_cell = "dropout", get_recurrent_dropout_mask_for_cell = "recurrent_dropout" }

local function kind_of(masks, t)
  if masks == nil then return "nil" end
  return t.mg.is_tensor(masks) and "tensor" or ("list of %d"):format(#masks)
end

local function list_of(masks, t)
  if masks == nil then return {} end
  return t.mg.is_tensor(masks) and { masks } or masks
end

local function values_of(masks)
  local seen, list = {}, {}
  for _, mask in ipairs(masks) do
    for _, v in ipairs(mask:to_flat_table()) do
      if not seen[v] then seen[v], list[#list + 1] = true, v end
    end
  end
  table.sort(list)
  return list
end

-- One line of text for shapes and values, to compare with.
local function text(list)
  local words = {}
  for i = 1, #list do words[i] = type(list[i]) == "number" and ("%.17g"):format(list[i]) or text(list[i]) end
  return "{" .. table.concat(words, ", ") .. "}"
end

local function same_values(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do
    if text { a[i].shape } ~= text { b[i].shape } or text(a[i]:to_flat_table()) ~= text(b[i]:to_flat_table()) then return false end
  end
  return true
end

local function check_same(label, expected, first, other, t)
  t.check((first == other) == expected.object, "%s: the %s object", label, first == other and "same" or "another")
  t.check(same_values(list_of(first, t), list_of(other, t)) == expected.values, "%s: values", label)
end

local function check_shapes(label, masks, shapes, t)
  masks = list_of(masks, t)
  t.check(#masks == #shapes, "%s: %d masks, expected %d", label, #masks, #shapes)
  for i, mask in ipairs(masks) do
    t.check(text { mask.shape } == text { shapes[i] }, "%s: mask %d has shape %s", label, i, tostring(mask.shape))
  end
end

local function drops(case, t) return t.given(case.training) == true and case.rate > 0 end

-- What a first call has to give, by the library or, for a rate of 1, by our rule.
local function check_first(case, first, t)
  if case.returns == "error" then
    local wanted = case.count > 1 and ("list of %d"):format(case.count) or "tensor"
    t.check(kind_of(first, t) == wanted, "returns %s", kind_of(first, t))
    return t.check(text(values_of(list_of(first, t))) == "{0}", "a rate of 1 drops everything")
  end
  t.check(kind_of(first, t) == case.returns, "returns %s, expected %s", kind_of(first, t), case.returns)
  check_shapes("first call", first, case.shapes, t)
  t.check(text(values_of(list_of(first, t))) == text(case.values), "values %s", text(values_of(list_of(first, t))))
  local list = list_of(first, t)
  local independent = #list > 1 and not same_values({ list[1] }, { list[2] })
  t.check(independent == case.masks_independent, "independent masks: %s", tostring(independent))
end

-- A cached mask serves the calls that it fits, and no others.
local function check_cache(case, ask, x, first, t)
  local some, batch = case.rate > 0, case.input_shape[1] == 5 and 6 or 5
  check_same("second call", { object = true, values = true }, first, ask(x), t)
  local other = ask(t.mg.zeros(batch, case.input_shape[2]))
  t.check(not some or list_of(other, t)[1].shape[1] == batch, "another batch was given the first one's mask")
  other = ask(x, { training = not drops(case, t) })
  t.check(not some or text(values_of(list_of(other, t))) ~= text(values_of(list_of(first, t))),
    "another training flag was given the first one's mask")
  other = ask(x, { count = case.count + 1 })
  t.check(not some or kind_of(other, t) == ("list of %d"):format(case.count + 1), "another count was given the first one's masks")
end

local function run_table(case, t)
  local cell = t.mg.compat.v1.layers.GRUCell(8, { [RATES[case.method]] = case.rate })
  local x = t.mg.zeros(unpack(case.input_shape))
  local function ask(input, changed)
    local training, count = t.given(case.training), case.count
    if changed and changed.training ~= nil then training = changed.training end
    return cell[case.method](cell, input, training, changed and changed.count or count)
  end
  local first = ask(x)
  check_first(case, first, t)
  check_cache(case, ask, x, first, t)
  cell[case.reset](cell)
  local fresh = ask(x)
  if case.after_reset then check_same("after the reset", case.after_reset, first, fresh, t) end
  cell[case.reset](cell)
  if case.batch_5_after_reset then check_shapes("after the reset", ask(t.mg.zeros(5, 8)), case.batch_5_after_reset.shapes, t) end
end

-- The rows that are told in words, by the fields they have.
local extra = {}

local function dropping(t, options)
  options.units = options.units or 3
  return t.mg.compat.v1.layers.GRUCell(options)
end

function extra.recurrent_mask_kept(case, t)
  local cell, x, h = dropping(t, { dropout = 0.5, recurrent_dropout = 0.5 }), t.mg.ones(4, 2), t.mg.ones(4, 3)
  local a, b = cell:get_dropout_mask_for_cell(x, true), cell:get_recurrent_dropout_mask_for_cell(h, true)
  cell:reset_dropout_mask()
  t.check((cell:get_recurrent_dropout_mask_for_cell(h, true) == b) == case.recurrent_mask_kept, "the recurrent mask")
  t.check((cell:get_dropout_mask_for_cell(x, true) == a) == case.input_mask_kept, "the input mask")
end

-- There is no graph apart from eager calls: one context, one cache, within an operation's function too.
function extra.same(_, t)
  local cell, x, inside = dropping(t, { dropout = 0.5 }), t.mg.ones(4, 2), nil
  local outside = cell:get_dropout_mask_for_cell(x, true)
  t.mg.no_grad(function() inside = cell:get_dropout_mask_for_cell(x, true) end)
  t.check(inside == outside, "one context has two masks")
end

-- Rates outside 0..1 are an error here; the library clips them to the `dropout` of the row.
function extra.dropout(case, t)
  local ok, message = pcall(dropping, t, { dropout = case.dropout == 0 and -0.5 or case.dropout + 0.5 })
  t.check(not ok and message:match("argument dropout is .* in %[0, 1%]"), "a rate outside 0..1 was taken")
end

function extra.mask(case, t)
  local cell = dropping(t, { dropout = 0.5 })
  local mask = cell:get_dropout_mask_for_cell(t.mg.ones({ 2, 2 }, { dtype = case.input }), true)
  t.check(mask.dtype == case.mask, "the mask is %s", mask.dtype)
end

function extra.kept(case, t)
  local cell, x, h = dropping(t, { dropout = 0.5 }), t.mg.ones(4, 2), t.mg.ones(4, 3)
  cell(x, { h }, { training = true })
  local first = cell:get_dropout_mask_for_cell(x, true, 3)
  cell(x, { h }, { training = true })
  t.check((cell:get_dropout_mask_for_cell(x, true, 3) == first) == case.kept, "the cache after a call")
end

function extra.cached_entries(case, t)
  local layer = t.mg.compat.v1.layers.GRU(3, { dropout = 0.5 })
  layer(t.mg.ones(4, 5, 2), { training = true })
  local entries = 0
  for _ in pairs(layer.cell.dropout_cache) do entries = entries + 1 end
  t.check(entries == case.cached_entries, "%d entries", entries)
  check_shapes("after the call", layer.cell:get_dropout_mask_for_cell(t.mg.ones(4, 2), true, 3), case.shapes, t)
end

-- One mask for all steps of a batch: the layer's is a step's, and the output is that of inputs multiplied by it.
function extra.same_for_all_steps(_, t)
  local layer, x = t.mg.compat.v2.layers.GRU(3, { dropout = 0.5 }), t.mg.random.normal { 4, 5, 2 }
  local output = layer(x, { training = true })
  local masks = layer:get_dropout_mask_for_cell(x, true, 3)
  check_shapes("the layer's masks", masks, { { 4, 2 }, { 4, 2 }, { 4, 2 } }, t)
  local plain = t.mg.compat.v2.layers.GRU(3)
  plain:build { 4, 5, 2 }
  plain:set_weights(layer:get_weights())
  t.near("output", plain(x * masks[1]:expand_dims(2)), output:to_flat_table(), 1e-12)
end

-- A step at rate 1: everything is dropped in training, nothing without.
local function run_step(case, t)
  local training = not case.equals_no_dropout
  local cell, x, h = dropping(t, { dropout = 1 }), t.mg.random.normal { 4, 2 }, t.mg.random.normal { 4, 3 }
  local output = cell(x, { h }, { training = training })
  local plain = dropping(t, {})
  plain:build { 4, 2 }
  plain:set_weights(cell:get_weights())
  t.near("output", output, (plain(training and t.mg.zeros(4, 2) or x, { h })):to_flat_table(), 0)
end

local function runner(case)
  if case.method and case.reset then return run_table end
  if case.equals_no_dropout ~= nil or (case.error and not case.method) then return run_step end
  for field, run in pairs(extra) do
    if case[field] ~= nil then return run end
  end
end

local function matches(case)
  return not case.class and not case.kind and not case.layers and not case.dialect and runner(case) ~= nil
end

return { name = "dropout_mask", matches = matches, run = function(case, t) runner(case)(case, t) end }
