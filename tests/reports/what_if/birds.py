"""A small model of birds whose answers are a formula, the held-out examples that it was asked about, and a home with both."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from common.raw_features import MISSING_INT
from pipeline.home import Home
from reports import examples
from reports.what_if.models import ModelFailed
from serving.client_types import Signature, Tensor
from tests.pipeline.records import Recorder

EVIL = "<img src=x onerror=alert(1)>"
ISLANDS = ("Dream", "Biscoe", EVIL)
COUNT = 120
INPUTS = {
    "bill": Tensor("DT_FLOAT", (-1,)),
    "island": Tensor("DT_STRING", (-1,)),
    "mass": Tensor("DT_INT64", (-1,)),
}
OUTPUTS = {"probability": Tensor("DT_FLOAT", (-1, 1)), "label": Tensor("DT_STRING", (-1,))}
# By version: what the island adds to the score.
ISLAND = {1: 0.5, 2: 1.5}


def probability(row: Mapping[str, Any], version: int = 1) -> float:
    """What the model answers; a missing value counts as an average one."""
    bill = 45.0 if row["bill"] is None or np.isnan(row["bill"]) else row["bill"]
    mass = 4000 if row["mass"] in (None, MISSING_INT) else row["mass"]
    score = 0.3 * (bill - 45) + ISLAND[version] * (row["island"] == "Dream") - 0.001 * (mass - 4000)
    return float(1 / (1 + np.exp(-score)))


def rows() -> list[dict[str, Any]]:
    """The held-out examples; some have no bill, or no island."""
    random = np.random.default_rng(3)
    made = []
    for place in range(COUNT):
        bill = round(float(random.normal(45, 5)), 1)
        made.append(
            {
                "bill": None if place % 30 == 7 else float(np.float32(bill)),
                "island": None if place % 40 == 9 else ISLANDS[int(random.integers(3))],
                "mass": int(random.integers(30, 60)) * 100,
            }
        )
    return made


def labels() -> list[int]:
    """Of the examples: drawn with the probability that the model answers, so that it is right and wrong."""
    random = np.random.default_rng(4)
    return [int(random.random() < probability(row)) for row in rows()]


def serialized(row: Mapping[str, Any]) -> bytes:
    """A row as tf.Example."""
    example = examples.message_type()()
    for name, value in row.items():
        feature = example.features.feature[name]
        if isinstance(value, (str, bytes)):
            feature.bytes_list.value.append(value.encode() if isinstance(value, str) else value)
        elif isinstance(value, int):
            feature.int64_list.value.append(value)
        elif value is not None:
            feature.float_list.value.append(value)
    return bytes(example.SerializeToString())


def write_predictions(
    folder: Path, task: str, label: Sequence[str], classes: Sequence[str], /, **columns: Any
) -> None:
    """predictions.parquet; `raw_x` is the feature x, `label_x` the label x and so on."""
    named = {}
    for name, values in columns.items():
        kind, _, rest = name.partition("_")
        named[f"{kind}.{rest}" if rest else name] = values
    count = len(next(iter(named.values())))
    metadata = {
        "examples": str(count),
        "task": task,
        "label": json.dumps(list(label)),
        "classes": json.dumps(list(classes)),
    }
    table = pa.table({"id": pa.array(range(count), pa.int64()), **named}).replace_schema_metadata(metadata)
    folder.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, folder / "predictions.parquet", row_group_size=50)


def write_birds(folder: Path, version: int = 1) -> None:
    """The held-out examples with the answers of a version."""
    table, true = rows(), labels()
    scores = np.array([probability(row, version) for row in table], np.float32)
    write_predictions(
        folder,
        "binary",
        ["rare"],
        ["no", "yes"],
        example=pa.array([serialized(row) for row in table], pa.binary()),
        raw_bill=pa.array([row["bill"] for row in table], pa.float32()),
        raw_island=pa.array([row["island"] for row in table], pa.string()),
        raw_mass=pa.array([row["mass"] for row in table], pa.int64()),
        label_rare=pa.array(true, pa.int8()),
        score_rare=scores,
        loss=np.float32(-np.log(np.where(np.array(true) == 1, scores, 1 - scores))),
    )


def home_of(root: Path, pipeline: str = "birds", versions: int = 1, hour: int = 0) -> Home:
    """A home whose runs, one an hour, pushed versions; their models are no models, and they have no predictions."""
    recorder = Recorder(Home(root), pipeline)
    for number in range(1, versions + 1):
        recorder.run(f"20261123-{hour + number:02}0000", trainer={"learning_rate": number / 10})
    return Home(root)


def evaluation(home: Home, version: int = 1, pipeline: str = "birds") -> Path:
    """The folder of the evaluation of a version."""
    found = (home.pipeline_root(pipeline) / "Evaluator" / "evaluation").iterdir()
    return sorted(found, key=lambda path: int(path.name))[version - 1]


def bird_home(root: Path) -> Home:
    """Two versions with their held-out examples; their models are no models."""
    home = home_of(root, versions=2)
    for version in (1, 2):
        write_birds(evaluation(home, version), version)
    return home


class FormulaModels:
    """Answers by the formula, in the place of `Models`."""

    def signatures(self, folder: Path) -> dict[str, Signature]:
        if not (folder / "saved_model.pb").is_file():
            raise ModelFailed(f"{folder.name}: gone")
        return {"serving_default": Signature(INPUTS, OUTPUTS, "")}

    def predict(
        self, folder: Path, signature: str, rows: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        found = [probability(row, int(folder.name)) for row in rows]
        return [{"probability": [p], "label": "yes" if p > 0.5 else "no"} for p in found]


class OneAnswer:
    """Answers the same to every row of one signature, in the place of `Models`, and keeps what it was asked."""

    def __init__(self, signature: str, inputs: dict[str, Tensor], answer: dict[str, Any]) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self._name, self._inputs, self._answer = signature, inputs, answer

    def signatures(self, folder: Path) -> dict[str, Signature]:
        outputs = dict.fromkeys(self._answer, Tensor("DT_FLOAT", (-1,)))
        pixels = {"image": Tensor("DT_FLOAT", (-1, 28, 28, 1))}
        return {
            "serving_default": Signature(pixels, outputs, ""),
            self._name: Signature(self._inputs, outputs, ""),
        }

    def predict(
        self, folder: Path, signature: str, rows: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        assert signature == self._name
        self.asked += rows
        return [dict(self._answer) for _ in rows]


def save_model(folder: Path, version: int) -> None:
    """The formula as a SavedModel with the signatures of an exported model. Imports TensorFlow."""
    import tensorflow as tf

    class Birds(tf.Module):
        @tf.function(
            input_signature=[
                {
                    "bill": tf.TensorSpec([None], tf.float32, name="bill"),
                    "island": tf.TensorSpec([None], tf.string, name="island"),
                    "mass": tf.TensorSpec([None], tf.int64, name="mass"),
                }
            ]
        )
        def serving_default(self, features: Any) -> Any:
            return self.answer(features)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serving_examples(self, examples: Any) -> Any:
            spec = {
                "bill": tf.io.FixedLenFeature([], tf.float32, float("nan")),
                "island": tf.io.FixedLenFeature([], tf.string, ""),
                "mass": tf.io.FixedLenFeature([], tf.int64, MISSING_INT),
            }
            return self.answer(tf.io.parse_example(examples, spec))

        def answer(self, features: Any) -> Any:
            bill = tf.where(tf.math.is_nan(features["bill"]), 45.0, features["bill"])
            mass = tf.where(features["mass"] == MISSING_INT, tf.constant(4000, tf.int64), features["mass"])
            on_dream = tf.cast(features["island"] == "Dream", tf.float32)
            light = 0.001 * (tf.cast(mass, tf.float32) - 4000)
            found = tf.sigmoid(0.3 * (bill - 45) + ISLAND[version] * on_dream - light)
            return {"probability": found[:, None], "label": tf.where(found > 0.5, "yes", "no")}

    shutil.rmtree(folder, ignore_errors=True)
    birds = Birds()
    signatures = {"serving_default": birds.serving_default, "serving_examples": birds.serving_examples}
    tf.saved_model.save(birds, str(folder), signatures=signatures)
