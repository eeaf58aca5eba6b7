"""Writes tests/spec/data/models.json: models of Keras 3 and tf_keras as JSON, with the outputs for patterned weights and inputs.

python make_models.py OUT, with TensorFlow, keras and tf_keras installed.
"""
import json
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tf_keras


def pattern(n, shape):
    return ((np.arange(int(np.prod(shape))) * n % 7 - 3) / 8).reshape(shape)


def by_name(K, L):
    x, y = K.Input((3,), name="x"), K.Input((2,), name="y")
    return K.Model({"x": x, "y": y}, {"q": L.Dense(1, name="d1")(x), "p": L.Dense(1, name="d2")(y)}, name="dio")


def masks(K, L):
    x = K.Input((5, 3), name="x")
    h = L.Dropout(0.5, name="dr")(L.Masking(-0.375, name="mask")(x))
    g, state = L.GRU(2, return_sequences=True, return_state=True, name="g")(h)
    both = L.Bidirectional(L.GRU(2, return_sequences=True, name="b"), name="bi")(g)
    each = L.TimeDistributed(L.Dense(2, name="tdd"), name="td")(both)
    joined = L.Concatenate(name="c")([g, each])
    last = L.GRU(2, name="last")(joined, initial_state=state)
    last2 = L.GRU(2, name="last2")(joined)
    attended = L.Attention(name="att")([joined, joined])
    return K.Model(x, [last, last2, L.GlobalAveragePooling1D(name="gap")(attended)], name="mm")


def deep(K, L):
    tokens, z = K.Input((6,), dtype="int32", name="tok"), K.Input((2,), name="z")
    first = [K.Input((6,), dtype="int32", name="ei"), L.Embedding(7, 3, mask_zero=True, name="ee")]
    encoder = K.Sequential(first + [L.GRU(2, name="eg")], name="enc")
    code = encoder(tokens)
    i1, i2 = K.Input((2,), name="i1"), K.Input((2,), name="i2")
    f = K.Model([i1, i2], [L.Average(name="av")([i1, i2]), L.Subtract(name="su")([i1, i2])], name="f")
    mean, difference = f([code, z])
    r = L.Permute((2, 1), name="pe")(L.Reshape((2, 1), name="rs")(mean))
    r = L.Flatten(name="fl")(r)
    repeated = L.RepeatVector(3, name="rv")(difference)
    both = L.Bidirectional(L.LSTM(2, return_state=True, name="bl"), name="bi", merge_mode="sum")(repeated)
    return K.Model([tokens, z], [r, both[0], both[4]], name="deep")


def explicit(K, L):
    x, mask = K.Input((4, 2), name="x"), K.Input((4,), dtype="bool", name="m")
    state = K.Input((3,), name="s")
    h = L.GRU(3, name="g", return_sequences=True)(x, mask=mask, initial_state=state)
    h = L.LayerNormalization(name="ln")(L.BatchNormalization(name="bn")(h))
    h = L.GlobalMaxPooling1D(name="gm")(L.Conv1D(2, 2, name="cv")(h))
    return K.Model([x, mask, state], h, name="explicit")


def values_for(k, tensor):
    shape = [2] + [5 if size is None else size for size in tensor.shape[1:]]
    i, dtype = np.arange(int(np.prod(shape))), getattr(tensor.dtype, "name", tensor.dtype)
    if dtype == "int32":
        return (i * (k + 3) % 7).reshape(shape).astype("int32")
    if dtype == "bool":
        return (i % 5 < 3).reshape(shape)
    return pattern(k + 3, shape).astype("float32")


def case(name, dialect, model):
    weights = model.get_weights()
    variance = ["moving_var" in v.name for v in model.weights]
    model.set_weights([np.ones(w.shape) if variance[i] else pattern(i + 2, w.shape) for i, w in enumerate(weights)])
    feed = [values_for(k, t) for k, t in enumerate(model.inputs)]
    names = [t.name.split(":")[0] for t in model.inputs]
    outputs = model(dict(zip(names, feed)) if name == "by_name" else feed if len(feed) > 1 else feed[0])
    if isinstance(outputs, dict):
        outputs = [outputs[key] for key in sorted(outputs)]
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    data = [{"shape": list(np.shape(v)), "data": [float("%.8g" % z) for z in np.array(v).ravel()]} for v in outputs]
    return {"name": name, "dialect": dialect, "to_json": model.to_json(), "inputs": names, "outputs": data,
            "layers": [layer.name for layer in model.layers]}


cases = []
for dialect, K in (("keras3", keras), ("tf2", tf_keras)):
    for make in (by_name, masks, deep, explicit):
        cases.append(case(make.__name__, dialect, make(K, K.layers)))
with open(sys.argv[1], "w") as out:
    out.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
