from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tfx.components.tuner.executor import write_best_hyperparameters
from tfx.types.standard_artifacts import HyperParameters, TunerResults

from common.errors import BadInput
from tests.trainer_modules import contract
from trainer_modules import tabular

PENGUINS = Path(__file__).parents[2] / "data" / "penguins" / "penguins.csv"


def penguins() -> pd.DataFrame:
    return pd.read_csv(PENGUINS).sample(frac=1, random_state=5).reset_index(drop=True)


def config(task: str, labels: list[str], **sections: Any) -> dict[str, Any]:
    training = {"epochs": 15, "learning_rate": 0.02, "batch_size": 16, **sections.pop("training", {})}
    return {
        "task": task,
        "labels": labels,
        "features": {},
        "model": {"hidden": [8]},
        "training": training,
        **sections,
    }


def prepare(
    folder: Path, frame: pd.DataFrame, custom_config: dict[str, Any], valid: int = 25
) -> contract.Prepared:
    splits = {"train": frame[valid:], "valid": frame[:valid]}
    return contract.prepare(folder, splits, tabular.preprocessing_fn, custom_config)


def two_species() -> pd.DataFrame:
    frame = penguins()
    return frame[frame["species"] != "Gentoo"]


CASES = {
    "classes with missing values": (
        penguins(),
        config("multiclass", ["species"], features={"bucketed": {"body_mass_g": 4}, "categorical": ["year"]}),
    ),
    "two classes as text": (two_species(), config("binary", ["species"], model={"hidden": []})),
    "two classes as numbers": (
        two_species().assign(species=lambda frame: (frame["species"] == "Chinstrap").astype(int)),
        config("binary", ["species"], training={"class_weights": "balanced"}),
    ),
    "one number": (
        penguins().dropna(subset=["body_mass_g"]),
        config("regression", ["body_mass_g"], model={"hidden": [8], "batch_norm": True, "dropout": 0.1}),
    ),
    "several numbers": (
        penguins().dropna(subset=["body_mass_g"]).rename(columns={"flipper_length_mm": "flipper (mm)"}),
        config("regression", ["body_mass_g", "flipper (mm)"], training={"loss": "huber"}),
    ),
}


QUICK = ("classes with missing values", "several numbers")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_contract(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, custom_config = CASES[name]
    prepared = prepare(tmp_path, frame[:90], custom_config)
    answers = contract.keep(prepared, tabular.run_fn, monkeypatch)
    if custom_config["task"] == "regression":
        return
    names = sorted(frame["species"].astype(str).unique())
    truth = np.array(names)[answers["transform_features"]["species_xf"]]
    np.testing.assert_array_equal(truth, frame["species"][:25].astype(str))
    assert np.mean(answers["serving_examples"]["label"].astype(str) == truth) > 0.8
    assert (Path(prepared.model_dir()) / "assets" / "class_names.txt").read_text().split() == names


def test_linear_model_recovers_weights_in_raw_units(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    x = random.randn(600, 2) * [3.0, 0.5] + [10.0, -2.0]
    y = x @ [2.0, -3.4] + 4.2 + random.randn(600) * 0.01
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y}).astype("float32")
    training = {"learning_rate": 0.05, "epochs": 40, "loss": "mse", "decay": "cosine", "batch_size": 32}
    prepared = prepare(
        tmp_path, frame, config("regression", ["y"], model={"hidden": []}, training=training), 100
    )
    tabular.run_fn(prepared.fn_args())
    signature = tf.saved_model.load(prepared.model_dir()).signatures["serving_default"]

    def predict(a: float, b: float) -> float:
        return float(signature(a=tf.constant([a], tf.float32), b=tf.constant([b], tf.float32))["y"][0, 0])

    assert predict(1.0, 0.0) - predict(0.0, 0.0) == pytest.approx(2.0, abs=0.02)
    assert predict(0.0, 1.0) - predict(0.0, 0.0) == pytest.approx(-3.4, abs=0.02)
    assert predict(0.0, 0.0) == pytest.approx(4.2, abs=0.02)


