-- Configs of Keras 3: get_config's text, Keras's serialized form, and that from_config(text) gives the same text again.
local MODULES = {
  layer = "layers", initializer = "initializers", regularizer = "regularizers", constraint = "constraints", loss = "losses",
  metric = "metrics", optimizer = "optimizers",
}

local function matches(case) return case.dialect ~= nil and case.get_config ~= nil and case.args ~= nil end

local function check_text(label, actual, expected, t)
  t.check(actual == expected, "%s is\n    %s\n  expected\n    %s", label, actual, tostring(expected))
end

local function activation(case, t)
  local found = t.mg.activations[case.class]
  if not found then t.skip("no " .. case.class) end
  check_text("serialized", t.json.encode(t.mg.activations.serialize(found)), case.serialized, t)
end

-- The module that has the class, and the class.
local function class_of(case, t)
  if case.kind ~= "schedule" then return t.mg[MODULES[case.kind]], t.class(MODULES[case.kind], case.class) end
  local schedules = t.mg.optimizers.schedules
  if not schedules[case.class] then t.skip("no " .. case.class) end
  return schedules, schedules[case.class]
end

local function build_model(args, t)
  local layers, shape = {}, t.given(args.input_shape)
  for i = 1, #args.layers do layers[i] = t.options(args.layers[i]) end
  if shape then
    local input = { shape = t.options(shape), batch_size = t.given(args.batch_size), dtype = t.given(args.input_dtype) }
    table.insert(layers, 1, t.mg.layers.Input(input))
  end
  local model = t.mg.Sequential(layers)
  local compile = t.given(args.compile) and t.options(args.compile)
  if compile then model:compile(compile) end
  return model
end

local function model_config(case, t)
  if case.class ~= "Sequential" then t.skip("no " .. case.class) end
  local model = build_model(case.args, t)
  check_text("get_config", t.json.encode(model:get_config()), case.get_config, t)
  check_text("to_json", model:to_json(), case.to_json, t)
  local again = t.mg.Sequential.from_config(model:to_json())
  check_text("the round trip", t.json.encode(again:get_config()), case.get_config, t)
end

local function run(case, t)
  if case.dialect ~= "keras3" then t.skip("dialect " .. case.dialect) end
  if case.kind == "activation" then return activation(case, t) end
  if tostring(case.args.dtype):match("float16$") then t.skip("half precision") end
  if case.kind == "model" then return model_config(case, t) end
  if not MODULES[case.kind] and case.kind ~= "schedule" then t.skip("config of a " .. case.kind) end
  local module, C = class_of(case, t)
  local options = t.options(case.args)
  local rate = type(options.learning_rate) == "table" and options.learning_rate
  if rate then options.learning_rate = t.mg.optimizers.schedules[rate.schedules](rate.args) end
  local object = C(options)
  if t.given(case.build_shape) then object:build(t.options(case.build_shape)) end
  local text = t.json.encode(object:get_config())
  check_text("get_config", text, case.get_config, t)
  check_text("the round trip", t.json.encode(C.from_config(text):get_config()), case.get_config, t)
  if t.given(case.serialized) then
    check_text("serialized", t.json.encode(module.serialize(object)), case.serialized, t)
  end
end

return { name = "configs", matches = matches, run = run }
