-- Callbacks. Keras: keras.callbacks.
return {
  Callback = require "moongate.callbacks.callback",
  CSVLogger = require "moongate.callbacks.csv_logger",
  EarlyStopping = require "moongate.callbacks.early_stopping",
  History = require "moongate.callbacks.history",
  LambdaCallback = require "moongate.callbacks.lambda_callback",
  LearningRateScheduler = require "moongate.callbacks.learning_rate_scheduler",
  ModelCheckpoint = require "moongate.callbacks.model_checkpoint",
  ProgressBar = require "moongate.callbacks.progress_bar",
  ReduceLROnPlateau = require "moongate.callbacks.reduce_lr_on_plateau",
}
