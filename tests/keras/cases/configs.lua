-- Configs in every dialect: get_config's text, Keras's serialized form, and that from_config(text) gives the same text again.
local defaults = require "moongate.compat.defaults"

local MODULES = {
  layer = "layers", initializer = "initializers", regularizer = "regularizers", constraint = "constraints", loss = "losses",
  metric = "metrics", optimizer = "optimizers",
}

local function matches(case)
  return case.dialect ~= nil and case.get_config ~= nil and case.args ~= nil and case.kind ~= "model"
end

local function check_text(label, actual, expected, t)
  t.check(actual == expected, "%s is\n    %s\n  expected\n    %s", label, actual, tostring(expected))
end

local function activation(case, t)
  local found = t.mg.activations.get(case.class, { dialect = case.dialect })
  check_text("serialized", t.json.encode(t.mg.activations.serialize(found, case.dialect)), case.serialized, t)
  local again = t.mg.activations.deserialize(case.serialized:match('^"(.*)"$') or case.serialized, { dialect = case.dialect })
  check_text("the round trip", t.json.encode(t.mg.activations.serialize(again, case.dialect)), case.serialized, t)
end

-- The module that has the class, and the class.
local function class_of(case, t)
  if case.kind ~= "schedule" then return t.mg[MODULES[case.kind]], t.class(MODULES[case.kind], case.class) end
  local schedules = t.mg.optimizers.schedules
  if not schedules[case.class] then t.skip("no " .. case.class) end
  return schedules, schedules[case.class]
end

-- The classes of TensorFlow 1 that moongate offers as mg.compat.v1.layers.
local function compat_class(case, t)
  local ok, layers = pcall(function() return t.mg.compat.v1.layers end)
  if not ok or not layers then t.skip "no compat.v1" end
  return layers, layers[case.class] or t.skip("no compat.v1 " .. case.class)
end

-- An object made as the library of the dialect makes it: with its defaults and its meaning of names.
local function construct(case, C, t)
  return defaults.with(case.dialect == "keras3" and "keras3" or "tf2", function()
    local options = t.options(case.args)
    local rate = type(options.learning_rate) == "table" and options.learning_rate
    if rate and rate.schedules then
      options.learning_rate = t.as_given(t.mg.optimizers.schedules[rate.schedules](rate.args), case.args.learning_rate.args)
    end
    return t.as_given(C(options), case.args, case.dialect)
  end)
end

-- Where the library's config loses an option, ours keeps it, and the object comes back with it.
local function run_deviating(case, t)
  local module, C = class_of(case, t)
  local object = construct(case, C, t)
  local text = t.json.encode(object:get_config(case.dialect))
  t.check(text ~= case.get_config, "get_config is the library's, which loses an option: %s", text)
  local again = module.deserialize(t.json.encode(module.serialize(object, case.dialect)), { dialect = case.dialect })
  check_text("the round trip", t.json.encode(again:get_config(case.dialect)), text, t)
  for name, value in t.json.pairs(case.args) do
    t.check(again[name] == value, "%s is %s after the round trip, expected %s", name, tostring(again[name]), tostring(value))
  end
end

-- Reading and writing the library's text, with the dialect given and told from its form.
local function round_trip(case, C, t)
  for _, given in ipairs { case.dialect, false } do
    local again = C.from_config(case.get_config, { dialect = given or nil })
    check_text("the round trip", t.json.encode(again:get_config(case.dialect)), case.get_config, t)
  end
end

local function run(case, t)
  if case.deviates then return run_deviating(case, t) end
  if case.kind == "activation" then return activation(case, t) end
  local module, C
  if case.dialect == "compat.v1" then module, C = compat_class(case, t) else module, C = class_of(case, t) end
  local object, dialect = construct(case, C, t), case.dialect
  round_trip(case, C, t)
  if t.given(case.build_shape) then object:build(t.options(case.build_shape)) end
  local text = t.json.encode(object:get_config(dialect))
  check_text("get_config", text, case.get_config, t)
  if not module.serialize then return end
  local whole = t.json.encode(module.serialize(object, dialect))
  if t.given(case.serialized) then check_text("serialized", whole, case.serialized, t) end
  local again = module.deserialize(whole, { dialect = dialect })
  check_text("the object's round trip", t.json.encode(again:get_config(dialect)), case.get_config, t)
end

return { name = "configs", matches = matches, run = run }
