-- ActivityRegularization. Source: keras.layers.ActivityRegularization.
local check = require "moongate.check"
local class = require "moongate.class"
local fields = require "moongate.fields"
local Layer = require "moongate.layers.layer"
local regularizers = require "moongate.regularizers"

--- Passes its input on and adds l1 * sum |x| + l2 * sum x^2, over the batch size, to the losses.
---@param options? table l1 = 0, l2 = 0, name, dtype
---@example local layer = mg.layers.ActivityRegularization { l2 = 0.01 }
local ActivityRegularization = class("ActivityRegularization", Layer)
ActivityRegularization.rows_apart, ActivityRegularization.built_at_once = true, true
Layer.declare(ActivityRegularization, {
  { "l1", default = 0, codec = fields.float },
  { "l2", default = 0, codec = fields.float },
}, { "l1", "l2" })

ActivityRegularization.supports_masking = true

--- Sets the fields and what follows from them.
---@param options table
---@package
function ActivityRegularization:setup(options)
  Layer.setup(self, options)
  if self.activity_regularizer then
    check.fail("ActivityRegularization: argument activity_regularizer is not taken; the layer's own is made of l1 and l2")
  end
  self.activity_regularizer = regularizers.L1L2 { l1 = self.l1, l2 = self.l2 }
end

--- The config, in which l1 and l2 stand for the regularizer.
---@param ... any
---@return table
function ActivityRegularization:get_config(...)
  local own = self.activity_regularizer
  self.activity_regularizer = nil
  local config = Layer.get_config(self, ...)
  self.activity_regularizer = own
  return config
end

return ActivityRegularization
