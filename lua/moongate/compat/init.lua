-- mg.compat: what older versions of Keras called by the same names, with their own signatures and defaults.
--   mg.compat.v1.layers   tf.compat.v1.keras.layers of TensorFlow 2.3
--   mg.compat.v2.layers   tf.keras.layers of TensorFlow 2.0 to 2.15
local check = require "moongate.check"
local defaults = require "moongate.compat.defaults"

local compat = {}

--- Makes constructors called afterwards take another version's defaults where nothing is said: recurrent_activation, reset_after,
--- implementation of GRU and GRUCell, and the meaning of the name hard_sigmoid. Layers that exist, from_config and loading do not
--- change. Versions: "keras3" (at the start), "tf2" (tf.keras of TensorFlow 2), "keras2" (Keras 2.3.1), "tf2.3"
--- (tf.compat.v1.keras of TensorFlow 2.3).
---@param version string
---@return string the version that was in use before
---@example mg.compat.use "tf2.3"
function compat.use(version)
  local before = defaults.version()
  defaults.set(check.one_of("compat.use", "version", version, defaults.versions))
  return before
end

for _, version in ipairs { "v1", "v2" } do compat[version] = { layers = require("moongate.compat." .. version .. ".layers") } end

return compat
