"""Attributions of models that the trainer modules export: of a table, of texts and of images."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tfx.types import artifact_utils, standard_artifacts

from common.errors import BadInput
from components.attributions import report
from components.attributions.artifact import FeatureAttributions
from components.attributions.config import Attributions
from components.attributions.executor import Executor
from components.attributions.model import ExplainedModel
from components.evaluator import figures
from tests.trainer_modules import (
    contract,
    image_data,
    test_image_classifier,
    test_tabular,
    test_text_classifier,
)
from trainer_modules import image_classifier, tabular, text_classifier


@dataclass(frozen=True)
class Trained:
    """A model that a trainer module has exported with what is differentiated."""

    prepared: contract.Prepared
    task: str
    label: list[str]

    @property
    def examples(self) -> list[bytes]:
        return self.prepared.raw["valid"]

    @property
    def model(self) -> ExplainedModel:
        return ExplainedModel(Path(self.prepared.model_dir()))

    def measure(
        self, folder: Path, former: dict[str, Any] | None = None, slices: Any = (), **settings: Any
    ) -> dict[str, Any]:
        """What the executor leaves of the split `valid`, as `eval`; `former` is what another model's left."""
        inputs = {
            "model": [
                _artifact(standard_artifacts.Model(), self.prepared.folder / "Trainer" / "model" / "1", 7)
            ],
            "examples": [_stored(folder / "examples", self.examples)],
            "evaluation": [_artifact(standard_artifacts.ModelEvaluation(), folder / "evaluation")],
        }
        (folder / "evaluation").mkdir()
        (folder / "evaluation" / "verdict.json").write_text("{}")
        if former is not None:
            (folder / "former").mkdir()
            report.write(folder / "former", former)
            inputs["former"] = [_artifact(FeatureAttributions(), folder / "former")]
        made = _artifact(FeatureAttributions(), folder / "made")
        chosen = {"repeats": 2, "gradient_examples": 16, "steps": 60, **settings}
        properties = {
            "task": self.task,
            "labels": json.dumps(self.label),
            "metric": "rmse" if self.task == "regression" else "accuracy",
            "higher_is_better": int(self.task != "regression"),
            "slices": json.dumps(slices),
            "min_slice_examples": 3,
            "settings": Attributions(**chosen).model_dump_json(),
        }
        Executor().Do(inputs, {"attributions": [made]}, properties)
        assert made.get_int_custom_property("model_id") == 7
        return report.read(Path(made.uri))


def _artifact(artifact: Any, folder: Path, number: int = 1) -> Any:
    artifact.uri, artifact.id = str(folder), number
    return artifact


def _stored(folder: Path, examples: list[bytes]) -> standard_artifacts.Examples:
    (folder / "Split-eval").mkdir(parents=True)
    options = tf.io.TFRecordOptions(compression_type="GZIP")
    with tf.io.TFRecordWriter(str(folder / "Split-eval" / "data.gz"), options) as writer:
        for example in examples:
            writer.write(example)
    artifact = _artifact(standard_artifacts.Examples(), folder)
    artifact.split_names = artifact_utils.encode_split_names(["eval"])
    return artifact


def trained(prepared: contract.Prepared, run_fn: Callable[..., Any]) -> Trained:
    custom = {**prepared.custom_config, "explained": True}
    run_fn(prepared.fn_args(custom_config=custom))
    return Trained(prepared, custom["task"], custom["labels"])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    frame, custom = test_tabular.CASES["classes with missing values"]
    return trained(
        test_tabular.prepare(tmp_path_factory.mktemp("table"), frame[:150], custom, valid=60), tabular.run_fn
    )


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    custom = test_text_classifier.config()
    return trained(
        test_text_classifier.prepare(tmp_path_factory.mktemp("texts"), custom), text_classifier.run_fn
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    frames = image_data.fashion_frame(), image_data.fashion_frame("t10k", 12)
    custom = test_image_classifier.config()
    return trained(
        test_image_classifier.prepare(tmp_path_factory.mktemp("images"), *frames, custom),
        image_classifier.run_fn,
    )


@pytest.mark.parametrize(
    "kind", ["table", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("texts", "images"))]
)
def test_what_is_differentiated_gives_the_model_s_own_answers(
    kind: str, request: pytest.FixtureRequest
) -> None:
    of: Trained = request.getfixturevalue(kind)
    raw = [_values(example) for example in of.examples]
    made = of.model.inputs(of.examples, raw)
    answers = of.model.answers(made["values"], made["given"])
    own = of.model.ask(of.examples)
    for name, values in own.items():
        np.testing.assert_allclose(answers[name].numpy(), values, atol=1e-5)


def _values(example: bytes) -> dict[str, list[Any]]:
    features = tf.train.Example.FromString(example).features.feature
    return {
        name: list(getattr(feature, feature.WhichOneof("kind")).value)
        for name, feature in features.items()
        if feature.WhichOneof("kind")
    }


