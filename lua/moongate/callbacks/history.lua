-- What happened in training: the figures of every epoch. Keras: keras.callbacks.History.
local Callback = require "moongate.callbacks.callback"
local figure = require "moongate.callbacks.figure"

--- `history.history` has a list of numbers for each figure (history.history.loss[1] is the first epoch's), `history.epoch` the
--- epochs' numbers, from 0. `history.interrupted` is true after Ctrl-C.
---@example print(model:fit(x, y, { epochs = 3 }).history.loss[3])
local History = Callback:extend("History")

function History:init() self.history, self.epoch, self.interrupted = {}, {}, false end

function History:on_epoch_end(epoch, logs)
  self.epoch[#self.epoch + 1] = epoch
  for name, value in pairs(logs) do
    self.history[name] = self.history[name] or {}
    table.insert(self.history[name], value)
  end
end

function History:to_text()
  local names, words = {}, {}
  for name in pairs(self.history) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    local values = self.history[name]
    words[i] = ("%s %.4f"):format(name, figure.number(values[#values]))
  end
  return ("History of %d epochs: %s"):format(#self.epoch, table.concat(words, ", "))
end

return History
