-- Configs of Keras 3: get_config's text, Keras's serialized form, and that from_config(text) gives the same text again.
local MODULES = { layer = "layers", initializer = "initializers", regularizer = "regularizers", constraint = "constraints" }

local function matches(case) return case.dialect ~= nil and case.get_config ~= nil and case.args ~= nil end

local function check_text(label, actual, expected, t)
  t.check(actual == expected, "%s is\n    %s\n  expected\n    %s", label, actual, tostring(expected))
end

local function activation(case, t)
  local found = t.mg.activations[case.class]
  if not found then t.skip("no " .. case.class) end
  check_text("serialized", t.json.encode(t.mg.activations.serialize(found)), case.serialized, t)
end

local function run(case, t)
  if case.dialect ~= "keras3" then t.skip("dialect " .. case.dialect) end
  if case.kind == "activation" then return activation(case, t) end
  if tostring(case.args.dtype):match("float16$") then t.skip("half precision") end
  if not MODULES[case.kind] then t.skip("config of a " .. case.kind) end
  local C = t.class(MODULES[case.kind], case.class)
  local object = C(t.options(case.args))
  if t.given(case.build_shape) then object:build(t.options(case.build_shape)) end
  local text = t.json.encode(object:get_config())
  check_text("get_config", text, case.get_config, t)
  check_text("the round trip", t.json.encode(C.from_config(text):get_config()), case.get_config, t)
  if t.given(case.serialized) then
    check_text("serialized", t.json.encode(t.mg[MODULES[case.kind]].serialize(object)), case.serialized, t)
  end
end

return { name = "configs", matches = matches, run = run }
