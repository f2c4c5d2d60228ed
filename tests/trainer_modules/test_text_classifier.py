from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from common.errors import BadInput
from tests.trainer_modules import contract, text_data
from trainer_modules import text_classifier

ODD = ["", "   ", "🙂🙂 ¡qué! 漢字 مرحبا", "unheard-of words entirely", "great " * 3000, "great\ngreat\tfilm"]


def config(task: str = "binary", **sections: Any) -> dict[str, Any]:
    training = {"epochs": 3, "batch_size": 16, "learning_rate": 0.01, **sections.pop("training", {})}
    model = {"architecture": "average", "embedding": 8, "max_tokens": 60, **sections.pop("model", {})}
    tokenizer = {"min_frequency": 1, "strip_html": True}
    return {
        "task": task,
        "labels": ["label"],
        "features": {"tokenizer": tokenizer, **sections.pop("features", {})},
        "model": model,
        "training": training,
        **sections,
    }


def prepare(
    folder: Path, custom_config: dict[str, Any], train: pd.DataFrame | None = None, valid: Any = None
) -> contract.Prepared:
    splits = {
        "train": text_data.frame(64) if train is None else train,
        "valid": text_data.frame(16, start=200) if valid is None else valid,
    }
    return contract.prepare(folder, splits, text_classifier.preprocessing_fn, custom_config)


def curves(prepared: contract.Prepared, run: str = "1") -> dict[str, Any]:
    return json.loads((prepared.folder / "Trainer" / "model_run" / run / "learning_curves.json").read_text())


SMALL: dict[str, dict[str, Any]] = {
    "average": {"hidden": 8},
    "gru": {"units": 8, "layers": 2, "bidirectional": True, "pooling": "mean"},
    "lstm": {"units": 8},
    "bilstm": {"units": 8},
    "stacked_lstm": {"units": 8, "bidirectional": True, "pooling": "max", "embedding_dropout": 0.1},
    "textcnn": {"units": 8, "widths": [1, 3, 5], "keep": "last"},
    "transformer": {"heads": 2, "layers": 1},
}
QUICK = ("average",)
CNN = {"architecture": "textcnn", "units": 8}


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SMALL]
)
def test_contract(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare(tmp_path, config(model={"architecture": name, **SMALL[name]}))
    answers = contract.keep(prepared, text_classifier.run_fn, monkeypatch)
    truth = np.array(["bad", "good"])[answers["transform_features"]["label_xf"]]
    np.testing.assert_array_equal(truth, text_data.frame(16, start=200)["label"])
    assert (Path(prepared.model_dir()) / "assets" / "class_names.txt").read_text().splitlines() == [
        "bad",
        "good",
    ]


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> contract.Prepared:
    return prepare(tmp_path_factory.mktemp("reviews"), config())


def train(
    prepared: contract.Prepared, run: str, custom_config: dict[str, Any], **changes: Any
) -> dict[str, Any]:
    text_classifier.run_fn(prepared.fn_args(run, custom_config=custom_config, **changes))
    return curves(prepared, run)


def asked(model_dir: str, texts: list[str]) -> dict[str, np.ndarray]:
    signature = tf.saved_model.load(model_dir).signatures["serving_default"]
    return {name: value.numpy() for name, value in signature(text=tf.constant(texts)).items()}


def test_transformed_examples_hold_the_text_and_no_tokens(reviews: contract.Prepared) -> None:
    frame, found = text_data.frame(64), contract.transformed(reviews, "train")
    assert set(found) == {"text_xf", "label_xf"}
    assert [text.decode() for text in found["text_xf"]] == frame["text"].tolist()
    np.testing.assert_array_equal(np.array(["bad", "good"])[found["label_xf"]], frame["label"])


def test_a_trained_model_answers_any_text(reviews: contract.Prepared) -> None:
    found = train(
        reviews,
        "odd",
        config(model=CNN, training={"epochs": 8, "label_smoothing": 0.1, "class_weights": "balanced"}),
    )
    assert found["val_accuracy"][found["best_epoch"] - 1] == 1.0
    together = asked(reviews.model_dir("odd"), [*ODD, "The film is awful.", "Her acting is lovely!"])
    assert together["probability"].shape == (8, 1)
    assert np.isfinite(together["probability"]).all()
    assert together["label"].tolist()[-2:] == [b"bad", b"good"]
    assert together["probability"][0] == together["probability"][1]
    for row, text in enumerate(ODD):
        alone = asked(reviews.model_dir("odd"), [text])
        np.testing.assert_allclose(alone["probability"][0], together["probability"][row], atol=1e-5)


@pytest.mark.slow
def test_classes_may_be_many(tmp_path: Path) -> None:
    classes = ("bad", "good", "mixed")
    custom_config = config("multiclass", model=CNN, training={"epochs": 4})
    prepared = prepare(
        tmp_path, custom_config, text_data.frame(60, classes), text_data.frame(12, classes, start=300)
    )
    train(prepared, "three", custom_config)
    found = asked(prepared.model_dir("three"), ["Its ending is tolerable.", ""])
    assert found["probabilities"].shape == (2, 3)
    np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1, atol=1e-6)
    assert found["label"][0] == b"mixed"


