"""The taxi model by pandas and Keras alone: `python taxi.py CSV MODEL_FOLDER`.

One-hot categories, quantile buckets, the network and the epochs of pipeline/catalog/taxi.yaml; a random split; the AUC
of the held-out rows is printed, and a SavedModel exported that takes the transformed columns. No statistics, schema,
anomalies, slices, comparison with a former model, lineage or cache, and serving is left to whoever comes next.
"""

import sys

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

LABEL = "big_tipper"
DROPPED = ["pickup_census_tract", "trip_start_timestamp"]
BUCKETED = [
    "fare",
    "trip_miles",
    "trip_seconds",
    "pickup_latitude",
    "pickup_longitude",
    "dropoff_latitude",
    "dropoff_longitude",
]
BUCKETS, TOP_K = 10, 200


def encode(table, train):
    """One-hot columns, by the buckets and the categories of the rows in `train`."""
    parts = []
    for name in table.columns.drop(LABEL):
        known = table.loc[train, name].dropna()
        if name in BUCKETED:
            edges = np.unique(known.quantile(np.linspace(0, 1, BUCKETS + 1)[1:-1]))
            codes, width = np.digitize(table[name].fillna(known.median()), edges), len(edges) + 1
        else:
            kept = {value: code for code, value in enumerate(known.value_counts().index[:TOP_K])}
            codes, width = table[name].map(kept).fillna(len(kept)).astype(int), len(kept) + 1
        parts.append(np.eye(width, dtype=np.float32)[codes])
    return np.concatenate(parts, axis=1)


def main(csv, folder):
    keras.utils.set_random_seed(42)
    table = pd.read_csv(csv).drop(columns=DROPPED)
    drawn = np.random.default_rng(42).random(len(table))
    train, valid, held_out = drawn < 0.7, (drawn >= 0.7) & (drawn < 0.8), drawn >= 0.8
    inputs, labels = encode(table, train), table[LABEL].to_numpy(np.float32)
    model = keras.Sequential([keras.layers.Input([inputs.shape[1]])])
    for _ in range(2):
        model.add(
            keras.layers.Dense(55, activation="relu", kernel_regularizer=keras.regularizers.L2(0.00002))
        )
        model.add(keras.layers.Dropout(0.36))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    rate = keras.optimizers.schedules.CosineDecay(0.0007, 20 * (train.sum() // 128))
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=[keras.metrics.AUC(name="auc")])
    model.fit(
        inputs[train],
        labels[train],
        batch_size=128,
        epochs=20,
        validation_data=(inputs[valid], labels[valid]),
        callbacks=[keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)],
        verbose=2,
    )
    print("auc", model.evaluate(inputs[held_out], labels[held_out], return_dict=True, verbose=0)["auc"])
    tf.saved_model.save(model, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
