"""Every anomaly, drift and skew is found in its split and counted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tfx import types
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils, json_utils

from common.errors import BadInput
from components.example_validator.executor import Executor, add_comparators

COLORS = pd.DataFrame({"color": ["red"] * 60 + ["blue"] * 40, "size": [float(i % 10) for i in range(100)]})
MORE_BLUE = COLORS.assign(color=["red"] * 20 + ["blue"] * 80)
SMALLER = COLORS.assign(size=[float(i % 5) for i in range(100)])


@pytest.fixture(scope="module")
def measured() -> Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]:
    frames = {
        "usual": COLORS,
        "more blue": MORE_BLUE,
        "smaller": SMALLER,
        "green": COLORS.assign(color=["green"] + ["red"] * 99),
        "without size": COLORS[["color"]],
        "some missing": COLORS.assign(size=[None] * 50 + [1.0] * 50),
    }
    return {name: tfdv.generate_statistics_from_dataframe(frame) for name, frame in frames.items()}


@pytest.fixture(scope="module")
def schema(measured: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]) -> schema_pb2.Schema:
    return tfdv.infer_schema(measured["usual"], infer_feature_shape=False)


class Case:
    """Runs the executor over splits given by the names of their data."""

    def __init__(
        self,
        folder: Path,
        measured: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList],
        schema: schema_pb2.Schema,
    ) -> None:
        self.folder, self.measured = folder, measured
        self.schema = standard_artifacts.Schema()
        self.schema.uri = str(folder / "schema")
        io_utils.write_pbtxt_file(str(folder / "schema" / "schema.pbtxt"), schema)

    def statistics(self, splits: Mapping[str, str], span: int = 0) -> types.Artifact:
        artifact = standard_artifacts.ExampleStatistics()
        artifact.uri = str(self.folder / f"statistics {span} {'-'.join(splits.values())}")
        artifact.split_names = artifact_utils.encode_split_names(list(splits))
        artifact.span = span
        for split, name in splits.items():
            file = Path(artifact.uri, f"Split-{split}", "FeatureStats.pb")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self.measured[name].SerializeToString())
        return artifact

    def examples(self, **splits: list[str]) -> types.Artifact:
        """Split -> color of each example."""
        artifact = standard_artifacts.Examples()
        artifact.uri = str(self.folder / "examples")
        artifact.split_names = artifact_utils.encode_split_names(list(splits))
        examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(artifact, "tfrecords_gzip")
        for split, colors in splits.items():
            file = Path(artifact.uri, f"Split-{split}", "data-00000-of-00001.gz")
            file.parent.mkdir(parents=True)
            with tf.io.TFRecordWriter(str(file), "GZIP") as writer:
                for color in colors:
                    example = tf.train.Example()
                    example.features.feature["color"].bytes_list.value.append(color.encode())
                    writer.write(example.SerializeToString())
        return artifact

    def found(
        self,
        baseline: Mapping[str, str] | None = None,
        drift: Mapping[str, float] | None = None,
        skew: Mapping[str, float] | None = None,
        examples: types.Artifact | None = None,
        **splits: str,
    ) -> dict[str, dict[str, list[str]]]:
        """Split -> feature -> rules that were broken."""
        inputs = {"statistics": [self.statistics(splits, span=2)], "schema": [self.schema]}
        if baseline:
            inputs["baseline_statistics"] = [self.statistics(baseline, span=1)]
        if examples:
            inputs["examples"] = [examples]
        anomalies = standard_artifacts.ExampleAnomalies()
        anomalies.uri = str(self.folder / "anomalies")
        properties = {
            "drift": json_utils.dumps(drift or {}),
            "skew": json_utils.dumps(skew or {}),
            "code": "",
        }
        Executor().Do(inputs, {"anomalies": [anomalies]}, properties)
        assert artifact_utils.decode_split_names(anomalies.split_names) == list(splits)
        assert anomalies.span == 2
        result: dict[str, dict[str, list[str]]] = {}
        count = 0
        for split in splits:
            file = Path(anomalies.uri, f"Split-{split}", "SchemaDiff.pb")
            info = anomalies_pb2.Anomalies.FromString(file.read_bytes()).anomaly_info
            count += len(info)
            if info:
                result[split] = {
                    feature: [reason.short_description for reason in found.reason]
                    for feature, found in info.items()
                }
        assert anomalies.get_int_custom_property("anomaly_count") == count
        return result


@pytest.fixture
def case(
    tmp_path: Path,
    measured: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList],
    schema: schema_pb2.Schema,
) -> Case:
    return Case(tmp_path, measured, schema)


def test_good_data_has_no_anomaly(case: Case) -> None:
    assert case.found(train="usual", valid="usual", eval="usual") == {}


@pytest.mark.parametrize("split", ["train", "valid", "eval"])
def test_a_value_out_of_its_domain_is_found_in_its_split(case: Case, split: str) -> None:
    splits = {"train": "usual", "valid": "usual", "eval": "usual", split: "green"}
    assert case.found(**splits) == {split: {"color": ["Unexpected string values"]}}


def test_some_examples_with_such_a_value_are_kept_beside_the_anomalies(case: Case) -> None:
    examples = case.examples(train=["red", "blue"], eval=["red", "green", "blue"])
    case.found(examples=examples, train="usual", eval="green")
    kept = sorted(path.relative_to(case.folder) for path in case.folder.glob("anomalies/*/*.json"))
    assert kept == [Path("anomalies/Split-eval/rows.json")]
    assert json.loads((case.folder / kept[0]).read_text()) == {
        "color": {"examined": 3, "rows": [{"position": 1, "values": {"color": "green"}}]}
    }


def test_a_missing_column(case: Case) -> None:
    assert case.found(train="usual", eval="without size") == {"eval": {"size": ["Column dropped"]}}


def test_too_many_missing_values(case: Case) -> None:
    assert case.found(train="some missing", eval="usual") == {"train": {"size": ["Column dropped"]}}


@pytest.mark.parametrize(("column", "data"), [("color", "more blue"), ("size", "smaller")])
def test_drift_against_the_baseline(case: Case, column: str, data: str) -> None:
    baseline = {"train": "usual", "eval": "usual"}
    splits = {"train": data, "eval": data}
    (rule,) = case.found(baseline, drift={column: 0.05}, **splits)["train"][column]
    assert rule.startswith("High ")
    assert "current and previous" in rule
    assert case.found(baseline, drift={column: 0.6}, **splits) == {}
    assert case.found(None, drift={column: 0.05}, **splits) == {}


@pytest.mark.parametrize(("column", "data"), [("color", "more blue"), ("size", "smaller")])
def test_skew_between_train_and_eval(case: Case, column: str, data: str) -> None:
    splits = {"train": "usual", "valid": "usual", "eval": data}
    found = case.found(skew={column: 0.05}, **splits)
    assert list(found) == ["train"]
    (rule,) = found["train"][column]
    assert rule.startswith("High ")
    assert "training and serving" in rule
    assert case.found(skew={column: 0.6}, **splits) == {}


def test_the_artifact_schema_is_left_as_it_is(case: Case) -> None:
    before = Path(case.schema.uri, "schema.pbtxt").read_text()
    case.found(train="usual", eval="usual", drift={"color": 0.1}, skew={"size": 0.1})
    assert Path(case.schema.uri, "schema.pbtxt").read_text() == before


@pytest.mark.parametrize("kind", ["drift", "skew"])
@pytest.mark.parametrize(
    ("column", "hint"), [("colour", "did you mean color?"), ("weight", "it has color, size")]
)
def test_a_threshold_on_an_unknown_column(
    kind: str, column: str, hint: str, schema: schema_pb2.Schema
) -> None:
    thresholds: dict[str, dict[str, float]] = {"drift": {}, "skew": {}, kind: {column: 0.1}}
    with pytest.raises(BadInput) as caught:
        add_comparators(schema, **thresholds)
    assert str(caught.value) == f"schema.{kind}.{column}: the data has no such column; {hint}"


def test_a_configured_threshold_replaces_the_schema_s_own(schema: schema_pb2.Schema) -> None:
    curated = schema_pb2.Schema()
    curated.CopyFrom(schema)
    color = next(feature for feature in curated.feature if feature.name == "color")
    color.drift_comparator.infinity_norm.threshold = 0.9
    size = next(feature for feature in curated.feature if feature.name == "size")
    size.skew_comparator.jensen_shannon_divergence.threshold = 0.3
    add_comparators(curated, {"color": 0.1}, {})
    assert color.drift_comparator.jensen_shannon_divergence.threshold == pytest.approx(0.1)
    assert not color.drift_comparator.HasField("infinity_norm")
    assert size.skew_comparator.jensen_shannon_divergence.threshold == pytest.approx(0.3)
