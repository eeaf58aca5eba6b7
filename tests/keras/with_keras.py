"""Weights between moongate and the real Keras 3, both ways: python with_keras.py FOLDER

FOLDER holds ours.weights.h5, x.npy and y.npy (moongate's prediction for x). Prints the largest difference between Keras's
prediction and y, then leaves other weights in theirs.weights.h5 and Keras's prediction with them in theirs_y.npy.
"""
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
import numpy as np

folder = sys.argv[1] + "/"
layers = keras.layers
model = keras.Sequential([
    keras.Input((5,), dtype="int32"),
    layers.Embedding(11, 4, mask_zero=True),
    layers.GRU(3, return_sequences=True, dropout=0.2, recurrent_dropout=0.1, seed=7),
    layers.Dropout(0.3),
    layers.GRU(2, reset_after=False),
    layers.Dense(2, activation="softmax"),
])
x = np.load(folder + "x.npy")
model.load_weights(folder + "ours.weights.h5")
print("largest difference %.3g" % np.abs(model.predict(x, verbose=0) - np.load(folder + "y.npy")).max())

rng = np.random.default_rng(1)
for variable in model.trainable_variables:
    variable.assign(rng.normal(size=variable.shape))
model.compile(optimizer="adam", loss="mse")
model.fit(x, np.zeros((len(x), 2)), verbose=0)  # so that the file holds an optimizer as well
model.save_weights(folder + "theirs.weights.h5")
np.save(folder + "theirs_y.npy", model.predict(x, verbose=0))
