-- mg.compat.v2.layers: the classes of tf.keras.layers that differ from today's.
return { GRU = require "moongate.compat.v2.gru", GRUCell = require "moongate.compat.v2.gru_cell" }
