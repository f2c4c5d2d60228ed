"""Every architecture at small width: it answers, learns, is saved, exported, and converted to TFLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from trainer_modules.architectures import build
from trainer_modules.architectures.config import VARIANTS, ArchitectureConfig, Name

CLASSES = 4


class Case(NamedTuple):
    values: dict[str, Any]
    shape: tuple[int, int, int] = (32, 32, 3)
    learning_rate: float = 0.01


def case(architecture: str, variant: str | None = None, **values: Any) -> dict[str, Any]:
    return {"architecture": architecture, "variant": variant, "dropout": 0.0, **values}


CASES = {
    "softmax": Case(case("softmax"), (28, 28, 1)),
    "mlp": Case(case("mlp", width=0.25, depth=2), (28, 28, 1)),
    "simple_cnn fashion_mnist": Case(case("simple_cnn", "fashion_mnist", width=0.125), (28, 28, 1)),
    "lenet5": Case(case("lenet5"), (28, 28, 1)),
    "alexnet two_towers": Case(case("alexnet", "two_towers", width=0.1), learning_rate=0.001),
    "vgg16 plain": Case(case("vgg16", "plain", width=0.1, depth=0.3), learning_rate=0.004),
    "resnet 18": Case(case("resnet", "18", width=0.125, depth=0.5), (28, 28, 1)),
    "inception batch_norm": Case(case("inception", "batch_norm", width=0.125, depth=0.2), (28, 28, 1)),
    "mobilenet_v1": Case(case("mobilenet_v1", width=0.25, depth=0.1)),
    "mobilenet_v2": Case(case("mobilenet_v2", width=0.25, depth=0.1)),
    "efficientnet b0": Case(case("efficientnet", "b0", width=0.25, depth=0.1)),
    "cspnet 121": Case(case("cspnet", "121", width=0.25, depth=0.1), (28, 28, 1)),
}
SLOW_CASES = {
    "simple_cnn cifar10": Case(case("simple_cnn", "cifar10", width=0.25)),
    "alexnet one_tower": Case(case("alexnet", "one_tower", width=0.1), (64, 64, 3), 0.001),
    "vgg16 batch_norm": Case(case("vgg16", "batch_norm", width=0.05, depth=0.3), (28, 28, 1)),
    "resnet 50": Case(case("resnet", "50", width=0.125, depth=0.3), (64, 64, 3)),
    "inception plain": Case(case("inception", "plain", width=0.125, depth=0.2), (64, 64, 3), 0.004),
    "mobilenet_v1 whole": Case(case("mobilenet_v1", width=0.25), (64, 64, 3)),
    "mobilenet_v2 whole": Case(case("mobilenet_v2", width=0.25), (64, 64, 3)),
    "efficientnet b0 whole": Case(case("efficientnet", "b0", width=0.25), (64, 64, 3)),
    "efficientnet lite0": Case(case("efficientnet", "lite0", width=0.25), (64, 64, 3)),
    "cspnet 169": Case(case("cspnet", "169", width=0.25, depth=0.3), (64, 64, 3)),
}
PARAMETERS = [
    *(pytest.param(case, id=name) for name, case in CASES.items()),
    *(pytest.param(case, id=name, marks=pytest.mark.slow) for name, case in SLOW_CASES.items()),
]


def patterns(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Fourteen noisy images in 0..1 of four classes: stripes across, stripes down, a board, a disc."""
    height, width, channels = shape
    rows, columns = np.mgrid[0:height, 0:width]
    disc = (rows - height / 2) ** 2 + (columns - width / 2) ** 2 < (height / 3) ** 2
    motifs = [rows // 4 % 2, columns // 4 % 2, (rows // 4 + columns // 4) % 2, disc]
    random = np.random.default_rng(7)
    labels = np.arange(14) % CLASSES
    images = np.stack([motifs[label] for label in labels])[..., None] * random.uniform(
        0.5, 0.8, (14, 1, 1, channels)
    )
    return (images + random.uniform(0, 0.2, (14, *shape))).astype("float32"), labels


class Tiny(NamedTuple):
    model: keras.Model
    images: np.ndarray
    labels: np.ndarray
    learning_rate: float


@pytest.fixture(scope="module", params=PARAMETERS)
def tiny(request: pytest.FixtureRequest) -> Iterator[Tiny]:
    values, shape, learning_rate = request.param
    keras.utils.set_random_seed(11)
    yield Tiny(build(ArchitectureConfig(**values), shape, CLASSES), *patterns(shape), learning_rate)
    keras.utils.clear_session()


def step(tiny: Tiny) -> tuple[float, list[Any]]:
    """The loss and the gradients of one training step over all images."""
    with tf.GradientTape() as tape:
        losses = keras.losses.sparse_categorical_crossentropy(
            tiny.labels, tiny.model(tiny.images, training=True), from_logits=True
        )
        loss = keras.ops.mean(losses)
    return float(loss), tape.gradient(loss, tiny.model.trainable_variables)


def test_every_architecture_has_a_case():
    assert {case.values["architecture"] for case in CASES.values()} == set(get_args(Name))
    assert set(VARIANTS) < set(get_args(Name))


def test_alexnets_towers_start_apart():
    model = build(ArchitectureConfig(architecture="alexnet", width=0.1), (28, 28, 1), CLASSES)
    assert not np.allclose(model.get_layer("conv2a").kernel, model.get_layer("conv2b").kernel)
    # The narrower the layers, the larger the weights: N(0, 0.01 / sqrt(0.1)).
    assert np.std(model.get_layer("fc6").kernel) == pytest.approx(0.0316, rel=0.02)


def test_images_to_logits(tiny):
    logits = tiny.model(tiny.images)
    assert (tiny.model.input.name, tiny.model.input.dtype) == ("image", "float32")
    assert tiny.model.output is tiny.model.get_layer("logits").output
    assert logits.shape == (14, CLASSES)
    assert logits.dtype == "float32"
    assert np.isfinite(logits).all()


def test_the_gradient_reaches_every_weight(tiny):
    _, gradients = step(tiny)
    missed = [
        weight.path
        for weight, gradient in zip(tiny.model.trainable_variables, gradients, strict=True)
        if gradient is None or not np.any(gradient)
    ]
    assert missed == []


def test_the_loss_halves_on_a_few_images_within_20_steps(tiny):
    optimizer = keras.optimizers.Adam(tiny.learning_rate)
    losses: list[float] = []
    while len(losses) < 20 and (not losses or losses[-1] > 0.5 * losses[0]):
        loss, gradients = step(tiny)
        optimizer.apply(gradients, tiny.model.trainable_variables)
        losses.append(loss)
    assert losses[-1] <= 0.5 * losses[0]


def test_a_saved_model_answers_the_same(tiny, tmp_path):
    tiny.model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(tiny.images), tiny.model(tiny.images), atol=1e-6)


def test_the_exported_model_in_tflite_answers_the_same(tiny, tmp_path):
    tiny.model.export(tmp_path, verbose=False)
    # Absolute where logits are small; relative where the few images were learnt by heart.
    expected = np.asarray(tiny.model(tiny.images[:2]))
    np.testing.assert_allclose(tflite(tmp_path, tiny.images[:2]), expected, atol=1e-4, rtol=1e-5)


def tflite(saved_model: Path, images: np.ndarray) -> np.ndarray:
    """Convert to TFLite in float32, with TFLite's own operations only, and run it."""
    converted = tf.lite.TFLiteConverter.from_saved_model(str(saved_model)).convert()
    interpreter = Interpreter(model_content=converted)
    (given,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(given["index"], images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], images)
    interpreter.invoke()
    return interpreter.get_tensor(result["index"])