_FRESH = """
import sys
import tensorflow as tf
if sys.argv[2] == "subwords":
    import tensorflow_text
model = tf.saved_model.load(sys.argv[1])
print(model.signatures["serving_default"](text=tf.constant(["The film is lovely!", ""]))["probability"].numpy().tolist())
assert sys.argv[2] == "subwords" or "tensorflow_text" not in sys.modules
"""


@pytest.mark.parametrize("kind", [pytest.param("characters", marks=pytest.mark.slow), "subwords"])
def test_other_tokens_live_in_the_exported_model(kind: str, tmp_path: Path) -> None:
    tokenizer = {"kind": kind, "strip_html": True} | ({"size": 80} if kind == "subwords" else {})
    custom_config = config(
        features={"tokenizer": tokenizer, "positive_class": "bad"}, model={"architecture": "average"}
    )
    prepared = prepare(tmp_path, custom_config)
    found = train(prepared, "1", custom_config)
    assert found["loss"][-1] < found["loss"][0]
    model_dir = prepared.model_dir()
    done = subprocess.run(
        [sys.executable, "-c", _FRESH, model_dir, kind],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = asked(model_dir, ["The film is lovely!", ""])["probability"]
    np.testing.assert_allclose(json.loads(done.stdout), answers, atol=1e-6)
    assert (Path(model_dir) / "assets" / "text_tokens.model").exists() == (kind == "subwords")


def test_a_killed_training_ends_with_the_same_weights(
    reviews: contract.Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    custom_config = config(model={"architecture": "lstm", "units": 8})
    contract.export_nothing(monkeypatch)
    with contract.killed_after(1):
        train(reviews, "killed", custom_config)
    resumed, unbroken = (train(reviews, run, custom_config) for run in ("resumed", "unbroken"))
    assert (resumed["resumed_after_epoch"], unbroken["resumed_after_epoch"]) == (1, 0)
    assert resumed["val_loss"] == pytest.approx(unbroken["val_loss"], rel=1e-4)
    assert not list((reviews.folder / "Trainer" / "checkpoints").glob("*"))


def vectors(folder: Path, **changes: Any) -> dict[str, Any]:
    path = folder / "glove.txt"
    path.write_text("lovely 5 0 0\nawful -5 0 0\nfilm 0 1 0\n")
    return {"architecture": "average", "vectors": {"file": str(path), **changes}, "embedding": 3}


@pytest.mark.parametrize("trainable", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_pretrained_vectors_are_frozen_or_tuned(
    reviews: contract.Prepared,
    tmp_path: Path,
    trainable: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    contract.export_nothing(monkeypatch)
    run = f"vectors_{trainable}"
    caplog.set_level("INFO")
    train(reviews, run, config(model=vectors(tmp_path, trainable=trainable)))
    assert "glove.txt has vectors of 3 of " in caplog.text
    with np.load(Path(reviews.model_dir(run)) / "assets.extra" / "warm_start.npz") as saved:
        names, table = json.loads(str(saved["names"]))["inputs"], saved["weight_0"]
    assert table.shape == (len(names), 3)
    assert (table[names.index("lovely")].tolist() == [5, 0, 0]) is not trainable


@pytest.mark.slow
def test_warm_start_takes_the_rows_of_known_words_over(
    reviews: contract.Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract.export_nothing(monkeypatch)

    def val_loss(run: str, **training: Any) -> list[float]:
        base = None if run == "base" else reviews.model_dir("base")
        return train(reviews, run, config(training={"epochs": 1, **training}), base_model=base)["val_loss"]

    first = val_loss("base", epochs=8, learning_rate=0.03)
    warm, cold = val_loss("warm", warm_start=True), val_loss("cold")
    assert warm[0] < (first[0] + min(first)) / 2 < cold[0]


def inputs(**changes: Any) -> dict[str, tf.Tensor]:
    return {"text": tf.constant([["a film"]]), "label": tf.constant([["a"]]), **changes}


@pytest.mark.parametrize(
    ("custom_config", "features", "message"),
    [
        (config("regression"), inputs(), "takes task binary or multiclass, not regression"),
        (config(labels=["a", "b"]), inputs(), "takes one label, got 2: a, b"),
        (config(features={"column": "review"}), inputs(), r"no column 'review' \(they have label, text\)"),
        (config(), inputs(text=tf.constant([[1.0]])), "column 'text' is float32: text_classifier takes text"),
    ],
)
def test_examples_and_tasks_that_do_not_fit(
    custom_config: dict[str, Any], features: dict[str, tf.Tensor], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        text_classifier.preprocessing_fn(features, custom_config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            lambda given: {**given, "model": vectors(Path(given["folder"])) | {"embedding": 9}},
            "embedding is 9",
        ),
        (
            lambda given: {**given, "training": {"early_stopping": {"metric": "f1"}}},
            "early_stopping.metric: 'f1' is none of accuracy, auc, loss",
        ),
    ],
)
def test_data_and_configuration_that_do_not_fit(
    reviews: contract.Prepared,
    tmp_path: Path,
    changes: Callable[[dict[str, Any]], dict[str, Any]],
    message: str,
) -> None:
    with pytest.raises(BadInput, match=message):
        train(reviews, "bad", changes({**config(), "folder": str(tmp_path)}))
    assert not list((reviews.folder / "Trainer" / "checkpoints").glob("*"))
