-- What Keras's versions do where nothing is said: the defaults of GRU and GRUCell, and which hard_sigmoid the name means. A field
-- asks for its default when a constructor is called, so that mg.compat.use reaches later constructors and nothing else.
-- Source: the signatures of TensorFlow 2.3's tf.compat.v1.keras, tf.keras of TensorFlow 2, Keras 2.3.1 and
-- Keras 3.
local defaults = {}

-- hard_sigmoid: clip(0.2 x + 0.5, 0, 1) up to Keras 2, clip(x / 6 + 0.5, 0, 1) in Keras 3.
local VERSIONS = {
  keras3 = { recurrent_activation = "sigmoid", reset_after = true, implementation = 2, hard_sigmoid = "keras3" },
  keras2 = { recurrent_activation = "sigmoid", reset_after = false, implementation = 2, hard_sigmoid = "keras2" },
  tf2 = { recurrent_activation = "sigmoid", reset_after = true, implementation = 2, hard_sigmoid = "keras2" },
  ["tf2.3"] = { recurrent_activation = "hard_sigmoid", reset_after = false, implementation = 1, hard_sigmoid = "keras2" },
}

defaults.versions = { "keras3", "tf2", "keras2", "tf2.3" }

local current = "keras3"

--- The version in use: "keras3" at the start.
---@return string
function defaults.version() return current end

--- What the version in use has for a name.
---@param name string
---@return any
function defaults.get(name) return VERSIONS[current][name] end

--- A function that gives the default of a field at the time of its call.
---@param name string
---@return function
function defaults.of(name)
  return function() return VERSIONS[current][name] end
end

--- Changes the version in use.
---@param version string
function defaults.set(version) current = version end

--- Calls f(...) with another version in use: configs and files mean what their own version does.
---@param version string
---@param f function
---@param ... any
---@return any
function defaults.with(version, f, ...)
  local before = current
  current = version
  local results = { pcall(f, ...) }
  current = before
  if not results[1] then error(results[2], 0) end
  return unpack(results, 2, table.maxn(results))
end

return defaults
