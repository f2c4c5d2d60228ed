"""A small CNN on scikit-learn's digits (8 x 8, grey), trained for a few seconds and exported as the trainers do."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from tfx.types import artifact_utils, standard_artifacts

CLASSES = [f"digit {i}" for i in range(10)]
EVAL_ROWS = 500


@cache
def images() -> tuple[np.ndarray, np.ndarray]:
    """uint8 [1797, 8, 8, 1] in 0..255 and class indices, shuffled."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    pixels = np.minimum(digits.images * 16, 255).astype(np.uint8)[..., np.newaxis]
    return pixels[order], digits.target[order]


@cache
def network() -> keras.Model:
    """Pixels 0..255 to logits; about 0.97 on the last rows, on which it was not trained."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Conv2D(32, 3, padding="same"),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dense(len(CLASSES)),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    pixels, labels = images()
    model.fit(pixels[:-EVAL_ROWS].astype(np.float32), labels[:-EVAL_ROWS], batch_size=64, epochs=6, verbose=0)
    return model


class Serving(tf.Module):
    """The signatures of an image classifier that matter here; its table only serves transform_features."""

    def __init__(self, model: keras.Model, shape: tuple[int, int, int] = (8, 8, 1)) -> None:
        super().__init__()
        self._variables = [variable.value for variable in model.variables]
        self._model = lambda: model
        keys = tf.lookup.KeyValueTensorInitializer(CLASSES, tf.range(len(CLASSES), dtype=tf.int64))
        self.table = tf.lookup.StaticHashTable(keys, -1)
        self.shape = shape

    def serving_default(self) -> Any:
        @tf.function(
            input_signature=[{"image": tf.TensorSpec([None, *self.shape], tf.float32, name="image")}]
        )
        def serving_default(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            probabilities = tf.nn.softmax(self._model()(features["image"], training=False))
            index = tf.argmax(probabilities, axis=1)
            return {"probabilities": probabilities, "label": tf.gather(tf.constant(CLASSES), index)}

        return serving_default

    def transform_features(self) -> Any:
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def transform_features(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            label = tf.io.parse_example(examples, {"label": tf.io.FixedLenFeature([], tf.string)})["label"]
            return {"label_xf": self.table.lookup(label)}

        return transform_features


def save(folder: Path, module: tf.Module, classes: list[str] = CLASSES, **signatures: Any) -> Path:
    """A SavedModel with its class names, as `trainer_modules.common.export` lays it out."""
    names = folder.parent / "class_names.txt"
    names.parent.mkdir(parents=True, exist_ok=True)
    names.write_text("".join(f"{name}\n" for name in classes))
    if classes:
        module.class_names_file = tf.saved_model.Asset(str(names))
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


def save_network(folder: Path) -> Path:
    module = Serving(network())
    return save(
        folder,
        module,
        serving_default=module.serving_default(),
        transform_features=module.transform_features(),
    )


def image_example(pixels: np.ndarray, label: str) -> bytes:
    return example(image=tf.io.encode_png(pixels).numpy(), label=label.encode(), file_name=b"x.png")


def example(**values: Any) -> bytes:
    """A tf.Example; None is a feature without a value."""
    made = tf.train.Example()
    for name, value in values.items():
        feature = made.features.feature[name]
        if isinstance(value, bytes):
            feature.bytes_list.value.append(value)
        elif isinstance(value, int):
            feature.int64_list.value.append(value)
        elif value is not None:
            feature.float_list.value.append(value)
        else:
            feature.SetInParent()
    return made.SerializeToString()


def examples(folder: Path, **splits: list[bytes]) -> standard_artifacts.Examples:
    """An Examples artifact as ExampleGen writes it."""
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(list(splits))
    for split, rows in splits.items():
        path = folder / f"Split-{split}"
        path.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path / "data_tfrecord-00000-of-00001.gz"), "GZIP") as writer:
            for row in rows:
                writer.write(row)
    return artifact


def image_examples(folder: Path, black: bool = False) -> standard_artifacts.Examples:
    """The digits, those for evaluation apart; `black` makes the training images all black."""
    pixels, labels = images()
    rows = [image_example(image, CLASSES[label]) for image, label in zip(pixels, labels, strict=True)]
    train = rows[:-EVAL_ROWS]
    if black:
        train = [
            image_example(np.zeros((8, 8, 1), np.uint8), CLASSES[label]) for label in labels[:-EVAL_ROWS]
        ]
    return examples(folder, train=train, eval=rows[-EVAL_ROWS:])
