-- mg.compat.v1.layers: the classes of tf.compat.v1.keras.layers that differ from today's.
return { GRU = require "moongate.compat.v1.gru", GRUCell = require "moongate.compat.v1.gru_cell" }
