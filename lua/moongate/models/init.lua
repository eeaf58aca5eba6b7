-- Models. Keras: keras.models.
return { Sequential = require "moongate.models.sequential", Model = require "moongate.models.functional" }
