"""The Evaluator on images from files: slices, classes, confusion, calibration and pictures, against numpy and scikit-learn."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import sklearn.metrics
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from PIL import Image
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_artifacts
from tfx.utils import json_utils, path_utils, proto_utils

from components.batches import files, record_batches
from components.evaluator import executor, measured
from components.evaluator.executor import Executor
from components.statistics_gen.statistics import statistics_of
from pipeline import evaluation
from pipeline.sections import Config
from tests.components.image_example_gen import images

CLASSES = ["T-shirt top", "coat", "größe"]
SLICES = [["brightness"], ["size"], ["label"]]
CONFIG = {
    "name": "toy",
    "task": "multiclass",
    "label": "label",
    "data": {"images": "folders", "path": "images"},
    "trainer": {"module": "trainer_modules.image_classifier"},
    "evaluation": {
        "metrics": ["precision", "f1", "top_3_accuracy", "calibration_error"],
        "gates": [
            {"metric": "accuracy", "lower": 0.1, "slices": True},
            {"metric": "recall", "lower": 0.7, "max_drop": 0.05, "classes": True},
        ],
        "min_slice_examples": 3,
    },
}
MOST = 4
PREDICTIONS = 50


class Model(tf.Module):
    """Scores from the mean grey value of an image: the nearer a class's centre is to it, the higher."""

    def __init__(self, centres: list[float], classes: list[str], scratch: Path) -> None:
        super().__init__()
        names = scratch / "class_names.txt"
        names.write_text("".join(f"{name}\n" for name in classes))
        self.names = tf.saved_model.Asset(str(names))
        self.centres = tf.constant(centres)
        keys = tf.constant(classes)
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(keys, tf.range(len(classes), dtype=tf.int64)), -1
        )

    def scores(self, encoded: tf.Tensor) -> tf.Tensor:
        def grey(one: tf.Tensor) -> tf.Tensor:
            return tf.reduce_mean(tf.cast(tf.io.decode_png(one, 1), tf.float32)) / 255

        shade = tf.map_fn(grey, encoded, fn_output_signature=tf.float32)
        return tf.nn.softmax(-20 * tf.abs(shade[:, None] - self.centres[None]))

    @tf.function(input_signature=[{"image_bytes": tf.TensorSpec([None], tf.string, name="image_bytes")}])
    def serving_default(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {"probabilities": self.scores(inputs["image_bytes"])}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serving_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, {"image": tf.io.FixedLenFeature([], tf.string)})
        return {"probabilities": self.scores(parsed["image"]), "label": parsed["image"]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def transform_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, {"label": tf.io.FixedLenFeature([], tf.string)})
        return {"label_xf": self.table.lookup(parsed["label"])}


@dataclass(frozen=True)
class Evaluated:
    """What the Evaluator left, and what the models' answers are by numpy."""

    folder: Path
    blessing: standard_artifacts.ModelBlessing
    records: list[dict[str, Any]]
    true: np.ndarray
    scores: np.ndarray
    former: np.ndarray

    @property
    def verdict(self) -> dict[str, Any]:
        return json.loads((self.folder / "verdict.json").read_text())

    def row(self, metric: str, slice_name: str = "overall") -> dict[str, Any]:
        (row,) = (r for r in self.verdict["metrics"] if (r["metric"], r["slice"]) == (metric, slice_name))
        return row


# The baseline's classes stand in another order: rows are compared by name.
CENTRES = {"T-shirt top": 0.3, "coat": 0.5, "größe": 0.8}
FORMER = {"größe": 0.7, "coat": 0.55, "T-shirt top": 0.2}


