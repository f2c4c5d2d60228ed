"""The models and requests of the load test.

    python -m benchmarks.serving_models FOLDER

Writes FOLDER/models/<name>/1 and one request per protocol, FOLDER/requests/<name>.{grpc,rest}, ready to be sent, so that
the load client needs no TensorFlow. penguin is trained and pushed by its own pipeline; the networks have random weights.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from benchmarks.measure import command, mlpipe
from trainer_modules.architectures import build
from trainer_modules.architectures.config import ArchitectureConfig

PENGUIN = {
    "island": [b"Torgersen"],
    "bill_length_mm": [39.1],
    "bill_depth_mm": [18.7],
    "flipper_length_mm": [181],
    "body_mass_g": [3750],
    "sex": [b"male"],
    "year": [2007],
}


def main() -> None:
    folder = Path(sys.argv[1])
    (folder / "requests").mkdir(parents=True, exist_ok=True)
    _penguin(folder)
    keras.utils.set_random_seed(0)
    _network(folder, "fashion", small_cnn())
    _network(folder, "resnet20", resnet20())
    resnet18 = ArchitectureConfig(architecture="resnet", variant="18")
    _network(folder, "resnet18", build(resnet18, (32, 32, 3), 10))


def small_cnn() -> keras.Model:
    """A convolutional network for the 28x28 pictures of Fashion-MNIST."""
    picture = keras.Input((28, 28, 1), name="images")
    x = layers.MaxPooling2D()(layers.Conv2D(16, 3, activation="relu")(picture))
    x = layers.MaxPooling2D()(layers.Conv2D(32, 3, activation="relu")(x))
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    return keras.Model(picture, layers.Dense(10, activation="softmax")(x))


def resnet20() -> keras.Model:
    """ResNet-20 for 32x32 pictures: He et al., Deep Residual Learning for Image Recognition (2015), section 4.2."""
    picture = keras.Input((32, 32, 3), name="images")
    x = layers.ReLU()(_convolved(picture, 16, 1))
    for filters in (16, 32, 64):
        for block in range(3):
            stride = 2 if filters > 16 and not block else 1
            y = _convolved(layers.ReLU()(_convolved(x, filters, stride)), filters, 1)
            if stride > 1:
                x = ops.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (0, filters // 2)))
            x = layers.ReLU()(layers.Add()([x, y]))
    return keras.Model(picture, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


def _convolved(x: keras.KerasTensor, filters: int, stride: int) -> keras.KerasTensor:
    convolution = layers.Conv2D(filters, 3, stride, "same", use_bias=False)
    return layers.BatchNormalization()(convolution(x))


def _network(folder: Path, name: str, model: keras.Model) -> None:
    shape = model.input_shape[1:]
    model.export(str(folder / "models" / name / "1"), verbose=False)
    picture = np.random.default_rng(0).random((1, *shape), np.float32).round(4)
    _requests(folder, name, {model.inputs[0].name: picture}, [picture[0].tolist()])


def _penguin(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as home:
        command(mlpipe("run", "penguin", "--home", home), Path(home) / "log")
        shutil.copytree(Path(home) / "serving" / "penguin" / "1", folder / "models" / "penguin" / "1")
    loaded = tf.saved_model.load(str(folder / "models" / "penguin" / "1"))
    specs = loaded.signatures["serving_default"].structured_input_signature[1]
    inputs = {name: np.array(PENGUIN[name], spec.dtype.as_numpy_dtype) for name, spec in specs.items()}
    row = {name: value.decode() if isinstance(value, bytes) else value for name, (value,) in PENGUIN.items()}
    _requests(folder, "penguin", inputs, [row])


def _requests(folder: Path, name: str, inputs: Mapping[str, np.ndarray], instances: list) -> None:
    request = PredictRequest()
    request.model_spec.name = name
    for alias, array in inputs.items():
        request.inputs[alias].CopyFrom(tf.make_tensor_proto(array))
    (folder / "requests" / f"{name}.grpc").write_bytes(request.SerializeToString())
    (folder / "requests" / f"{name}.rest").write_text(json.dumps({"instances": instances}))


if __name__ == "__main__":
    main()
