-- Where mg.debug listens while it runs a function; all false otherwise, so that it costs one look.
--   call(f, layer, x, ...)                               in place of f(layer, x, ...), a layer's call
--   sequence(layer, x, states, mask, training, results)  a recurrent layer has run and its dropout masks are still there
--   step(layer, t, inputs, outputs)                      a cell in Lua has done step t of a recurrent layer
--   node(node, inputs)                                   a node of the graph has given its input tensors their gradients
return { call = false, sequence = false, step = false, node = false }