def odd_columns() -> pd.DataFrame:
    rows = 40
    nothing = [None] * rows
    return pd.DataFrame(
        {
            "constant": np.full(rows, 7.0),
            "nothing": pd.Series(nothing, dtype="float64"),
            "no text": pd.Series(nothing, dtype="object"),
            "moment": 1_400_000_000 + np.arange(rows),
            "code": [3, 11] * (rows // 2),
            "rare": ["often"] * (rows - 1) + ["once"],
            "gaps": [None if i % 4 == 0 else float(i) for i in range(rows)],
            "steps (n)": [None if i % 5 == 0 else float(i) for i in range(rows)],
            "left out": ["x"] * rows,
            "label": ["b", "a", "c", "a"] * (rows // 4),
        }
    )


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> contract.Prepared:
    features = {
        "categorical": ["code"],
        "bucketed": {"steps (n)": 4},
        "exclude": ["left out"],
        "frequency_threshold": 2,
    }
    custom_config = config("multiclass", ["label"], features=features, training={"epochs": 2})
    folder = tmp_path_factory.mktemp("odd")
    splits = {"train": odd_columns(), "valid": odd_columns()[:8]}
    return contract.prepare(folder, splits, tabular.preprocessing_fn, custom_config)


def test_odd_columns_are_transformed_without_nan(odd: contract.Prepared) -> None:
    frame, found = odd_columns(), contract.transformed(odd, "train")
    assert all(np.isfinite(value).all() for value in found.values())
    for name in ("constant", "nothing"):
        np.testing.assert_array_equal(found[f"{name}_xf"], np.zeros(40))
    np.testing.assert_array_equal(found["nothing_xf_missing"], np.ones(40))
    np.testing.assert_array_equal(found["no text_xf"], np.zeros(40))
    moment = (np.arange(40) - 19.5) / np.arange(40).std()
    np.testing.assert_allclose(found["moment_xf"], moment, rtol=1e-4)
    gaps = ((frame["gaps"] - frame["gaps"].mean()) / frame["gaps"].std(ddof=0)).fillna(0.0)
    np.testing.assert_allclose(found["gaps_xf"], gaps, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found["gaps_xf_missing"], frame["gaps"].isna())
    assert "moment_xf_missing" not in found
    assert "left out_xf" not in found


def test_categories_buckets_and_classes_have_their_indices(odd: contract.Prepared) -> None:
    frame, found = odd_columns(), contract.transformed(odd, "train")
    assert set(found["rare_xf"][:-1]) == {1}
    assert found["rare_xf"][-1] == 2
    assert sorted(set(found["code_xf"])) == [1, 2]
    np.testing.assert_array_equal(found["steps (n)_xf"] == 0, frame["steps (n)"].isna())
    present = found["steps (n)_xf"][frame["steps (n)"].notna()]
    assert (np.diff(present) >= 0).all()
    np.testing.assert_allclose(np.bincount(present)[1:], [8, 8, 8, 8], atol=1)
    np.testing.assert_array_equal(found["label_xf"], [1, 0, 2, 0] * 10)


def test_a_request_may_leave_out_any_value(odd: contract.Prepared) -> None:
    tabular.run_fn(odd.fn_args("missing"))
    model = tf.saved_model.load(odd.model_dir("missing"))
    nothing = model.signatures["serving_examples"](tf.constant([b""]))
    specs = model.signatures["serving_default"].structured_input_signature[1]
    assert "left_out" not in specs
    fill = {tf.string: "", tf.float32: float("nan"), tf.int64: -(2**31)}
    empty = {name: tf.constant([fill[spec.dtype]], spec.dtype) for name, spec in specs.items()}
    by_tensor = model.signatures["serving_default"](**empty)
    np.testing.assert_allclose(nothing["probabilities"], by_tensor["probabilities"], rtol=1e-6)
    assert np.isfinite(nothing["probabilities"]).all()
    unknown = model.signatures["serving_default"](**{**empty, "rare": tf.constant(["never seen"])})
    assert not np.allclose(unknown["probabilities"], by_tensor["probabilities"], rtol=1e-6)
    labels = model.signatures["transform_features"](tf.constant([b"", contract.example({"label": "zebra"})]))
    np.testing.assert_array_equal(labels["label_xf"], [-2, -1])


def test_same_seed_gives_the_same_model_and_another_seed_another(
    odd: contract.Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract.export_nothing(monkeypatch)
    curves = []
    for run, seed in (("a", 3), ("b", 3), ("c", 4)):
        changed = {**odd.custom_config, "training": {"epochs": 2, "seed": seed}}
        tabular.run_fn(odd.fn_args(run, custom_config=changed))
        curves.append(
            json.loads((odd.folder / "Trainer" / "model_run" / run / "learning_curves.json").read_text())
        )
    assert curves[0]["loss"] == curves[1]["loss"]
    assert curves[0]["loss"] != curves[2]["loss"]


def test_a_rate_that_is_too_high_is_named(odd: contract.Prepared) -> None:
    frame_config = {
        **odd.custom_config,
        "training": {"learning_rate": 100.0, "optimizer": "sgd", "epochs": 400},
    }
    frame_config["model"] = {"hidden": [8, 8], "activation": "linear"}
    with pytest.raises(
        BadInput, match=r"loss became NaN at step \d+: lower trainer.training.learning_rate.*100"
    ):
        tabular.run_fn(odd.fn_args("nan", custom_config=frame_config))
    assert not list((odd.folder / "Trainer" / "checkpoints").glob("*"))


def test_the_positive_class_may_be_the_earlier_one(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0] * 10, "label": ["no", "yes", "yes"] * 10})
    custom_config = config("binary", ["label"], features={"positive_class": "no"}, training={"epochs": 30})
    prepared = prepare(tmp_path, frame, custom_config, 3)
    tabular.run_fn(prepared.fn_args())
    np.testing.assert_array_equal(contract.transformed(prepared, "valid")["label_xf"], [1, 0, 0])
    model = tf.saved_model.load(prepared.model_dir()).signatures["serving_default"]
    answer = model(x=tf.constant([1.0, 3.0]))
    assert answer["label"].numpy().tolist() == [b"no", b"yes"]
    assert answer["probability"][0, 0] > 0.5 > answer["probability"][1, 0]


KILLS_ITSELF = """
import os, pickle, signal, sys
from trainer_modules import tabular
from trainer_modules.common import training_state

end = training_state.TrainingState.on_epoch_end

def and_die(self, at, logs=None):
    end(self, at, logs)
    if self.epoch == 7:
        os.kill(os.getpid(), signal.SIGKILL)

training_state.TrainingState.on_epoch_end = and_die
tabular.run_fn(pickle.load(sys.stdin.buffer))
"""


def test_a_killed_training_ends_with_the_same_model_as_an_unbroken_one(
    odd: contract.Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = {"hidden": [8], "dropout": 0.2, "batch_norm": True}
    training = {"epochs": 20, "learning_rate": 0.01, "early_stopping": {"patience": 0}}
    custom_config = {**odd.custom_config, "model": model, "training": training}
    killed = odd.fn_args("killed", custom_config=custom_config)
    command = [sys.executable, "-c", KILLS_ITSELF]
    process = subprocess.run(command, input=pickle.dumps(killed), cwd=Path(__file__).parents[2])
    assert process.returncode == -signal.SIGKILL
    checkpoints = odd.folder / "Trainer" / "checkpoints"
    assert list(checkpoints.glob("*/state.npz"))

    contract.export_nothing(monkeypatch)
    curves = {}
    for run in ("resumed", "unbroken"):
        tabular.run_fn(odd.fn_args(run, custom_config=custom_config))
        curves[run] = json.loads(
            (odd.folder / "Trainer" / "model_run" / run / "learning_curves.json").read_text()
        )
        assert not list(checkpoints.glob("*"))
    assert curves["resumed"]["resumed_after_epoch"] == 7
    assert curves["unbroken"]["resumed_after_epoch"] == 0
    assert curves["resumed"]["epoch"] == list(range(1, 21))
    for name in ("loss", "val_loss", "best_epoch", "steps"):
        assert curves["resumed"][name] == curves["unbroken"][name]
    for resumed, unbroken in zip(odd.weights("resumed"), odd.weights("unbroken"), strict=True):
        np.testing.assert_array_equal(resumed, unbroken)


def test_warm_start_goes_on_from_the_last_blessed_model(
    odd: contract.Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract.export_nothing(monkeypatch)

    def losses(run: str, base: str | None, **training: Any) -> list[float]:
        changed = {**odd.custom_config, "training": {"learning_rate": 0.02, **training}}
        tabular.run_fn(odd.fn_args(run, custom_config=changed, base_model=base))
        return json.loads((odd.folder / "Trainer" / "model_run" / run / "learning_curves.json").read_text())[
            "val_loss"
        ]

    first = losses("base", None, epochs=20)
    warm = losses("warm", odd.model_dir("base"), epochs=1, warm_start=True)
    cold = losses("cold", odd.model_dir("base"), epochs=1)
    assert warm[0] < (min(first) + first[0]) / 2 < cold[0] + 0.1
    assert warm[0] < cold[0]
    other = {**odd.custom_config, "model": {"hidden": [5]}, "training": {"epochs": 1, "warm_start": True}}
    with pytest.raises(
        BadInput, match=r"warm_start: the last blessed model does not fit .*\[.*5\] instead of"
    ):
        tabular.run_fn(odd.fn_args("misfit", custom_config=other, base_model=odd.model_dir("base")))


def test_the_stock_tuner_searches_and_the_trainer_takes_its_result(
    odd: contract.Prepared, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = {"trials": 2, "epochs": 2, "layers": [2, 2], "units": [3, 6], "learning_rate": [0.001, 0.1]}
    result = tabular.tuner_fn(odd.fn_args(custom_config={**odd.custom_config, "tuning": tuning}))
    with caplog.at_level("INFO", logger="mlpipe.progress"):
        result.tuner.search(**result.fit_kwargs)
    steps = [record.mlpipe_step for record in caplog.records if record.name == "mlpipe.progress"]
    assert steps == [3, 6, 9, 12]
    artifacts = {"best_hyperparameters": HyperParameters(), "tuner_results": TunerResults()}
    for key, artifact in artifacts.items():
        artifact.uri = str(odd.folder / key)
        Path(artifact.uri).mkdir()
    write_best_hyperparameters(result.tuner, {key: [artifact] for key, artifact in artifacts.items()})
    trials = json.loads((odd.folder / "tuner_results" / "tuner_results.json").read_text())
    assert len(trials) == 2
    assert all(0.001 <= trial["learning_rate"] <= 0.1 and 3 <= trial["units"] <= 6 for trial in trials)

    best = json.loads((odd.folder / "best_hyperparameters" / "best_hyperparameters.txt").read_text())
    contract.export_nothing(monkeypatch)
    tabular.run_fn(odd.fn_args("tuned", hyperparameters=best))
    units = best["values"]["units"]
    with np.load(Path(odd.model_dir("tuned")) / "assets.extra" / "warm_start.npz") as saved:
        assert [saved[f"weight_{i}"].shape[0] for i in (1, 3, 5)] == [units, units, 3]


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"features": {"numeric": ["nose"]}}, r"trainer.features.numeric: 'nose' is no column of the data"),
        ({"features": {"numeric": ["island"]}}, "'island' holds text"),
        ({"features": {"categorical": ["species"]}}, "'species' is the label"),
        ({"features": {"exclude": ["island", "x"]}}, "leaves no column for the model"),
    ],
)
def test_features_that_do_not_fit_the_columns(sections: dict[str, Any], message: str) -> None:
    inputs = {
        "island": tf.constant([["Dream"]]),
        "x": tf.constant([[1.0]]),
        "species": tf.constant([["Gentoo"]]),
    }
    with pytest.raises(BadInput, match=message):
        tabular.preprocessing_fn(inputs, config("multiclass", ["species"], **sections))
