from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from common.errors import BadInput
from trainer_modules import architectures
from trainer_modules.architectures.config import ArchitectureConfig
from trainer_modules.image_classifier_config import Model
from trainer_modules.images import transfer
from trainer_modules.images.decoding import Form

FORM = Form(32, 32, 3)
SMALL = {"architecture": "mobilenet_v1", "width": 0.1}
IMAGES = np.random.RandomState(0).rand(8, 32, 32, 3).astype(np.float32)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A network with seven classes whose batch norm has seen something, in every form that it can be given in."""
    folder = tmp_path_factory.mktemp("pretrained")
    full = architectures.build(ArchitectureConfig(**SMALL), FORM.shape, 7)
    for layer in full.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            random = np.random.RandomState(len(layer.name))
            layer.set_weights([random.rand(*w.shape) + 0.5 for w in layer.get_weights()])
    features = keras.Model(full.input, full.get_layer("logits").input)
    full.save_weights(folder / "small.weights.h5")
    full.save(folder / "small.keras")
    features.export(str(folder / "saved_model"), verbose=False)
    return {"folder": folder, "features": features(IMAGES, training=False).numpy()}


def built(folder: Path, scores: int = 3, **options: Any) -> keras.Model:
    settings = {
        key: str(folder / value) if key != "fine_tune_from" else value for key, value in options.items()
    }
    own = SMALL if "weights" in settings else {"architecture": "softmax"}
    return transfer.build(Model(**own, transfer=settings), FORM, scores)


def count(model: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.parametrize(
    "source", [{"weights": "small.weights.h5"}, {"backbone": "small.keras"}, {"backbone": "saved_model"}]
)
def test_the_backbone_answers_as_it_did_and_the_head_alone_trains(
    pretrained: dict[str, Any], source: dict[str, str]
) -> None:
    model = built(pretrained["folder"], **source)
    found = model.get_layer("backbone")(IMAGES).numpy()
    np.testing.assert_allclose(found.reshape(8, -1), pretrained["features"], rtol=1e-4, atol=1e-5)
    assert model.output.shape == (None, 3)
    transfer.freeze(model)
    width = pretrained["features"].shape[1]
    assert count(model) == width * 3 + 3
    before = [weight.numpy() for weight in model.weights]
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(IMAGES, np.arange(8) % 3, epochs=1, verbose=0)
    changed = [not np.array_equal(weight, old) for weight, old in zip(model.weights, before, strict=True)]
    assert sum(changed) == 2


def hub(monkeypatch: pytest.MonkeyPatch, resolve: Callable[[str], str]) -> None:
    """TensorFlow Hub, whose downloads no test makes."""
    module = types.ModuleType("tensorflow_hub")
    module.resolve = resolve  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorflow_hub", module)


def test_a_handle_that_tensorflow_hub_resolves_is_a_saved_model(
    pretrained: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = "https://tfhub.dev/some/model/1"
    hub(monkeypatch, {handle: str(pretrained["folder"] / "saved_model")}.__getitem__)
    model = built(pretrained["folder"], backbone="saved_model")
    same = transfer.build(Model(architecture="softmax", transfer={"backbone": handle}), FORM, 3)
    same.set_weights(model.get_weights())
    np.testing.assert_allclose(same(IMAGES), model(IMAGES), rtol=1e-6)


@pytest.mark.parametrize(("first", "share"), [(-10, (0.05, 0.9)), (0, (0.999, 1.0))])
def test_fine_tuning_frees_the_layers_from_one_on(
    pretrained: dict[str, Any], first: int, share: tuple[float, float]
) -> None:
    model = built(pretrained["folder"], weights="small.weights.h5")
    backbone = model.get_layer("backbone")
    transfer.unfreeze(model, first)
    every = sum(
        int(np.prod(weight.shape))
        for layer in backbone.network.layers
        for weight in layer.weights
        if "moving" not in weight.name
    )
    assert share[0] < count(backbone) / every <= share[1]
    by_name = backbone.network.layers[first].name
    numbered = count(model)
    transfer.freeze(model)
    transfer.unfreeze(model, by_name)
    assert count(model) == numbered


def test_batch_norm_keeps_its_statistics_while_it_is_fine_tuned(pretrained: dict[str, Any]) -> None:
    model = built(pretrained["folder"], weights="small.weights.h5")
    transfer.unfreeze(model, 0)

    def weights(kind: str) -> list[np.ndarray]:
        return [w.numpy() for w in model.get_layer("backbone").weights if kind in w.path]

    statistics, kernels = weights("moving"), weights("kernel")
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(IMAGES, np.arange(8) % 3, epochs=2, verbose=0)
    for before, after in zip(statistics, weights("moving"), strict=True):
        np.testing.assert_array_equal(before, after)
    changed = [
        not np.array_equal(before, after) for before, after in zip(kernels, weights("kernel"), strict=True)
    ]
    assert all(changed)


def test_a_saved_model_is_fine_tuned_as_a_whole(pretrained: dict[str, Any]) -> None:
    model = built(pretrained["folder"], backbone="saved_model")
    transfer.freeze(model)
    frozen = count(model)
    transfer.unfreeze(model, 0)
    assert count(model) > 10 * frozen
    with pytest.raises(BadInput, match=r"fine_tune_from: a SavedModel shows no layers; 3 must be 0"):
        transfer.unfreeze(model, 3)


def test_pixels_are_brought_to_the_range_of_the_backbone(tmp_path: Path) -> None:
    image = keras.Input([2, 2, 1])
    keras.Model(image, keras.layers.Flatten()(image)).save(tmp_path / "flat.keras")
    settings = {"backbone": str(tmp_path / "flat.keras"), "pixels": [-1, 1]}
    model = transfer.build(Model(architecture="softmax", transfer=settings), Form(2, 2, 1), 2)
    inner = keras.Model(model.input, model.get_layer("features").output)
    found = inner(np.array([0.0, 0.25, 0.5, 1.0], np.float32).reshape(1, 2, 2, 1))
    np.testing.assert_allclose(np.ravel(found), [-1, -0.5, 0, 1], atol=1e-6)


def test_feature_maps_are_pooled_and_an_mlp_may_follow(tmp_path: Path) -> None:
    image = keras.Input([8, 8, 3])
    keras.Model(image, keras.layers.Conv2D(5, 3)(image)).save(tmp_path / "map.keras")
    settings = Model(
        architecture="mlp", width=0.1, transfer={"backbone": str(tmp_path / "map.keras")}, grad_cam=True
    )
    model = transfer.build(settings, Form(8, 8, 3), 4)
    assert model.get_layer("features").output.shape == (None, 1, 1, 5)
    assert model(IMAGES[:, :8, :8]).shape == (8, 4)


def wrong_architecture(folder: Path) -> keras.Model:
    weights = {"weights": str(folder / "small.weights.h5")}
    return transfer.build(Model(architecture="lenet5", transfer=weights), FORM, 3)


def wrong_width(folder: Path) -> keras.Model:
    settings = Model(
        architecture="mobilenet_v1", width=0.2, transfer={"weights": str(folder / "small.weights.h5")}
    )
    return transfer.build(settings, FORM, 3)


def not_an_image(folder: Path) -> keras.Model:
    settings = Model(architecture="softmax", transfer={"backbone": str(folder / "small.keras")})
    return transfer.build(settings, Form(16, 16, 1), 3)


def text(folder: Path, name: str) -> Path:
    (folder / name).write_text("text")
    return folder


def folder_without_model(folder: Path) -> keras.Model:
    (folder / "empty").mkdir(exist_ok=True)
    return built(folder, backbone="empty")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda folder: built(folder, weights="none.weights.h5"),
            r"transfer.weights: .*none.weights.h5: no such file",
        ),
        (
            lambda folder: built(text(folder, "text.weights.h5"), weights="text.weights.h5"),
            r"text.weights.h5 is no file of Keras weights: ",
        ),
        (
            wrong_width,
            r"small.weights.h5 does not fit mobilenet_v1: layer \S+ differs in its shapes, \[\[1, 1, \d+, 8",
        ),
        (wrong_architecture, r"small.weights.h5 does not fit lenet5: it has no layer c1"),
        (
            lambda folder: built(folder, backbone="none.keras"),
            r"transfer.backbone: .*none.keras: no such file",
        ),
        (
            lambda folder: built(text(folder, "text.keras"), backbone="text.keras"),
            "text.keras is no Keras model",
        ),
        (folder_without_model, r"transfer.backbone: .*empty is no SavedModel"),
        (not_an_image, r"takes no images of 16 x 16 x 1: .*; set trainer.model.image"),
    ],
)
def test_files_that_do_not_fit(
    pretrained: dict[str, Any], build: Callable[[Path], keras.Model], message: str
) -> None:
    with pytest.raises(BadInput, match=message) as error:
        build(pretrained["folder"])
    assert "\n" not in str(error.value)


def test_a_name_that_is_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def resolve(handle: str) -> str:
        raise ValueError(f"unsupported handle format {handle!r}")

    hub(monkeypatch, resolve)
    with pytest.raises(
        BadInput, match=r"nothing is no folder, no .keras file and no handle that answers: unsupported handle"
    ):
        built(tmp_path, backbone="nothing")
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    with pytest.raises(BadInput, match="as a handle of TensorFlow Hub it needs tensorflow-hub"):
        built(tmp_path, backbone="nothing")


@pytest.mark.parametrize(
    ("first", "message"),
    [("conv_99", "the backbone has no layer 'conv_99'; its last ones are"), (999, "999 is beyond")],
)
def test_layers_that_are_none(pretrained: dict[str, Any], first: Any, message: str) -> None:
    model = built(pretrained["folder"], weights="small.weights.h5")
    with pytest.raises(BadInput, match=message):
        transfer.unfreeze(model, first)
