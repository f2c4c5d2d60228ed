"""module_file of the stock taxi pipeline: the features and the network of pipeline/catalog/taxi.yaml."""

import tensorflow as tf
import tensorflow_transform as tft
from shared import dataset, dense, name, save

LABEL = "big_tipper"
BUCKETED = [
    "fare",
    "trip_miles",
    "trip_seconds",
    "pickup_latitude",
    "pickup_longitude",
    "dropoff_latitude",
    "dropoff_longitude",
]
CATEGORICAL = [
    "trip_start_month",
    "trip_start_day",
    "trip_start_hour",
    "pickup_community_area",
    "dropoff_community_area",
    "dropoff_census_tract",
    "payment_type",
    "company",
]
BUCKETS, TOP_K, OOV = 10, 200, 1


def preprocessing_fn(inputs):
    outputs = {}
    for key in BUCKETED:
        outputs[name(key)] = tft.bucketize(tf.cast(dense(inputs[key]), tf.float32), BUCKETS)
    for key in CATEGORICAL:
        value = dense(inputs[key])
        value = value if value.dtype == tf.string else tf.strings.as_string(value)
        outputs[name(key)] = tft.compute_and_apply_vocabulary(
            value, top_k=TOP_K, num_oov_buckets=OOV, vocab_filename=key
        )
    outputs[name(LABEL)] = tf.cast(dense(inputs[LABEL]), tf.int64)
    return outputs


def build_model():
    indices = {
        name(key): tf.keras.layers.Input(shape=(1,), name=name(key), dtype=tf.int64)
        for key in [*BUCKETED, *CATEGORICAL]
    }
    one_hot = [
        tf.keras.layers.CategoryEncoding(num_tokens=BUCKETS if key in BUCKETED else TOP_K + OOV)(
            indices[name(key)]
        )
        for key in [*BUCKETED, *CATEGORICAL]
    ]
    x = tf.keras.layers.concatenate(one_hot)
    l2 = tf.keras.regularizers.L2(0.00002)
    for _ in range(2):
        x = tf.keras.layers.Dense(55, activation="relu", kernel_regularizer=l2)(x)
        x = tf.keras.layers.Dropout(0.36)(x)
    outputs = tf.keras.layers.Dense(1, activation="sigmoid")(x)
    model = tf.keras.Model(inputs=indices, outputs=outputs)
    rate = tf.keras.optimizers.schedules.CosineDecay(0.0007, 83 * 20)
    model.compile(optimizer=tf.keras.optimizers.Adam(rate), loss="binary_crossentropy")
    return model


def run_fn(fn_args):
    graph = tft.TFTransformOutput(fn_args.transform_graph_path)
    model = build_model()
    model.fit(
        dataset(fn_args.train_files, fn_args.data_accessor, graph, LABEL, 128, None),
        steps_per_epoch=83,
        epochs=20,
        validation_data=dataset(fn_args.eval_files, fn_args.data_accessor, graph, LABEL, 128, 1),
        callbacks=[tf.keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)],
        verbose=2,
    )
    save(model, graph, LABEL, fn_args.serving_model_dir)
