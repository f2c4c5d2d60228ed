"""module_file of the stock penguin pipeline: the features and the network of pipeline/catalog/penguin.yaml."""

import tensorflow as tf
import tensorflow_transform as tft
from shared import dataset, dense, name, save

LABEL = "species"
NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]
# Column -> number of its values.
CATEGORICAL = {"island": 3, "sex": 2}
CLASSES, OOV = 3, 1
BATCH, STEPS_PER_EPOCH, EPOCHS = 16, 15, 40


def preprocessing_fn(inputs):
    outputs = {}
    for key in NUMBERS:
        outputs[name(key)] = tft.scale_to_z_score(tf.cast(dense(inputs[key]), tf.float32))
    for key in CATEGORICAL:
        outputs[name(key)] = tft.compute_and_apply_vocabulary(
            dense(inputs[key]), num_oov_buckets=OOV, vocab_filename=key
        )
    outputs[name(LABEL)] = tft.compute_and_apply_vocabulary(dense(inputs[LABEL]), vocab_filename=LABEL)
    return outputs


def build_model():
    inputs = {name(key): tf.keras.layers.Input(shape=(1,), name=name(key)) for key in NUMBERS}
    encoded = list(inputs.values())
    for key, values in CATEGORICAL.items():
        inputs[name(key)] = tf.keras.layers.Input(shape=(1,), name=name(key), dtype=tf.int64)
        encoded.append(tf.keras.layers.CategoryEncoding(num_tokens=values + OOV)(inputs[name(key)]))
    x = tf.keras.layers.concatenate(encoded)
    l2 = tf.keras.regularizers.L2(0.001)
    x = tf.keras.layers.Dense(16, activation="relu", kernel_regularizer=l2)(x)
    outputs = tf.keras.layers.Dense(CLASSES, activation="softmax")(x)
    model = tf.keras.Model(inputs=inputs, outputs=outputs)
    rate = tf.keras.optimizers.schedules.CosineDecay(0.01, STEPS_PER_EPOCH * EPOCHS)
    model.compile(optimizer=tf.keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy")
    return model


def run_fn(fn_args):
    graph = tft.TFTransformOutput(fn_args.transform_graph_path)
    model = build_model()
    model.fit(
        dataset(fn_args.train_files, fn_args.data_accessor, graph, LABEL, BATCH, None),
        steps_per_epoch=STEPS_PER_EPOCH,
        epochs=EPOCHS,
        validation_data=dataset(fn_args.eval_files, fn_args.data_accessor, graph, LABEL, BATCH, 1),
        verbose=2,
    )
    save(model, graph, LABEL, fn_args.serving_model_dir)
