-- The figures of every epoch as a line of a CSV file. Format: keras/src/callbacks/csv_logger.py, with Unix line ends.
local Callback = require "moongate.callbacks.callback"
local check = require "moongate.check"
local figure = require "moongate.callbacks.figure"

local CSVLogger = Callback:extend("CSVLogger")

--- Writes epoch and figures of each epoch to a file, with a line of names first.
---@param filename string
---@param options? table { separator = ",", append = false }
---@return Callback
---@example mg.callbacks.CSVLogger("log.csv", { append = true })
function CSVLogger:init(filename, options)
  if type(filename) == "table" then filename, options = filename.filename, filename end
  self.filename = check.type("CSVLogger", "filename", filename, "string")
  options = check.options("CSVLogger", options, { "filename", "separator", "append" })
  self.separator = check.type("CSVLogger", "separator", options.separator or ",", "string")
  self.append = options.append or false
end

function CSVLogger:on_train_begin()
  self.names = nil
  local old = self.append and io.open(self.filename, "r")
  self.has_header = old and old:read(1) ~= nil
  if old then old:close() end
  local file, message = io.open(self.filename, self.append and "a" or "w")
  if not file then check.fail("CSVLogger: cannot write %s", message) end
  self.file = file
end

-- Without figures of validation in the first epoch there are columns for later ones.
local function columns(logs)
  local names, validated = {}, false
  for name in pairs(logs) do
    names[#names + 1] = name
    validated = validated or name:sub(1, 4) == "val_"
  end
  table.sort(names)
  for i = 1, validated and 0 or #names do names[#names + 1] = "val_" .. names[i] end
  return names
end

local function line(self, cells)
  local file = self.file
  local written, message = file:write(table.concat(cells, self.separator), "\n")
  if written then written, message = file:flush() end
  if not written then check.fail("CSVLogger: cannot write %s: %s", self.filename, message) end
end
jit.off(line) -- compiled, a flush that fails is done once more, and the second one has nothing left to fail with

function CSVLogger:on_epoch_end(epoch, logs)
  if not self.names then
    self.names = columns(logs)
    if not self.has_header then line(self, { "epoch", unpack(self.names) }) end
  end
  local cells = { tostring(epoch) }
  for _, name in ipairs(self.names) do
    cells[#cells + 1] = logs[name] and figure.cell(logs[name]) or "NA"
  end
  line(self, cells)
end

function CSVLogger:on_train_end()
  self.file:close()
  self.file = nil
end

return CSVLogger
