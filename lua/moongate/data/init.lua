-- Data for training: datasets of rows, windows of series, text, sequences, .npy files.
local Dataset = require "moongate.data.dataset"
local sequences = require "moongate.data.sequences"
local text = require "moongate.data.text"

local data = {
  Dataset = Dataset, from_tensors = Dataset.from_tensors, from_function = Dataset.from_function,
  windows = require "moongate.data.windows", Vocabulary = text.Vocabulary, code_points = text.code_points,
  character = text.character, read_text = text.read, pad_sequences = sequences.pad_sequences,
  to_categorical = sequences.to_categorical, path = require "moongate.data.path",
}

-- Loaded when they are first used.
local FILES = { npy = "moongate.data.npy", npz = "moongate.files.npz" }

return setmetatable(data, { __index = function(self, name)
  if not FILES[name] then return nil end
  self[name] = require(FILES[name])
  return self[name]
end, names = FILES })
