from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import config_pb2

from common.errors import BadInput
from components import pixels
from tests.trainer_modules import contract, image_data
from trainer_modules import architectures, image_classifier
from trainer_modules.architectures.config import ArchitectureConfig
from trainer_modules.images.decoding import Form, decode_batch


def config(task: str = "multiclass", **sections: Any) -> dict[str, Any]:
    training = {"epochs": 2, "batch_size": 16, "learning_rate": 0.003, **sections.pop("training", {})}
    model = {"architecture": "simple_cnn", "width": 0.2, **sections.pop("model", {})}
    return {
        "task": task,
        "labels": ["label"],
        "features": {},
        "model": model,
        "training": training,
        **sections,
    }


def prepare(
    folder: Path, train: pd.DataFrame, valid: pd.DataFrame, custom_config: dict[str, Any]
) -> contract.Prepared:
    splits = {"train": train, "valid": valid}
    return contract.prepare(folder, splits, image_classifier.preprocessing_fn, custom_config)


def curves(prepared: contract.Prepared, run: str = "1") -> dict[str, Any]:
    return json.loads((prepared.folder / "Trainer" / "model_run" / run / "learning_curves.json").read_text())


def two_classes(split: str, rows: int) -> pd.DataFrame:
    frame = image_data.fashion_frame(split)
    return frame[frame["label"].isin(["Sneaker", "Bag"])][:rows].reset_index(drop=True)


