-- Configs of whole models in both dialects: the text of get_config and to_json, of models that are built from the case's arguments,
-- and of those that are read from the text and written again. Functional models tell their arguments in words.
local defaults = require "moongate.compat.defaults"

local function matches(case) return case.kind == "model" and case.to_json ~= nil end

local function check_text(label, actual, expected, t)
  t.check(actual == expected, "%s is\n    %s\n  expected\n    %s", label, actual, tostring(expected))
end

local function build(args, t)
  local layers, shape = {}, t.given(args.input_shape)
  for i = 1, #args.layers do layers[i] = t.options(args.layers[i]) end
  if shape then
    local input = { shape = t.options(shape), batch_size = t.given(args.batch_size), dtype = t.given(args.input_dtype) }
    table.insert(layers, 1, t.mg.Input(input))
  end
  local model = t.mg.Sequential(layers)
  local compile = t.given(args.compile) and t.options(args.compile)
  if compile then model:compile(compile) end
  return model
end

local function check_round_trip(case, t)
  local dialect = case.dialect
  for _, given in ipairs { dialect, false } do
    local again = t.mg.models.model_from_json(case.to_json, { dialect = given or nil })
    check_text("to_json of the text", again:to_json(dialect), case.to_json, t)
    check_text("get_config of the text", t.json.encode(again:get_config(dialect)), case.get_config, t)
  end
end

local function run(case, t)
  if type(case.args) == "table" then
    local model = defaults.with(case.dialect == "keras3" and "keras3" or "tf2", build, case.args, t)
    check_text("get_config", t.json.encode(model:get_config(case.dialect)), case.get_config, t)
    check_text("to_json", model:to_json(case.dialect), case.to_json, t)
  end
  check_round_trip(case, t)
end

return { name = "model configs", matches = matches, run = run }
