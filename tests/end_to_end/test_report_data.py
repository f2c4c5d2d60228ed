"""The report's sections on data and Transform against the rows and the artifacts of a real run."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from reports import examples, run_facts
from reports.run import data, schema
from tests.end_to_end.project import Project

pytestmark = pytest.mark.slow


def test_figures_are_those_of_the_rows_and_of_the_run(finished: Project) -> None:
    facts = run_facts.find(finished.home, "toy")
    content = data.read(facts)
    assert content.notes == []
    with open("rows.csv") as file:
        rows = list(csv.DictReader(file))
    assert sum(split.examples for split in content.splits.values()) == len(rows)
    folder = facts.folder("ExampleGen", "examples")
    train = list(examples.read(folder, "train"))
    assert len(train) == content.splits["train"].examples
    for name, feature in content.splits["train"].features.items():
        values = [value for row in train for value in row[name]]
        if feature.kind == "text":
            counted = {text: values.count(text.encode()) for text, _ in feature.top}
            assert dict(feature.top) == counted
            assert sum(counted.values()) == len(values)
        else:
            assert feature.mean == pytest.approx(np.mean(values), rel=1e-6)
            assert feature.smallest == pytest.approx(min(values))
    html = data.section(facts).html
    assert "No anomalies: all splits fit the schema." in html

    made = schema.read(facts)
    assert made.notes == []
    assert made.examples == len(train)
    changes = {change.source: change for change in made.changes}
    for name in ("x", "y"):
        values = np.array([row[name] for row in train])
        told = re.fullmatch(r"minus the mean (\S+), divided by (\S+)", changes[name].told)
        assert told is not None
        assert float(told[1]) == pytest.approx(values.mean(), abs=1e-3)
        assert float(told[2]) == pytest.approx(values.std(), rel=1e-3)
    colors = dict(content.splits["train"].features["color"].top)
    (vocabulary,) = (one for one in made.vocabularies if "color" in one.name)
    assert dict(vocabulary.tokens) == colors
    indices = {value: int(index) for value, index, _ in changes["color"].pieces}
    assert indices == {token: place for place, (token, _) in enumerate(vocabulary.tokens, start=1)}
    stats = statistics_pb2.DatasetFeatureStatisticsList.FromString(
        (facts.folder("Transform", "transform_graph") / "observed" / "FeatureStats.pb").read_bytes()
    )
    assert stats.datasets[0].num_examples == len(train)


def test_an_anomaly_is_shown_with_its_rows(finished: Project) -> None:
    shutil.copy(Path(finished.artifact("SchemaGen", "schema").uri, "schema.pbtxt"), "curated.pbtxt")
    finished.change("trainer:", "schema: {curated: curated.pbtxt, drift: {color: 0.001}}\ntrainer:")
    with Path("rows.csv").open("a") as file:
        file.write("0.5,0.6,green,1\n" * 30)
    assert finished.run().code == 3
    facts = run_facts.find(finished.home, "toy")
    content = data.read(facts)
    assert content.findings is not None
    shown = [one for one in content.findings.anomalies if one.rows]
    assert shown
    for anomaly in shown:
        assert anomaly.feature == "color"
        assert anomaly.rows is not None
        train = list(examples.read(facts.folder("ExampleGen", "examples"), anomaly.split))
        for position, values in anomaly.rows.rows:
            assert values[0] == "green"
            assert train[position]["color"] == [b"green"]
    (drift,) = content.findings.comparisons
    assert (drift.kind, drift.threshold, drift.is_high) == ("drift", 0.001, True)
    assert content.earlier is not None
    assert content.earlier.name == "last span"