def test_a_table(table: Trained, tmp_path: Path) -> None:
    found = table.measure(tmp_path, slices=[["island"]])
    permuted, gradients = found["permutation"], found["gradients"]
    used = {row["feature"] for row in permuted["rows"]}
    assert used == {row["feature"] for row in gradients["rows"]}
    assert "species" not in used
    assert "flipper_length_mm" in used
    names = (Path(table.prepared.model_dir()) / "assets" / "class_names.txt").read_text().split()
    true = np.array([names.index(_values(example)["species"][0].decode()) for example in table.examples])
    scores = table.model.ask(table.examples)["probabilities"]
    assert permuted["rows"][0]["value"] == pytest.approx(figures.of_classes("accuracy", true, scores))
    for method in (permuted, gradients):
        assert sum(row["share"] for row in method["rows"] if row["slice"] == "overall") == pytest.approx(1)
        assert {row["slice"] for row in method["rows"]} == {
            "overall",
            "island=Biscoe",
            "island=Dream",
            "island=Torgersen",
        }
    gap = gradients["completeness"]
    assert gap["mean_difference"] > 0.1
    assert gap["largest_gap"] < 0.02 * gap["mean_difference"] + 0.005
    assert (gradients["baseline"], gradients["examples"]) == ("the mean of the examples", 16)


@pytest.mark.slow
def test_words(texts: Trained, tmp_path: Path) -> None:
    found = texts.measure(tmp_path)["gradients"]
    assert found["completeness"]["largest_gap"] < 0.01
    assert {row["feature"] for row in found["rows"]} == {"text"}
    ranked = {row["token"]: row["mean"] for row in (*found["tokens"]["for"], *found["tokens"]["against"])}
    assert len(ranked) > 5
    sample = found["samples"][0]
    assert 0 <= sample["answer"] <= 1
    assert all(isinstance(word, str) and word for word, _ in sample["tokens"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bilstm", "transformer"])
def test_words_of_each_encoder(name: str, tmp_path: Path) -> None:
    """Gradients go back through the loops and the attention of what was loaded."""
    model = {"architecture": name, **test_text_classifier.SMALL[name]}
    custom = test_text_classifier.config(model=model)
    of = trained(test_text_classifier.prepare(tmp_path / "model", custom), text_classifier.run_fn)
    found = of.measure(tmp_path)["gradients"]
    assert found["completeness"]["mean_difference"] > 1e-3
    assert found["completeness"]["mean_gap"] < 0.05 * found["completeness"]["mean_difference"] + 1e-3


@pytest.mark.slow
def test_pixels(images: Trained, tmp_path: Path) -> None:
    found = images.measure(tmp_path)["gradients"]
    assert found["completeness"]["largest_gap"] < 0.02
    assert len(found["pictures"]) == 12
    for picture in (*(row["file"] for row in found["pictures"]), found["mean_picture"]):
        with Image.open(tmp_path / "made" / "pictures" / picture) as opened:
            assert opened.height >= 96
            assert opened.width == opened.height * (1 if picture == "mean.png" else 2)


def test_drift_against_the_last_blessed_model(table: Trained, tmp_path: Path) -> None:
    former = {
        "permutation": {"rows": []},
        "gradients": {"rows": [{"slice": "overall", "output": "", "feature": "colour", "share": 1.0}]},
    }
    found = table.measure(tmp_path, former=former, drift=0.2)
    assert found["drift"]["rows"][0] == {
        "output": "",
        "feature": "colour",
        "share": 0.0,
        "former": 1.0,
        "change": -1.0,
    }
    failure = report.gate_failure(found)
    assert failure is not None
    assert failure.startswith(
        "colour has 0.0% of the attributions by gradients, the last blessed model 100.0%"
    )


@pytest.mark.slow
def test_several_outputs_have_attributions_of_their_own(tmp_path: Path) -> None:
    frame, custom = test_tabular.CASES["several numbers"]
    of = trained(test_tabular.prepare(tmp_path / "model", frame[:90], custom, valid=30), tabular.run_fn)
    found = of.measure(tmp_path)
    for method in ("permutation", "gradients"):
        assert {row["output"] for row in found[method]["rows"]} == {"body_mass_g", "flipper (mm)"}


def test_a_model_that_exports_nothing_has_permutation_alone(
    table: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ExplainedModel, "explained", None)
    found = table.measure(tmp_path)
    assert found["gradients"] is None
    assert found["permutation"]["rows"][0]["share"] > 0


def test_a_split_without_labels(table: Trained, tmp_path: Path) -> None:
    examples = [tf.train.Example.FromString(example) for example in table.examples[:3]]
    for example in examples:
        del example.features.feature["species"]
    unlabelled = contract.Prepared(
        table.prepared.folder,
        table.prepared.custom_config,
        table.prepared.transform_graph,
        {"valid": [example.SerializeToString() for example in examples]},
    )
    with pytest.raises(BadInput, match="the split eval has no example with a label"):
        Trained(unlabelled, "multiclass", ["species"]).measure(tmp_path)