def by_numpy(records: list[dict[str, Any]], centres: dict[str, float]) -> np.ndarray:
    """Scores of the classes in the order of CLASSES."""
    shades = [np.asarray(Image.open(io.BytesIO(record["image"]))).mean() / 255 for record in records]
    raised = np.exp(-20 * np.abs(np.array(shades)[:, None] - [centres[name] for name in CLASSES]))
    return raised / raised.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Question:
    """The inputs of an execution, and the records of the split that it evaluates."""

    inputs: dict[str, list[Any]]
    records: list[dict[str, Any]]
    scratch: Path

    def put(self, folder: Path, config: dict[str, Any] = CONFIG) -> standard_artifacts.ModelBlessing:
        """Execute; `folder` becomes the evaluation. Returns the blessing."""
        parsed = Config.model_validate(config)
        outputs = {
            "evaluation": [standard_artifacts.ModelEvaluation()],
            "blessing": [standard_artifacts.ModelBlessing()],
        }
        outputs["evaluation"][0].uri = str(folder)
        outputs["blessing"][0].uri = f"{folder}-blessing"
        properties = {
            "eval_config": proto_utils.proto_to_json(evaluation.eval_config(parsed, SLICES)),
            "example_splits": json_utils.dumps(["eval"]),
            "min_slice_examples": parsed.evaluation.min_slice_examples,
            "task": parsed.task,
            "class_gates": json.dumps(evaluation.class_gates(parsed)),
            "buckets": json.dumps(evaluation.buckets(parsed, SLICES)),
            "mistakes": MOST,
            "predictions": PREDICTIONS,
        }
        Executor(images.context(self.scratch)).Do(self.inputs, outputs, properties)
        return outputs["blessing"][0]


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Question:
    folder = tmp_path_factory.mktemp("question")
    random = np.random.default_rng(3)
    for label, centre in CENTRES.items():
        for index in range(120):
            shade = np.clip(random.normal(centre, 0.12), 0.05, 0.95)
            pixels = np.clip(random.normal(255 * shade, 25, [8, random.integers(8, 30)]), 0, 255)
            image = Image.fromarray(pixels.astype(np.uint8))
            images.write_file(folder / "images" / label / f"{index}.png", images.encoded(image))
    examples = images.run(folder / "images", folder, labels=["label"])
    inputs = {
        "examples": [examples],
        "schema": [_schema(folder / "schema")],
        "statistics": [_statistics(folder / "statistics", files(examples, "train"))],
        "model": [_model(folder / "model", CENTRES, 1)],
        "baseline_model": [_model(folder / "baseline", FORMER, 2)],
    }
    return Question(inputs, images.records(examples)["eval"], folder / "tmp")