# Of vgg16 and mobilenet_v1 no layer is missing here: alexnet and mobilenet_v2 have them. The depths leave every stage, and
# a block that repeats another.
SMALL = {
    "softmax": {"width": 1.0},
    "mlp": {"width": 0.1},
    "simple_cnn": {"width": 0.2, "grad_cam": True},
    "lenet5": {"width": 1.0, "grad_cam": True},
    "alexnet": {"width": 0.05, "image": {"size": [64, 64]}, "dropout": 0.0},
    "resnet": {"width": 0.1, "variant": "18", "image": {"size": [32, 32]}},
    "inception": {"width": 0.2, "depth": 0.3, "image": {"size": [32, 32]}},
    "mobilenet_v2": {"width": 0.1, "depth": 0.3, "image": {"size": [32, 32]}},
    "efficientnet": {"width": 0.1, "depth": 0.3, "variant": "b0", "image": {"size": [32, 32]}},
    "cspnet": {"width": 0.1, "depth": 0.1, "variant": "121", "image": {"size": [32, 32]}},
}
QUICK = ("simple_cnn",)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SMALL]
)
def test_contract(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = {"architecture": name, **SMALL[name]}
    frames = image_data.fashion_frame(), image_data.fashion_frame("t10k", 12)
    size = model.get("image", {}).get("size")
    if size:
        # The contract compares pixels with bytes: as the images are, pixels have the size of the model.
        frames = tuple(resized(frame, *size) for frame in frames)
    prepared = prepare(tmp_path, *frames, config(model=model))
    answers = contract.keep(prepared, image_classifier.run_fn, monkeypatch)
    names = sorted(image_data.class_names())
    truth = np.array(names)[answers["transform_features"]["label_xf"]]
    np.testing.assert_array_equal(truth, frames[1]["label"])
    assert (Path(prepared.model_dir()) / "assets" / "class_names.txt").read_text().splitlines() == names
    if model.get("grad_cam"):
        assert answers["grad_cam"]["heat_map"].shape == (12, 28, 28)
        np.testing.assert_array_equal(answers["grad_cam"]["label"], answers["serving_bytes"]["label"])


@pytest.mark.slow
def test_contract_of_two_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    custom_config = config(
        "binary", features={"positive_class": "Bag"}, training={"class_weights": "balanced"}
    )
    prepared = prepare(tmp_path, two_classes("train", 60), two_classes("t10k", 12), custom_config)
    answers = contract.keep(prepared, image_classifier.run_fn, monkeypatch)
    truth = np.array(["Sneaker", "Bag"])[answers["transform_features"]["label_xf"]]
    np.testing.assert_array_equal(truth, two_classes("t10k", 12)["label"])


def resized(frame: pd.DataFrame, height: int, width: int) -> pd.DataFrame:
    images = decode_batch(tf.constant(frame["image"].tolist()), Form(height, width, 1)).numpy()
    return image_data.frame(list(images), frame["label"].tolist())


@pytest.fixture(scope="module")
def fashion(tmp_path_factory: pytest.TempPathFactory) -> contract.Prepared:
    folder = tmp_path_factory.mktemp("fashion")
    return prepare(folder, image_data.fashion_frame(), image_data.fashion_frame("t10k", 30), config())


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> contract.Prepared:
    """Grey, RGB and RGBA images of many sizes, as PNG and JPEG, the ways that folders of pictures are."""
    images, labels = image_data.fashion()
    names = image_data.class_names()
    frames = []
    for number, (image, label) in enumerate(zip(images[:60], labels[:60], strict=True)):
        side = 24 + number % 3 * 10
        mode = ("L", "RGB", "RGBA", "LA")[number % 4]
        pixels = np.asarray(Image.fromarray(image[..., 0]).resize((side, side + 4)).convert(mode))
        encode = "jpeg" if mode in ("L", "RGB") and number % 8 < 4 else "png"
        frames.append(image_data.frame([pixels.reshape(side + 4, side, -1)], [names[label]], encode))
    frame = pd.concat(frames, ignore_index=True)
    custom_config = config(model={"image": {"size": [28, 28], "resize": "pad", "pad_value": 255}})
    return prepare(tmp_path_factory.mktemp("mixed"), frame[12:], frame[:12], custom_config)


def test_transformed_examples_hold_the_bytes_and_no_pixels(fashion: contract.Prepared) -> None:
    frame, found = image_data.fashion_frame(), contract.transformed(fashion, "train")
    assert set(found) == {"image_xf", "height_xf", "width_xf", "channels_xf", "label_xf"}
    assert found["image_xf"].tolist() == frame["image"].tolist()
    for name in ("height", "width", "channels"):
        np.testing.assert_array_equal(found[f"{name}_xf"], frame[name])
    names = sorted(image_data.class_names())
    np.testing.assert_array_equal(np.array(names)[found["label_xf"]], frame["label"])


def test_mixed_images_are_trained_on_and_answered(mixed: contract.Prepared) -> None:
    image_classifier.run_fn(mixed.fn_args())
    assert curves(mixed)["loss"][1] < curves(mixed)["loss"][0]
    signatures = tf.saved_model.load(mixed.model_dir()).signatures
    assert signatures["serving_default"].structured_input_signature[1]["image"].shape == (None, 28, 28, 3)
    encoded = contract.transformed(mixed, "valid")["image_xf"]
    by_bytes = signatures["serving_bytes"](image_bytes=tf.constant(encoded))
    by_examples = signatures["serving_examples"](examples=tf.constant(mixed.raw["valid"]))
    pixels = decode_batch(tf.constant(encoded), Form(28, 28, 3, "pad", 255))
    by_pixels = signatures["serving_default"](image=tf.cast(pixels, tf.float32))
    for other in (by_examples, by_pixels):
        np.testing.assert_allclose(other["probabilities"], by_bytes["probabilities"], atol=1e-5)
        np.testing.assert_array_equal(other["label"], by_bytes["label"])


@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
def test_the_pixels_that_the_model_makes_of_a_file_bit_for_bit(mixed: contract.Prepared, resize: str) -> None:
    image = {"size": [20, 28], "resize": resize, "pad_value": 9}
    custom_config = config(model={"image": image}, training={"epochs": 1})
    image_classifier.run_fn(mixed.fn_args(resize, custom_config=custom_config))
    loaded = tf.saved_model.load(mixed.model_dir(resize))
    encoded = contract.transformed(mixed, "valid")["image_xf"].tolist()
    assert {bytes(one[:2]) for one in encoded} == {b"\x89P", b"\xff\xd8"}
    found = pixels.decoder(loaded)(encoded, (20, 28, 3))
    expected = decode_batch(tf.constant(encoded), Form(20, 28, 3, resize, 9)).numpy()
    np.testing.assert_array_equal(found, expected)
    by_pixels = loaded.signatures["serving_default"](image=tf.constant(found, tf.float32))
    by_bytes = loaded.signatures["serving_bytes"](image_bytes=tf.constant(encoded))
    np.testing.assert_array_equal(by_pixels["probabilities"], by_bytes["probabilities"])


def test_pixels_of_another_shape_are_refused(fashion: contract.Prepared) -> None:
    image_classifier.run_fn(fashion.fn_args("shapes", custom_config=config(training={"epochs": 1})))
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], fashion.model_dir("shapes"))
        signature = loaded.signature_def["serving_default"]
        options = config_pb2.CallableOptions(
            feed=[signature.inputs["image"].name], fetch=[signature.outputs["probabilities"].name]
        )
        # As a server calls it: unlike session.run it does not compare what it is fed with the placeholder.
        ask = session._make_callable_from_options(options)
        assert ask(np.zeros([2, 28, 28, 1], np.float32))[0].shape == (2, 10)
        for shape in ([1, 30, 30, 1], [1, 28, 28, 3], [1, 28, 28]):
            with pytest.raises(tf.errors.InvalidArgumentError, match=r"expected shape \[\?,28,28,1\]"):
                ask(np.zeros(shape, np.float32))