@pytest.fixture(scope="module")
def evaluated(question: Question, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    folder = tmp_path_factory.mktemp("evaluated") / "1"
    blessing = question.put(folder)
    return Evaluated(
        folder,
        blessing,
        question.records,
        np.array([CLASSES.index(record["label"].decode()) for record in question.records]),
        by_numpy(question.records, CENTRES),
        by_numpy(question.records, FORMER),
    )


def _schema(folder: Path) -> standard_artifacts.Schema:
    schema = schema_pb2.Schema()
    for name, kind in (
        ("image", "BYTES"),
        ("label", "BYTES"),
        ("file_name", "BYTES"),
        ("brightness", "FLOAT"),
        ("size", "INT"),
        ("height", "INT"),
        ("width", "INT"),
        ("channels", "INT"),
    ):
        schema.feature.add(name=name, type=schema_pb2.FeatureType.Value(kind))
    folder.mkdir()
    (folder / "schema.pbtxt").write_text(text_format.MessageToString(schema))
    artifact = standard_artifacts.Schema()
    artifact.uri = str(folder)
    return artifact


def _statistics(folder: Path, paths: list[str]) -> standard_artifacts.ExampleStatistics:
    found = statistics_of((batch for path in paths for batch in record_batches(path, None)), ["image"])
    (folder / "Split-train").mkdir(parents=True)
    (folder / "Split-train" / "FeatureStats.pb").write_bytes(found.SerializeToString())
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri = str(folder)
    return artifact


def _model(folder: Path, centres: dict[str, float], number: int) -> standard_artifacts.Model:
    folder.mkdir()
    model = Model(list(centres.values()), list(centres), folder)
    signatures = {
        name: getattr(model, name) for name in ("serving_default", "serving_examples", "transform_features")
    }
    tf.saved_model.save(model, path_utils.serving_model_dir(str(folder)), signatures=signatures)
    artifact = standard_artifacts.Model()
    artifact.uri, artifact.id = str(folder), number
    return artifact


def test_metrics_of_all_examples(evaluated: Evaluated) -> None:
    predicted, former = evaluated.scores.argmax(axis=1), evaluated.former.argmax(axis=1)
    for metric, values in (
        ("accuracy", [np.mean(p == evaluated.true) for p in (predicted, former)]),
        (
            "precision",
            [
                sklearn.metrics.precision_score(evaluated.true, p, average="macro")
                for p in (predicted, former)
            ],
        ),
        (
            "recall",
            [sklearn.metrics.recall_score(evaluated.true, p, average="macro") for p in (predicted, former)],
        ),
        ("f1", [sklearn.metrics.f1_score(evaluated.true, p, average="macro") for p in (predicted, former)]),
        ("top_3_accuracy", [1.0, 1.0]),
    ):
        row = evaluated.row(metric)
        assert [row["value"], row["baseline"]] == pytest.approx(values), metric
        assert row["examples"] == len(evaluated.records)
    assert 0.6 < evaluated.row("accuracy")["value"] < 0.95


def test_each_class_has_its_rows_by_name_though_the_baseline_has_another_order(evaluated: Evaluated) -> None:
    labels = range(len(CLASSES))
    now, before = (
        sklearn.metrics.recall_score(evaluated.true, scores.argmax(axis=1), average=None, labels=labels)
        for scores in (evaluated.scores, evaluated.former)
    )
    for index, name in enumerate(CLASSES):
        row = evaluated.row("recall", f"class {name}")
        assert (row["value"], row["baseline"]) == pytest.approx((now[index], before[index]))
        assert (row["class"], row["lower"], row["change"]) == (name, 0.7, -0.05)
        assert row["ok"] == (now[index] >= 0.7 and now[index] - before[index] >= -0.05)
        assert row["examples"] == np.count_nonzero(evaluated.true == index)
        assert evaluated.row("precision", f"class {name}")["ok"] is None
    slices = [row["slice"] for row in evaluated.verdict["metrics"]]
    assert slices.index("class T-shirt top") < slices.index("class größe") < slices.index("brightness=bright")


def test_slices_by_brightness_size_and_class(evaluated: Evaluated) -> None:
    right = evaluated.scores.argmax(axis=1) == evaluated.true
    for column, names in evaluation.BUCKETS.items():
        bounds = evaluated.verdict["buckets"][column]
        assert tuple(bounds["names"]) == names
        numbers = np.array([record[column] for record in evaluated.records])
        low, high = numbers < bounds["lower"], numbers > bounds["upper"]
        for name, chosen in zip(names, (low, ~low & ~high, high), strict=True):
            row = evaluated.row("accuracy", f"{column}={name}")
            assert row["examples"] == chosen.sum() > 0.2 * len(numbers)
            assert row["value"] == pytest.approx(right[chosen].mean())
            assert row["lower"] == 0.1
    for index, name in enumerate(CLASSES):
        assert evaluated.row("accuracy", f"label={name}")["value"] == pytest.approx(
            right[evaluated.true == index].mean()
        )


def test_brightness_and_size_are_those_of_the_picture(evaluated: Evaluated) -> None:
    for record in evaluated.records[:20]:
        pixels = np.asarray(Image.open(io.BytesIO(record["image"])))
        assert record["size"] == pixels.size
        assert record["brightness"] == pytest.approx(pixels.mean() / 255, abs=0.02)


def test_confusion_and_calibration(evaluated: Evaluated) -> None:
    found = json.loads((evaluated.folder / "confusion.json").read_text())
    predicted = evaluated.scores.argmax(axis=1)
    assert found["classes"] == CLASSES
    assert found["counts"] == sklearn.metrics.confusion_matrix(evaluated.true, predicted).tolist()
    assert found["unknown"] == [0, 0, 0]
    calibration = json.loads((evaluated.folder / "calibration.json").read_text())
    confidence, right = evaluated.scores.max(axis=1), predicted == evaluated.true
    chosen = (confidence >= 12 / 15) & (confidence < 13 / 15)
    assert calibration["bins"][12]["examples"] == chosen.sum() > 0
    assert calibration["bins"][12]["confidence"] == pytest.approx(confidence[chosen].mean())
    assert calibration["bins"][12]["accuracy"] == pytest.approx(right[chosen].mean())
    error = sum(
        row["examples"] * abs(row["confidence"] - row["accuracy"])
        for row in calibration["bins"]
        if row["examples"]
    )
    assert calibration["expected_calibration_error"] == pytest.approx(error / len(right))
    assert evaluated.row("calibration_error")["value"] == pytest.approx(error / len(right))


def test_the_most_confident_mistakes_are_kept_with_their_pictures(evaluated: Evaluated) -> None:
    rows = json.loads((evaluated.folder / "mistakes" / "mistakes.json").read_text())
    predicted, confidence = evaluated.scores.argmax(axis=1), evaluated.scores.max(axis=1)
    wrong = np.flatnonzero(predicted != evaluated.true)
    worst = wrong[np.argsort(-confidence[wrong])][:MOST]
    assert len(wrong) > MOST
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    for row, index in zip(rows, worst, strict=True):
        record = evaluated.records[index]
        assert row["features"]["file_name"] == record["file_name"].decode()
        assert row["features"]["label"] == row["true"] == CLASSES[evaluated.true[index]]
        assert row["predicted"] == CLASSES[predicted[index]]
        assert row["confidence"] == pytest.approx(confidence[index], abs=1e-5)
        assert row["score_of_true"] == pytest.approx(evaluated.scores[index, evaluated.true[index]], abs=1e-5)
        (picture,) = row["files"]
        assert (evaluated.folder / "mistakes" / picture).read_bytes() == record["image"]
    plain = {"T-shirt top": "t-shirt-top", "coat": "coat", "größe": "groe"}
    assert rows[0]["files"] == [
        f"01_true-{plain[rows[0]['true']]}_predicted-{plain[rows[0]['predicted']]}.png"
    ]


def test_predictions_are_the_model_s_own_answers_to_a_sample(evaluated: Evaluated) -> None:
    table = pq.read_table(evaluated.folder / "predictions.parquet")
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert int(metadata["examples"]) == len(evaluated.records) > table.num_rows == PREDICTIONS
    assert (metadata["task"], json.loads(metadata["label"])) == ("multiclass", ["label"])
    assert json.loads(metadata["classes"]) == CLASSES
    places = table["id"].to_numpy()
    assert (np.diff(places) > 0).all()
    scores = np.stack(table["scores"].to_numpy())
    np.testing.assert_allclose(scores, evaluated.scores[places], atol=1e-5)
    true, predicted = evaluated.true[places], evaluated.scores[places].argmax(axis=1)
    assert table["label"].to_pylist() == [CLASSES[index] for index in true]
    assert table["predicted"].to_pylist() == [CLASSES[index] for index in predicted]
    own = evaluated.scores[places, true]
    np.testing.assert_allclose(table["loss"].to_numpy(), -np.log(own), atol=1e-4)
    raw = [name for name in table.column_names if name.startswith("raw.")]
    assert raw == [
        f"raw.{name}" for name in ("brightness", "channels", "file_name", "height", "label", "size", "width")
    ]
    for place, row in zip(places, table.to_pylist(), strict=True):
        record = evaluated.records[place]
        assert row["raw.file_name"] == record["file_name"].decode()
        assert row["raw.size"] == record["size"]
        features = tf.train.Example.FromString(row["example"]).features.feature
        assert features["image"].bytes_list.value[0] == record["image"]


def test_the_blessing_names_both_models(evaluated: Evaluated) -> None:
    blessed = evaluated.verdict["blessed"]
    assert blessed == all(row["ok"] is not False for row in evaluated.verdict["metrics"])
    assert [file.name for file in Path(evaluated.blessing.uri).iterdir()] == [
        "BLESSED" if blessed else "NOT_BLESSED"
    ]
    assert evaluated.blessing.get_int_custom_property("blessed") == int(blessed)
    assert evaluated.blessing.get_int_custom_property("current_model_id") == 1
    assert evaluated.blessing.get_int_custom_property("baseline_model_id") == 2


def other_bounds(**changed: Any) -> dict[str, Any]:
    gates = [
        {"metric": "accuracy", "lower": 0.9, "max_drop": 0.5, "slices": True},
        {"metric": "recall", "upper": 0.9, "classes": True},
    ]
    return {**CONFIG, "evaluation": {**CONFIG["evaluation"], "gates": gates, **changed}}


def test_other_bounds_are_judged_by_what_was_measured(
    question: Question, evaluated: Evaluated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anew = tmp_path / "1"
    question.put(anew, other_bounds(min_slice_examples=40))
    monkeypatch.setattr(executor, "measure", None)
    judged = evaluated.folder.with_name("2")
    blessing = question.put(judged, other_bounds(min_slice_examples=40))
    expected = json.loads((anew / "verdict.json").read_text())
    assert json.loads((judged / "verdict.json").read_text()) == expected
    assert expected != evaluated.verdict
    assert {row["ok"] for row in expected["metrics"]} == {True, False, None}
    assert blessing.get_int_custom_property("blessed") == expected["blessed"] == 0
    failures = [
        sorted(
            (of_slice.slice_key.SerializeToString(), sorted(str(one) for one in of_slice.failures))
            for of_slice in tfma.load_validation_result(str(folder)).metric_validations_per_slice
        )
        for folder in (judged, anew)
    ]
    assert failures[0] == failures[1] != []
    assert sorted(path.relative_to(judged) for path in judged.rglob("*")) == sorted(
        path.relative_to(anew) for path in anew.rglob("*")
    )
    assert tfma.load_eval_result(str(judged)).config == tfma.load_eval_result(str(anew)).config
    # Carried along, and the same sample when it is drawn again.
    kept, carried, drawn = (
        (folder / "predictions.parquet").read_bytes() for folder in (evaluated.folder, judged, anew)
    )
    assert kept == carried == drawn


@pytest.mark.parametrize(
    "changed", [{"metrics": ["precision", "f1"]}, {"metrics": [*CONFIG["evaluation"]["metrics"], "loss"]}]
)
def test_other_metrics_are_measured(
    changed: dict[str, Any], question: Question, evaluated: Evaluated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "measure", _measured)
    with pytest.raises(Measured):
        question.put(evaluated.folder.with_name("3"), other_bounds(**changed))


def test_what_is_forgotten_is_measured_again(
    question: Question, evaluated: Evaluated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "measure", _measured)
    shutil.copytree(evaluated.folder, tmp_path / "all" / "1")
    question.put(tmp_path / "all" / "2")
    measured.forget(tmp_path / "all")
    with pytest.raises(Measured):
        question.put(tmp_path / "all" / "3")


class Measured(Exception):
    """Instead of measuring."""


def _measured(*arguments: Any) -> None:
    raise Measured