def test_images_of_many_sizes_need_one_size(mixed: contract.Prepared) -> None:
    with pytest.raises(
        BadInput, match=r"train split have 3 sizes \(28 x 24 to 48 x 44\): set trainer.model.image"
    ):
        image_classifier.run_fn(mixed.fn_args("sizes", custom_config=config()))


def test_an_efficientnet_takes_the_size_of_its_paper(
    mixed: contract.Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Built(Exception):
        pass

    def build(settings: Any, shape: tuple[int, int, int], classes: int) -> keras.Model:
        raise Built(shape, classes)

    monkeypatch.setattr(architectures, "build", build)
    model = {"architecture": "efficientnet", "variant": "b1", "width": 1.0}
    with pytest.raises(Built) as found:
        image_classifier.run_fn(mixed.fn_args("size", custom_config=config(model=model)))
    assert found.value.args == ((240, 240, 3), 10)


def killed_and_unbroken(
    prepared: contract.Prepared, custom_config: dict[str, Any], epoch: int, *, exported: bool
) -> dict[str, dict[str, Any]]:
    """Curves of a training that was killed after an epoch and started again, and of one that was not, and may export."""
    checkpoints = prepared.folder / "Trainer" / "checkpoints"
    with contract.killed_after(epoch):
        image_classifier.run_fn(prepared.fn_args("killed", custom_config=custom_config))
    assert list(checkpoints.glob("*/state.npz"))
    for run in ("resumed", "unbroken"):
        with pytest.MonkeyPatch.context() as patch:
            if run == "resumed" or not exported:
                contract.export_nothing(patch)
            image_classifier.run_fn(prepared.fn_args(run, custom_config=custom_config))
        assert not list(checkpoints.glob("*"))
    for resumed, unbroken in zip(prepared.weights("resumed"), prepared.weights("unbroken"), strict=True):
        np.testing.assert_allclose(resumed, unbroken, rtol=1e-5, atol=1e-6)
    return {run: curves(prepared, run) for run in ("resumed", "unbroken")}


AUGMENTATION = {"flip": "horizontal", "rotation": 10, "zoom": 0.1, "shift": 0.1, "brightness": 0.1}


@pytest.mark.parametrize("cache_mb", [64, 0])
def test_a_killed_training_ends_with_the_same_weights(fashion: contract.Prepared, cache_mb: int) -> None:
    training = {"epochs": 3, "cache_mb": cache_mb, "augmentation": AUGMENTATION, "batch_size": 24}
    custom_config = config(model={"dropout": 0.2}, training=training)
    found = killed_and_unbroken(fashion, custom_config, 2, exported=False)
    assert found["resumed"]["resumed_after_epoch"] == 2
    assert found["unbroken"]["resumed_after_epoch"] == 0
    for name in ("loss", "val_loss"):
        assert found["resumed"][name] == pytest.approx(found["unbroken"][name], rel=1e-4)


def test_a_pretrained_network_is_frozen_and_then_fine_tuned(
    fashion: contract.Prepared, tmp_path: Path
) -> None:
    small = {"architecture": "mobilenet_v1", "width": 0.1, "depth": 0.2}
    full = architectures.build(ArchitectureConfig(**small), (28, 28, 1), 7)
    full.save_weights(tmp_path / "small.weights.h5")
    transfer = {
        "weights": str(tmp_path / "small.weights.h5"),
        "fine_tune_from": -8,
        "fine_tune_epochs": 2,
    }
    custom_config = config(
        model={**small, "transfer": transfer, "grad_cam": True}, training={"learning_rate": 0.01}
    )
    found = killed_and_unbroken(fashion, custom_config, 3, exported=True)
    assert found["resumed"]["epoch"] == found["unbroken"]["epoch"] == [1, 2, 3, 4]
    assert found["resumed"]["resumed_after_epoch"] == 3
    frozen, fine_tuned = found["unbroken"]["stages"]
    features = full.get_layer("logits").input.shape[-1]
    assert (frozen["stage"], frozen["trainable"]) == ("frozen", features * 10 + 10)
    assert (fine_tuned["stage"], fine_tuned["first_epoch"]) == ("fine_tuned", 3)
    assert fine_tuned["trainable"] > frozen["trainable"]
    assert frozen["trainable"] + frozen["frozen"] == fine_tuned["trainable"] + fine_tuned["frozen"]
    assert fine_tuned["learning_rate"] == pytest.approx(frozen["learning_rate"] / 10)
    heat = tf.saved_model.load(fashion.model_dir("unbroken")).signatures["grad_cam"]
    assert heat(image_bytes=tf.constant(image_data.fashion_frame("t10k", 2)["image"]))["heat_map"].shape == (
        2,
        28,
        28,
    )


@pytest.mark.slow
def test_contract_of_a_saved_model_as_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = architectures.build(
        ArchitectureConfig(architecture="resnet", variant="18", width=0.1), (28, 28, 1), 7
    )
    keras.Model(full.input, full.get_layer("logits").input).export(str(tmp_path / "backbone"), verbose=False)
    transfer = {"backbone": str(tmp_path / "backbone"), "fine_tune_from": 0, "fine_tune_epochs": 1}
    model = {"architecture": "softmax", "width": 1.0, "transfer": transfer}
    frames = image_data.fashion_frame(), image_data.fashion_frame("t10k", 12)
    prepared = prepare(tmp_path, *frames, config(model=model, training={"learning_rate": 0.01}))
    contract.keep(prepared, image_classifier.run_fn, monkeypatch)


@pytest.mark.parametrize(
    "switch", [{"mixed_precision": "float16"}, {"mixed_precision": "bfloat16"}, {"jit_compile": True}]
)
def test_faster_arithmetic_trains_and_exports_float32(
    fashion: contract.Prepared, switch: dict[str, Any]
) -> None:
    run = "_".join(map(str, *switch.items()))
    custom_config = config(training={"label_smoothing": 0.1, "warmup_epochs": 0.5, **switch})
    image_classifier.run_fn(fashion.fn_args(run, custom_config=custom_config))
    found = curves(fashion, run)
    assert found["loss"][1] < found["loss"][0]
    assert keras.config.dtype_policy().name == "float32"
    assert all(weight.dtype == np.float32 for weight in fashion.weights(run))
    signature = tf.saved_model.load(fashion.model_dir(run)).signatures["serving_bytes"]
    valid = contract.transformed(fashion, "valid")
    answer = signature(image_bytes=tf.constant(valid["image_xf"]))["label"].numpy().astype(str)
    truth = np.array(sorted(image_data.class_names()))[valid["label_xf"]]
    in_training = found["val_accuracy"][found["best_epoch"] - 1]
    # One image more or less, which the coarser numbers may turn.
    assert np.mean(answer == truth) == pytest.approx(in_training, abs=1 / len(truth) + 1e-6)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(
    fashion: contract.Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract.export_nothing(monkeypatch)
    losses = []
    for run, seed in (("a", 3), ("b", 3), ("c", 4)):
        custom_config = config(training={"epochs": 1, "seed": seed, "augmentation": AUGMENTATION})
        image_classifier.run_fn(fashion.fn_args(run, custom_config=custom_config))
        losses.append(curves(fashion, run)["loss"][0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0] != pytest.approx(losses[2], rel=1e-3)


def test_warm_start_goes_on_from_the_last_blessed_model(
    fashion: contract.Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract.export_nothing(monkeypatch)

    def val_loss(run: str, **training: Any) -> list[float]:
        base = None if run == "base" else fashion.model_dir("base")
        custom_config = config(training={"epochs": 1, **training})
        image_classifier.run_fn(fashion.fn_args(run, custom_config=custom_config, base_model=base))
        return curves(fashion, run)["val_loss"]

    first = val_loss("base", epochs=8)
    warm, cold = val_loss("warm", warm_start=True), val_loss("cold")
    assert warm[0] < (first[0] + min(first)) / 2 < cold[0]
    wider = config(model={"width": 0.5}, training={"warm_start": True})
    with pytest.raises(BadInput, match=r"warm_start: the last blessed model does not fit .*conv1"):
        image_classifier.run_fn(
            fashion.fn_args("misfit", custom_config=wider, base_model=fashion.model_dir("base"))
        )


def inputs(**changes: Any) -> dict[str, tf.Tensor]:
    return {"image": tf.constant([["png"]]), "label": tf.constant([["a"]]), **changes}


@pytest.mark.parametrize(
    ("custom_config", "features", "message"),
    [
        (config("regression"), inputs(), "takes task binary or multiclass, not regression"),
        (config(labels=["a", "b"]), inputs(), "takes one label, got 2: a, b"),
        (config(labels=["kind"]), inputs(), r"no feature 'kind' \(they have image, label\)"),
        (config(), {"label": tf.constant([["a"]])}, r"no feature 'image' \(they have label\)"),
        (config(), inputs(image=tf.constant([[1.0]])), "'image' is float32: encoded images"),
    ],
)
def test_examples_and_tasks_that_do_not_fit(
    custom_config: dict[str, Any], features: dict[str, tf.Tensor], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        image_classifier.preprocessing_fn(features, custom_config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            lambda given: {**given, "task": "binary"},
            r"label 'label' has 10 classes \(.*\): set task to multiclass",
        ),
        (
            lambda given: {**given, "model": {"architecture": "simple_cnn", "image": {"size": [8, 8]}}},
            "needs images of at least 10 x 10 pixels, these have 8 x 8",
        ),
        (
            lambda given: {**given, "training": {"early_stopping": {"metric": "auc"}}},
            "early_stopping.metric: 'auc' is none of accuracy, loss",
        ),
    ],
)
def test_data_and_configuration_that_do_not_fit(
    fashion: contract.Prepared, changes: Callable[[dict[str, Any]], dict[str, Any]], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        image_classifier.run_fn(fashion.fn_args("bad", custom_config=changes(config())))
    assert not list((fashion.folder / "Trainer" / "checkpoints").glob("*"))
